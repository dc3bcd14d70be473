-- Rows that do not fit into longtail.training_memory go to files, and the model is the same to the last bit.
\ir common.psql

CREATE TABLE numbers AS
SELECT noise('y', i::text) < 1 / (1 + exp(3 - 6 * noise('a', i::text))) AS y, noise('a', i::text) AS a,
       noise('b', i::text) AS b, noise('c', i::text) * 100 AS c, noise('d', i::text) AS d, i % 17 AS e, i::float4 AS f,
       noise('g', i::text) AS g, noise('h', i::text) AS h, noise('i', i::text) AS i, noise('j', i::text) AS j
FROM generate_series(1, 20000) i;
-- Every kind of feature, NULLs among all.
CREATE TABLE mixed AS
SELECT y, a, CASE WHEN e <> 3 THEN b END AS b, CASE WHEN e <> 4 THEN c::numeric END AS c, CASE WHEN e <> 5 THEN d < 0.5 END AS d,
       CASE WHEN e <> 6 THEN 'colour ' || e END AS e, CASE WHEN e <> 7 THEN ARRAY['x' || e % 3, 'y' || e % 5] END AS f,
       CASE WHEN e <> 8 THEN ARRAY[g, h, i] END AS g, CASE WHEN e <> 9 THEN timestamp '2026-01-01' + f * interval '1 hour' END AS h,
       CASE WHEN e <> 10 THEN date '2026-01-01' + e END AS i, CASE WHEN e <> 11 THEN 'word' || e || ' and word' || e % 4 END AS j
FROM numbers;
CREATE TABLE rated AS SELECT (f::int * 7 % 300) AS u, (f::int * 13 % 97)::text AS item, n.* FROM numbers n;

CREATE FUNCTION stored(of text) RETURNS text STABLE LANGUAGE SQL
AS $$ SELECT string_agg(d.part || ' ' || md5(d.bytes), E'\n' ORDER BY d.part, d.chunk)
      FROM longtail.model m JOIN longtail.model_data d ON d.model_id = m.model_id AND d.version = m.active_version
      WHERE m.name = of $$;
CREATE FUNCTION train(model text, memory text, source regclass, algorithm text, options jsonb, u name = NULL, item name = NULL)
RETURNS longtail.training_result LANGUAGE plpgsql AS $$
DECLARE result longtail.training_result;
BEGIN
    PERFORM set_config('longtail.training_memory', memory, true);
    result := longtail.train(model, source, algorithm, u, item, 'y', options => options);
    RESET longtail.training_memory;
    RETURN result;
END $$;
-- The same with plenty of memory and with little, in two ways; threads are no part of it.
CREATE FUNCTION same(what text, memory text, source regclass, algorithm text, options jsonb, u name = NULL, item name = NULL)
RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE plenty longtail.training_result; little longtail.training_result; again longtail.training_result;
BEGIN
    plenty := train('plenty', '1GB', source, algorithm, options, u, item);
    little := train('little', memory, source, algorithm, options, u, item);
    RETURN NEXT is(plenty.spilled, 0::bigint, what || ': what fits is not written');
    RETURN NEXT cmp_ok(little.spilled, '>', 300000::bigint, what || ': what does not fit is');
    RETURN NEXT is(row(little.loss, little.validation_value, little.epochs, little.rows), row(plenty.loss, plenty.validation_value, plenty.epochs, plenty.rows), what || ': the same result');
    RETURN NEXT is(stored('little'), stored('plenty'), what || ': the same bytes are stored');
    PERFORM set_config('longtail.threads', '1', true);
    again := train('again', memory, source, algorithm, options, u, item);
    RESET longtail.threads;
    RETURN NEXT is(again.loss, plenty.loss, what || ': on one thread too');
END $$;

SELECT same('logistic', '2MB', 'numbers', 'logistic', '{}');
SELECT same('logistic without a validation part', '2MB', 'numbers', 'logistic', '{"split": "none"}');
SELECT same('logistic of every kind of feature', '3MB', 'mixed', 'logistic', '{"text": ["j"], "text_buckets": 64}');
SELECT same('logistic of users and items', '2MB', 'rated', 'logistic', '{"epochs": 20}', 'u', 'item');
SELECT same('mlp', '2MB', 'numbers', 'mlp', '{"epochs": 2, "hidden": [8]}');
SELECT same('mlp of every kind of feature', '3MB', 'mixed', 'mlp', '{"epochs": 2, "hidden": [8], "text": ["j"], "text_buckets": 64}');
SELECT same('mlp of users and items', '2MB', 'rated', 'mlp', '{"epochs": 2, "hidden": [8]}', 'u', 'item');

-- Trained twice in one call: what was written adds up, and the first files are gone before the second are made.
SELECT results_eq($$ SELECT (train('refit', '2MB', 'numbers', 'logistic', '{"refit": "always"}')).spilled $$,
                  $$ SELECT (train('once', '2MB', 'numbers', 'logistic', '{}')).spilled + (train('whole', '2MB', 'numbers', 'logistic', '{"split": "none"}')).spilled $$,
                  'refit reads, and spills, twice');
SELECT is((SELECT count(*) FROM pg_ls_tmpdir() WHERE name NOT LIKE 'pgsql_tmp_longtail.%'), 0::bigint, 'no file is left');

-- An error in the middle, in a subtransaction: none is left either, and the next training is as good.
SELECT alike(error_of($$ SELECT train('off', '2MB', 'numbers', 'mlp', '{"epochs": 1, "hidden": [4000]}') $$), '%memory%', 'a network that does not fit');
SELECT is((SELECT count(*) FROM pg_ls_tmpdir() WHERE name NOT LIKE 'pgsql_tmp_longtail.%'), 0::bigint, 'leaves no file');
SET temp_file_limit = '300kB';
SELECT alike(error_of($$ SELECT train('off', '2MB', 'numbers', 'logistic', '{}') $$), 'temporary file size exceeds %temp_file_limit%', 'temp_file_limit holds');
RESET temp_file_limit;
SELECT is((SELECT count(*) FROM pg_ls_tmpdir() WHERE name NOT LIKE 'pgsql_tmp_longtail.%'), 0::bigint, 'and leaves no file');
SELECT is((train('off', '2MB', 'numbers', 'logistic', '{}')).loss, (train('on', '1GB', 'numbers', 'logistic', '{}')).loss, 'the session goes on');

SELECT * FROM finish();
