-- export_model and import_model: every algorithm comes back to the bit, and bytes that somebody made are refused or
-- serve.
\ir common.psql

CREATE TABLE bought AS
SELECT u, 'item ' || i AS item, timestamptz '2026-01-01' + make_interval(mins => (noise('t', u::text, i::text) * 100000)::int) AS ts,
       1 + floor(noise('w', u::text, i::text) * 5)::int AS amount
FROM generate_series(1, 20) u, generate_series(1, 15) i
WHERE noise(u::text, i::text) < CASE WHEN u % 4 = i % 4 THEN 0.6 ELSE 0.1 END;
CREATE TABLE users AS SELECT u, 'group ' || u % 4 AS club, u * 1.5 AS age FROM generate_series(1, 24) u;
CREATE TABLE items AS SELECT 'item ' || i AS item, 'kind ' || i % 4 AS kind, (i * 2.5)::numeric AS price FROM generate_series(1, 16) i;
CREATE TABLE labelled AS
SELECT noise('a', i::text) AS a, 'c' || i % 3 AS c, noise('y', i::text) < noise('a', i::text) AS y FROM generate_series(1, 200) i;

-- ---- every algorithm there and back ----

CREATE TABLE models (model text PRIMARY KEY, recommends boolean, predicts boolean);
CREATE FUNCTION made(name text, algorithm text, options jsonb DEFAULT '{}', features boolean DEFAULT true) RETURNS void LANGUAGE sql AS $$
    SELECT longtail.train(name, 'bought', algorithm, 'u', 'item', weight_column => 'amount', time_column => 'ts',
        user_features => CASE WHEN features THEN 'users'::regclass END, item_features => CASE WHEN features THEN 'items'::regclass END,
        options => options || '{"validation_fraction": 0.2, "refit": "always"}');
    INSERT INTO models SELECT name, true, algorithm IN ('logistic', 'mlp');
$$;
SELECT made('als', 'als', '{"factors": 4}', false), made('bpr', 'bpr', '{"factors": 4, "epochs": 3}', false), made('content', 'content'),
       made('ease', 'ease'), made('graph_filter', 'graph_filter'), made('item_knn', 'item_knn'), made('markov', 'markov'),
       made('popularity', 'popularity', '{"trend_exponent": 0.2}'), made('rp3beta', 'rp3beta', '{"popularity_exponent": 0.3}'),
       made('user_knn', 'user_knn'), made('mlp', 'mlp', '{"hidden": [4], "epochs": 2}'),
       made('logistic', 'logistic', '{"id_features": "both", "crosses": [["club", "kind"]], "rerank": {"method": "quota", "strength": 0.4}}');
SELECT made('blend', 'blend', '{"models": ["als", "content"]}'), made('auto', 'auto', '{"algorithms": ["ease", "item_knn"], "search": {"popularity_exponent": [0, 0.2]}}', false);
INSERT INTO models
SELECT (longtail.train('rows of ' || a, 'labelled', a, label_column => 'y', options => '{"epochs": 3}')).model, false, false
FROM unnest('{logistic,mlp}'::text[]) a;
SELECT is((SELECT count(*) FROM longtail.algorithms() a WHERE NOT EXISTS (SELECT FROM longtail.models m WHERE m.algorithm = a.name)), 0::bigint,
          'every algorithm is tried');

-- All that a model answers.
CREATE FUNCTION answers(name text) RETURNS text LANGUAGE sql AS $$
    SELECT md5(string_agg(answer, ' ' ORDER BY answer)) FROM (
        SELECT format('%s: %s', u, r) FROM models, generate_series(0, 21) u, longtail.recommend(name, u, 7) r
        WHERE model = split_part(name, ' copy', 1) AND recommends
        UNION ALL SELECT r::text FROM models, longtail.item_stats(name) r WHERE model = split_part(name, ' copy', 1) AND recommends
        UNION ALL SELECT longtail.predict(name, u, 'item 3')::text FROM models, generate_series(1, 21) u WHERE model = split_part(name, ' copy', 1) AND predicts
        UNION ALL SELECT longtail.predict(name, l)::text FROM models, (SELECT a, c FROM labelled) l WHERE model = split_part(name, ' copy', 1) AND NOT recommends
    ) x (answer)
$$;
SELECT isnt(answers(model), NULL, model || ' answers') FROM models;
CREATE TABLE exported AS SELECT model, longtail.export_model(model) AS bytes FROM models;
SELECT is(longtail.import_model(model || ' copy', bytes), 1, model || ' is imported') FROM exported;
SELECT is(answers(model || ' copy'), answers(model), model || ' answers alike') FROM exported;
SELECT is((SELECT encode(sha256(string_agg(d.part || d.chunk, '' ORDER BY d.part, d.chunk)::bytea || string_agg(d.bytes, '' ORDER BY d.part, d.chunk)), 'hex')
           FROM longtail.model_data d JOIN longtail.model m USING (model_id) WHERE m.name = e.model || ' copy'),
          (SELECT encode(sha256(string_agg(d.part || d.chunk, '' ORDER BY d.part, d.chunk)::bytea || string_agg(d.bytes, '' ORDER BY d.part, d.chunk)), 'hex')
           FROM longtail.model_data d JOIN longtail.model m USING (model_id) WHERE m.name = e.model), model || ': the same bytes are stored')
FROM exported e;
SELECT results_eq(
    format('SELECT algorithm, source, user_column, item_column, label_column, weight_column, time_column, user_features, item_features, options
            FROM longtail.models WHERE model = %L', model || ' copy'),
    format('SELECT algorithm, source, user_column, item_column, label_column, weight_column, time_column, user_features, item_features, options
            FROM longtail.models WHERE model = %L', model), model || ': the definition')
FROM models;
SELECT results_eq(
    format('SELECT algorithm, trained, rows, rows_skipped, users, items, features, epochs, loss, validation_metric, validation_value, active_value, seconds, options
            FROM longtail.model_versions WHERE model = %L', model || ' copy'),
    format('SELECT algorithm, trained, rows, rows_skipped, users, items, features, epochs, loss, validation_metric, validation_value, active_value, seconds, options
            FROM longtail.model_versions WHERE model = %L', model), model || ': its figures')
FROM models;
SELECT results_eq(
    format('SELECT version, epoch, train_loss, validation_loss, validation_metric, seconds FROM longtail.training_log WHERE model = %L ORDER BY epoch', model || ' copy'),
    format('SELECT version, epoch, train_loss, validation_loss, validation_metric, seconds FROM longtail.training_log WHERE model = %L ORDER BY epoch', model),
    model || ': its learning curve')
FROM models;
SELECT results_eq(
    $$ SELECT trial, algorithm, options, validation_metric, validation_value, aplt, epochs, seconds, chosen, error FROM longtail.training_trials WHERE model = 'auto copy' ORDER BY trial $$,
    $$ SELECT trial, algorithm, options, validation_metric, validation_value, aplt, epochs, seconds, chosen, error FROM longtail.training_trials WHERE model = 'auto' ORDER BY trial $$,
    'what auto tried');
SELECT cmp_ok((SELECT count(*) FROM longtail.training_trials WHERE model = 'auto copy'), '>=', 4::bigint, 'which were several');
SELECT is(decision, 'promoted: imported, where it was version 1 of model "als"', 'where it came from is told')
FROM longtail.model_versions WHERE model = 'als copy';
SELECT is(longtail.export_model('als'), bytes, 'an export of the same version is the same') FROM exported WHERE model = 'als';
SELECT is((longtail.retrain('als copy', '{"promote": "always"}')).version, 2, 'an imported model is trained again');
SELECT is((longtail.retrain('auto copy', '{"promote": "always"}')).algorithm, (SELECT algorithm FROM longtail.model_versions WHERE model = 'auto' AND active),
          'and auto tries again');

-- ---- names that are there ----

SELECT is(longtail.import_model('als', (SELECT bytes FROM exported WHERE model = 'ease')), 2, 'a model that is there gets a version more');
SELECT is((SELECT version FROM longtail.models WHERE model = 'als'), 1, 'which is not served');
SELECT is((SELECT options FROM longtail.models WHERE model = 'als') ->> 'factors', '4', 'and what retrain does stays');
SELECT is(decision, 'not promoted: imported, where it was version 1 of model "ease"', 'as it says') FROM longtail.model_versions WHERE model = 'als' AND version = 2;
SELECT is(longtail.export_model('als', 1), (SELECT bytes FROM exported WHERE model = 'als'), 'the version served is exported as it was');
SELECT is(substr(longtail.export_model('als', 2), 1, 8), 'LTEXPORT'::bytea, 'the other one too');
SELECT longtail.promote('als', 2);
INSERT INTO models VALUES ('als copy of ease', true, false);
SELECT is((SELECT array_agg(r::text ORDER BY r.rank) FROM longtail.recommend('als', 3) r), (SELECT array_agg(r::text ORDER BY r.rank) FROM longtail.recommend('ease', 3) r),
          'and once promoted it answers as there');
SELECT longtail.promote('als', 1);
DELETE FROM models WHERE model LIKE '% copy %';

-- ---- without its relations ----

SELECT longtail.drop_model('als copy');
CREATE TABLE lists AS SELECT model, u, r::text AS list FROM models, generate_series(1, 21) u, longtail.recommend(model, u) r WHERE recommends;
ALTER TABLE bought RENAME TO elsewhere;
ALTER TABLE users RENAME TO nobody;
ALTER TABLE items RENAME TO nothing;
SELECT is(longtail.import_model(model || ' alone', bytes), 1, model || ' is imported without its relations') FROM exported;
SELECT set_eq(format('SELECT u, r::text FROM generate_series(1, 20) u, longtail.recommend(%L, u) r', model || ' alone'),
              format('SELECT u, list FROM lists WHERE model = %L AND u <= 20', model), model || ' recommends alike: what users had is with it')
FROM models WHERE recommends;
SELECT lives_ok(format('SELECT longtail.recommend(%L, 4711)', model || ' alone'), model || ' has a list for strangers') FROM models WHERE recommends;
SELECT is((SELECT array_agg(source::text) FROM longtail.models WHERE model IN ('als alone', 'content alone')), '{NULL,NULL}', 'their source is none');
SELECT matches(error_of($$ SELECT longtail.retrain('als alone') $$),
               'the source is not in this database \| The model came from another database without it\. \| Name a relation', 'retrain says what to do');
SELECT matches(error_of($$ SELECT longtail.refresh('content alone') $$), 'features relation is not in this database', 'so does refresh');
SELECT is(longtail.import_model('content here', bytes, 'elsewhere'), 1, 'imported with another source') FROM exported WHERE model = 'content';
SELECT is((SELECT (source::text, user_features::text) FROM longtail.models WHERE model = 'content here')::text, '(elsewhere,)', 'which it has now');
SELECT matches(error_of($$ SELECT longtail.retrain('content here') $$), 'features relation is not in this database', 'features it has not are not left out silently');
SELECT is(longtail.import_model('als here', bytes, 'elsewhere'), 1, 'als with another source') FROM exported WHERE model = 'als';
SELECT is((longtail.retrain('als here', '{"promote": "always"}')).version, 2, 'is trained again on it');
SELECT is(length(longtail.export_model('content alone')) > 1000 AND longtail.import_model('content alone again', longtail.export_model('content alone')) = 1, true,
          'what was imported without them is exported and imported again');
SELECT matches(error_of(format('SELECT longtail.import_model(%L, bytes, 4711) FROM exported WHERE model = %L', 'x', 'als')), 'OID 4711 is nothing that rows', 'a source that is none');
CREATE INDEX some_index ON elsewhere (u);
SELECT matches(error_of($$ SELECT longtail.import_model('x', bytes, 'some_index') FROM exported WHERE model = 'als' $$), 'some_index is nothing that rows', 'an index is no source');
CREATE TABLE unlike (who int, i text);
SELECT matches(error_of($$ SELECT longtail.import_model('x', bytes, 'unlike') FROM exported WHERE model = 'als' $$), 'named as user_column does not exist in .*unlike', 'nor a table of other columns');
ALTER TABLE elsewhere RENAME TO bought;
ALTER TABLE nobody RENAME TO users;
ALTER TABLE nothing RENAME TO items;

-- ---- rights ----

CREATE ROLE transfer_owner;
CREATE ROLE transfer_user;
GRANT USAGE ON SCHEMA t TO transfer_owner, transfer_user;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA t TO transfer_owner, transfer_user;
SET ROLE transfer_owner;
SELECT is(longtail.import_model('of another', bytes), 1, 'whoever may train may import') FROM exported WHERE model = 'als';
SELECT is((SELECT owner FROM longtail.models WHERE model = 'of another'), 'transfer_owner', 'and owns the model');
SELECT longtail.grant_model('of another', 'transfer_user');
SELECT matches(error_of($$ SELECT longtail.export_model('als') $$), 'must be owner of model "als"', 'a model of another cannot be exported');
SELECT matches(error_of($$ SELECT longtail.import_model('als', '') $$), 'must be owner of model "als"', 'nor be given a version');
SET ROLE transfer_user;
SELECT is((SELECT count(*) FROM longtail.recommend('of another', 1)), 10::bigint, 'whom it is granted may use it');
SELECT matches(error_of($$ SELECT longtail.export_model('of another') $$), 'must be owner of model "of another"', 'not export it');
SELECT matches(error_of($$ SELECT longtail.import_model('of another', bytes) FROM exported WHERE model = 'als' $$), 'must be owner', 'nor import into it');
RESET ROLE;
REVOKE USAGE ON SCHEMA t FROM transfer_user;
GRANT SELECT ON exported TO transfer_user;
CREATE TABLE public.transfer_bytes AS SELECT bytes FROM exported WHERE model = 'als';
GRANT SELECT ON public.transfer_bytes TO transfer_user;
SET ROLE transfer_user;
SELECT longtail.import_model('unseen', bytes) FROM public.transfer_bytes;
SELECT public.is((SELECT source FROM longtail.models WHERE model = 'unseen'), NULL, 'a schema that the role may not look into has no source for it');
SELECT longtail.drop_model('unseen');
RESET ROLE;
SELECT longtail.drop_model('of another');
DROP OWNED BY transfer_owner, transfer_user;
DROP ROLE transfer_owner, transfer_user;

-- ---- arguments ----

SELECT throws_ok($$ SELECT longtail.export_model(NULL) $$, '22004');
SELECT throws_ok($$ SELECT longtail.export_model('no such model') $$, '42704');
SELECT throws_ok($$ SELECT longtail.export_model('als', 9) $$, '42704');
SELECT throws_ok($$ SELECT longtail.export_model('als', 0) $$, '22023');
SELECT throws_ok($$ SELECT longtail.import_model(NULL, '') $$, '22004');
SELECT throws_ok($$ SELECT longtail.import_model('x', NULL) $$, '22004');
SELECT throws_ok($$ SELECT longtail.import_model('', '') $$, '22023');
SELECT throws_ok($$ SELECT longtail.import_model('x', '') $$, 'XX001', 'these are not the bytes of an exported model');
SELECT throws_ok($$ SELECT longtail.import_model('x', 'LTEXPORT') $$, 'XX001', 'the exported model is damaged: it ends too early');

-- ---- bytes that somebody made ----

-- CRC-32C, so that a damaged model has a right checksum: of bytes, by the reflected polynomial.
CREATE TABLE crc_table AS
WITH RECURSIVE step (byte, bit, value) AS (
    SELECT b, 0, b::bigint FROM generate_series(0, 255) b
    UNION ALL
    SELECT byte, bit + 1, CASE WHEN value & 1 = 1 THEN (value >> 1) # 2197175160 ELSE value >> 1 END FROM step WHERE bit < 8)
SELECT array_agg(value ORDER BY byte) AS t FROM step WHERE bit = 8;
CREATE FUNCTION crc32c(bytes bytea) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE t bigint[] := (SELECT crc_table.t FROM crc_table); crc bigint := 4294967295;
BEGIN
    FOR i IN 0 .. length(bytes) - 1 LOOP
        crc := t[1 + ((crc # get_byte(bytes, i)) & 255)] # (crc >> 8);
    END LOOP;
    RETURN crc # 4294967295;
END $$;
SELECT is(crc32c('123456789'), 3808858755, 'CRC-32C of its check value');
-- The same body with another checksum, which is right.
CREATE FUNCTION sealed(body bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT body || set_byte(set_byte(set_byte(set_byte('\x00000000', 0, (c & 255)::int), 1, (c >> 8 & 255)::int), 2, (c >> 16 & 255)::int), 3, (c >> 24)::int)
    FROM crc32c(body) c
$$;
CREATE FUNCTION body(bytes bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT substr(bytes, 1, length(bytes) - 4) $$;
SELECT is(sealed(body(bytes)), bytes, 'a checksum of our own is theirs') FROM exported WHERE model = 'rows of logistic';

-- A little model.  What it is called says that nothing of a failed import stays.
CREATE TABLE tiny AS SELECT i % 3 AS u, i % 4 AS i FROM generate_series(1, 12) i;
SELECT longtail.train('tiny', 'tiny', 'als', 'u', 'i', options => '{"factors": 2, "epochs": 1, "split": "none"}');
CREATE TABLE little AS SELECT longtail.export_model('tiny') AS bytes;
CREATE FUNCTION tried(bytes bytea) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n int;
BEGIN
    PERFORM longtail.import_model('tried', bytes);
    SELECT count(*) INTO n FROM longtail.recommend('tried', 1), longtail.recommend('tried', 4711) x;
    PERFORM longtail.drop_model('tried');
    RETURN 'serves';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SELECT is(tried(bytes), 'serves', 'the little model') FROM little;
SELECT is(count(*), 0::bigint, 'every beginning of it is refused: ' || max(length(bytes)))
FROM little, generate_series(0, length(bytes) - 1) n, tried(substr(bytes, 1, n)) s WHERE s NOT LIKE 'XX001 %';
SELECT is(count(*), 0::bigint, 'every byte of it flipped is refused')
FROM little, generate_series(0, length(bytes) - 1) n, tried(set_byte(bytes, n, get_byte(bytes, n) # 255)) s WHERE s !~ '^(XX001|0A000) ';
SELECT is(count(*), 0::bigint, 'and every lowest bit')
FROM little, generate_series(0, length(bytes) - 1) n, tried(set_byte(bytes, n, get_byte(bytes, n) # 1)) s WHERE s !~ '^(XX001|0A000) ';
SELECT is(tried(bytes || '\x00'), 'XX001 the exported model is damaged: its checksum does not match', 'a byte more') FROM little;
SELECT is(tried(sealed(body(bytes) || '\x00')), 'XX001 the stored model is damaged: it goes on behind its end', 'a byte more, sealed') FROM little;

-- With right checksums: refused for a reason, or it serves.
CREATE TABLE outcomes AS
SELECT n, v, tried(sealed(set_byte(body(bytes), n, v))) AS outcome
FROM little, generate_series(0, length(bytes) - 5) n, LATERAL (SELECT ('{0,1,127,255}'::int[])[1 + n % 4]) AS x (v) WHERE get_byte(bytes, n) <> v;
SELECT is((SELECT string_agg(DISTINCT outcome, '; ') FROM outcomes
           WHERE outcome <> 'serves' AND outcome !~ '^(XX001|0A000|22023|22P02|22P05|42601|42703|53200|54000) '), NULL, 'what is sealed is refused cleanly or serves');
SELECT ok(count(*) FILTER (WHERE outcome = 'serves') > 50 AND count(*) FILTER (WHERE outcome <> 'serves') > 300,
          format('%s of %s serve', count(*) FILTER (WHERE outcome = 'serves'), count(*))) FROM outcomes;
SELECT is((SELECT count(*) FROM longtail.model_data d WHERE NOT EXISTS (SELECT FROM longtail.model m WHERE m.model_id = d.model_id)), 0::bigint, 'nothing of it stays');

-- Changed in one place, sealed.  Texts are found by their contents; lengths stay.
CREATE FUNCTION with_other(bytes bytea, this bytea, that bytea) RETURNS bytea LANGUAGE sql AS $$
    SELECT sealed(overlay(body(bytes) PLACING that FROM position(this IN bytes) FOR length(this)))
$$;
SELECT is(tried(sealed(set_byte(body(bytes), 8, 2))), '0A000 the model was exported in format 2, and this release reads up to 1', 'a later format') FROM little;
SELECT is(tried(sealed(set_byte(body(bytes), 8, 0))), 'XX001 the exported model is damaged: its format is out of range', 'none') FROM little;
SELECT matches(tried(with_other(bytes, 'UTF8', 'LATN')), '^serves', 'ASCII fits every encoding') FROM little;
SELECT matches(tried(with_other(bytes, 'tiny', '\xff696e79')), '^XX001 .*not in its encoding', 'a name that is no text') FROM little;
SELECT matches(tried(with_other(bytes, 'tiny', '\x74006e79')), '^XX001 .*zero byte', 'a name with a zero byte') FROM little;
SELECT matches(tried(with_other(bytes, '"factors"', '"factorn"')), '^serves', 'options are retrain''s to check') FROM little;
SELECT matches(tried(with_other(bytes, '{"', '["')), '^22P02 ', 'options that are no JSON') FROM little;
SELECT matches(tried(with_other(bytes, 'als', 'bpr')), 'another algorithm', 'another algorithm') FROM little;
SELECT matches(tried(sealed(overlay(body(bytes) PLACING '\x0000000000000000' FROM position('\x0100000000000000' || 'u'::bytea IN bytes) FOR 9))), '^XX001', 'a user column less') FROM little;
SELECT matches(tried(with_other(bytes, 'LTM2', 'LTM1')), 'XX001 .*not a model''s bytes', 'weights of an older form') FROM little;
-- ids and categories that are no text, in models that have some
SELECT matches(tried(with_other(bytes, 'item 1', '\xc3286d2031aa')), '^XX001 .*not in its encoding', 'ids that are no text') FROM exported WHERE model = 'ease';
SELECT matches(tried(with_other(bytes, 'kind 1', '\xc3286d2031aa')), '^XX001 .*not in its encoding', 'categories that are no text') FROM exported WHERE model = 'mlp';
SELECT matches(tried(with_other(bytes, 'club', '\xc3286d20')), '^XX001 .*not in its encoding', 'features that are no text') FROM exported WHERE model = 'mlp';

-- what training counted, where users have things twice, goes along
CREATE TABLE twice AS SELECT u, item FROM bought, generate_series(1, 1 + u % 2);
SELECT longtail.train('twice', 'twice', 'ease', 'u', 'item', options => '{"split": "none", "duplicates": "keep"}');
SELECT is(longtail.import_model('twice again', longtail.export_model('twice')), 1, 'a model with what training counted');
SELECT is((SELECT count(*) FROM longtail.model m JOIN longtail.model_data d USING (model_id) WHERE name = 'twice' AND part = 'counted'), 1::bigint, 'there is such a thing');
SELECT is((SELECT d.bytes FROM longtail.model m JOIN longtail.model_data d USING (model_id) WHERE name = 'twice again' AND part = 'counted'),
          (SELECT d.bytes FROM longtail.model m JOIN longtail.model_data d USING (model_id) WHERE name = 'twice' AND part = 'counted'), 'which is there too');
SELECT is((SELECT (versions, interactions, in_source) FROM longtail.forget('twice again', 3))::text, (SELECT (versions, interactions, in_source) FROM longtail.forget('twice', 3))::text,
          'and users are forgotten alike');
SELECT is(longtail.export_model('twice again') = longtail.export_model('twice'), false, 'under names of their own');

-- memory is asked for within bounds
CREATE TABLE wide AS SELECT u, i FROM generate_series(1, 60) u, generate_series(1, 700) i WHERE noise(u::text, i::text, 'w') < 0.1;
SET longtail.training_memory = '100MB';
SELECT longtail.train('wide', 'wide', 'ease', 'u', 'i', options => '{"split": "none"}');
CREATE TABLE large AS SELECT longtail.export_model('wide') AS bytes;
SET longtail.training_memory = '1MB';
SELECT throws_ok($$ SELECT longtail.import_model('x', bytes) FROM large $$, '53200');
RESET longtail.training_memory;
SELECT is((SELECT longtail.import_model('x', bytes) FROM large), 1, 'with more it goes');
SELECT is((SELECT array_agg(r::text ORDER BY r.rank) FROM longtail.recommend('x', 3) r), (SELECT array_agg(r::text ORDER BY r.rank) FROM longtail.recommend('wide', 3) r), 'and answers alike');

-- the bytes do not choose whose view is read, and whose functions run
CREATE ROLE transfer_eve;
CREATE SCHEMA eve AUTHORIZATION transfer_eve;
GRANT USAGE ON SCHEMA eve TO PUBLIC;
SET ROLE transfer_eve;
CREATE FUNCTION eve.run() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN RAISE 'ran as %', current_user; END$$;
CREATE TABLE eve.rows AS SELECT u, (u * i) % 9 AS i FROM generate_series(1, 20) u, generate_series(1, 9) i WHERE (u * i) % 4 < 2;
CREATE TABLE eve.people AS SELECT DISTINCT u, u % 3 AS kind FROM eve.rows;
CREATE VIEW eve.view AS SELECT u, i FROM eve.rows;
SET client_min_messages = error;
SELECT longtail.train('eve', 'eve.view', 'logistic', 'u', 'i', user_features => 'eve.people');
SET client_min_messages = warning;
CREATE OR REPLACE VIEW eve.view AS SELECT u, i FROM eve.rows WHERE eve.run();
RESET ROLE;
SELECT is(longtail.import_model('from eve', longtail.export_model('eve')), 1, 'imported from somebody else''s relations');
SELECT is((SELECT count(*) FROM longtail.recommend('from eve', 3, 2)), 2::bigint, 'which are not read');
SELECT is((SELECT (source, user_features)::text FROM longtail.models WHERE model = 'from eve'), '(,)', 'nor known');
SELECT is(longtail.import_model('named', longtail.export_model('eve'), 'eve.view'), 1, 'but where the source is named');
SELECT is((SELECT (source, user_features)::text FROM longtail.models WHERE model = 'named'), '(eve.view,eve.people)', 'they are, with what else its owner has');
SELECT throws_like($$ SELECT longtail.recommend('named', 3, 2) $$, 'ran as %', 'and read');
SET ROLE transfer_eve;
SELECT is(longtail.import_model('own', longtail.export_model('eve')), 1, 'imported by who has them');
SELECT is((SELECT (source, user_features)::text FROM longtail.models WHERE model = 'own'), '(eve.view,eve.people)', 'they are found by name');
RESET ROLE;

-- nor by the options within
SET ROLE transfer_eve;
CREATE VIEW eve.kinds AS SELECT i, 'kind ' || i % 3 AS kind FROM generate_series(0, 8) i;
CREATE VIEW eve.alike AS SELECT i, (i + 1) % 9 AS j, 0.5 AS similarity FROM generate_series(0, 8) i;
CREATE VIEW eve.friends AS SELECT DISTINCT u, 1 + u % 20 AS friend_id FROM eve.rows;
CREATE VIEW eve.shop AS SELECT u, 9 - i AS i FROM eve.rows;
CREATE TABLE eve.naming (model text, algorithm text, option text, relation text, options jsonb);
INSERT INTO eve.naming VALUES
    ('eve attributes', 'popularity', 'attributes', 'eve.kinds',
     '{"rerank": "calibrated", "rerank_strength": 0.5, "rerank_options": {"attribute": "kind", "attributes": "eve.kinds"}}'),
    ('eve packed', 'popularity', 'attributes', 'eve.kinds',
     '{"rerank": {"method": "calibrated", "strength": 0.5, "options": {"attribute": "kind", "attributes": "EVE.Kinds"}}}'),
    ('eve then', 'popularity', 'attributes', 'eve.kinds',
     '{"rerank": "random", "rerank_strength": 0.1, "rerank_options": {"then": [{"method": "calibrated", "strength": 0.5, "attribute": "kind", "attributes": "eve.kinds"}]}}'),
    ('eve similarity', 'als', 'similarity', 'eve.alike',
     '{"factors": 2, "rerank": "mmr", "rerank_strength": 0.5, "rerank_options": {"similarity": "eve.alike"}}'),
    ('eve social', 'user_knn', 'social', 'eve.friends', '{"social": "eve.friends"}'),
    ('eve domain', 'popularity', 'domain_source', 'eve.shop', '{"domain": {"source": "eve.shop", "weight": 0.5}}'),
    ('eve domain_source', 'popularity', 'domain_source', 'eve.shop', '{"domain_source": "eve.shop"}');
SELECT longtail.train(model, 'eve.rows', algorithm, 'u', 'i', options => options) FROM eve.naming;
CREATE TABLE eve.bytes AS SELECT *, longtail.export_model(model) AS bytes FROM eve.naming;
CREATE OR REPLACE VIEW eve.kinds AS SELECT i, 'kind ' || i % 3 AS kind FROM generate_series(0, 8) i WHERE eve.run();
CREATE OR REPLACE VIEW eve.alike AS SELECT i, (i + 1) % 9 AS j, 0.5 AS similarity FROM generate_series(0, 8) i WHERE eve.run();
CREATE OR REPLACE VIEW eve.friends AS SELECT DISTINCT u, 1 + u % 20 AS friend_id FROM eve.rows WHERE eve.run();
CREATE OR REPLACE VIEW eve.shop AS SELECT u, 9 - i AS i FROM eve.rows WHERE eve.run();
RESET ROLE;
SET client_min_messages = error;
-- What an import, and then a list, a training and forgetting come to.
CREATE FUNCTION used(name text, bytes bytea, source regclass DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE said text; detail text;
BEGIN
    PERFORM longtail.import_model(name, bytes, source);
    PERFORM longtail.recommend(name, 3, 2);
    IF EXISTS (SELECT FROM longtail.models m WHERE m.model = name AND m.source IS NULL) THEN
        PERFORM longtail.drop_model(name);
        PERFORM longtail.import_model(name, bytes, 'own_rows');
    END IF;
    PERFORM longtail.retrain(name);
    PERFORM longtail.forget(name, 3);
    SELECT 'used with ' || m.options::text INTO said FROM longtail.models m WHERE m.model = name;
    PERFORM longtail.drop_model(name);
    RETURN said;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, NULLIF(detail, ''));
END $$;
CREATE TABLE own_rows AS TABLE eve.rows;
SELECT is(used('used', bytes), format('42501 | option "%s" of the exported model names %s | %s belongs to role "transfer_eve", and is read as whoever uses the model.',
                                   option, CASE model WHEN 'eve packed' THEN 'EVE.Kinds' ELSE relation END, CASE model WHEN 'eve packed' THEN 'EVE.Kinds' ELSE relation END), model || ' is refused')
FROM eve.bytes WHERE option IN ('attributes', 'similarity');
SELECT is(used('used', with_other(with_other(bytes, '"' || option::bytea || '"', overlay('"' || option || '"' PLACING 'z' FROM 3)::bytea),
                               '"' || option::bytea || '"', overlay('"' || option || '"' PLACING 'z' FROM 3)::bytea)) ~ '^42501 .* belongs to', true, model || ' in the weights alone is too')
FROM eve.bytes WHERE option IN ('attributes', 'similarity');
SELECT is(used('used', bytes), 'used with ' || (options - 'social' - 'domain' - 'domain_source')::text, model || ' is left out') FROM eve.bytes WHERE option IN ('social', 'domain_source');
SELECT matches(used('used', bytes, 'eve.rows'), '^P0001 .* ran as postgres', model || ' where a source of its owner is named') FROM eve.bytes;
SELECT matches(used('used', with_other(with_other(bytes, 'eve.alike', '999999999'), 'eve.alike', '999999999')), '^42501 .* There is no relation 999999999', 'a number that any relation may have by then') FROM eve.bytes WHERE model = 'eve similarity';
DROP VIEW eve.alike;
SELECT matches(used('used', bytes), '^42501 .* There is no relation eve.alike here to read', 'one that is not there, yet') FROM eve.bytes WHERE model = 'eve similarity';
CREATE VIEW eve.alike AS SELECT i, (i + 1) % 9 AS j, 0.5 AS similarity FROM generate_series(0, 8) i;
SELECT matches(used('used', bytes), '^used with ', 'one of the importing role') FROM eve.bytes WHERE model = 'eve similarity';
DROP VIEW eve.alike;
SET client_min_messages = warning;
SET ROLE transfer_eve;
SELECT is(longtail.import_model('own ' || model, bytes), 1, model || ' imported by who has the relation') FROM eve.bytes WHERE relation <> 'eve.alike';
RESET ROLE;
SELECT is((SELECT count(*) FROM longtail.models m JOIN eve.bytes b ON m.model = 'own ' || b.model AND m.options = b.options), 6::bigint, 'with its options');
SELECT longtail.drop_model(m.model) FROM longtail.models m JOIN eve.bytes b ON m.model IN (b.model, 'own ' || b.model);
DROP TABLE public.transfer_bytes;
SELECT longtail.drop_model(model) FROM longtail.models WHERE model IN ('eve', 'own', 'named', 'from eve');
DROP OWNED BY transfer_eve CASCADE;
DROP ROLE transfer_eve;
SELECT * FROM finish();
