-- What fuzz.t and its like call functions on: relations of every kind, and a small model of every algorithm there is.
SET client_min_messages = error;
CREATE SCHEMA fuzz;
SET search_path = fuzz, public;

CREATE TYPE fuzz.colour AS ENUM ('red', 'green', 'dark blue');
CREATE TYPE fuzz.pair AS (a integer, b text);
CREATE DOMAIN fuzz.small AS integer CHECK (VALUE < 1000);

CREATE TABLE items (i integer PRIMARY KEY, brand text, price float8, tags text[], bought colour, embedding real[]);
INSERT INTO items SELECT i, 'b' || i % 5, i * 1.5, ARRAY['t' || i % 3, 'u' || i % 4], (enum_range(NULL::colour))[1 + i % 3],
    ARRAY[i, i % 3, 1 - i] FROM generate_series(1, 30) i;
CREATE TABLE users (u integer PRIMARY KEY, age float8, city text);
INSERT INTO users SELECT u, 20 + u, 'c' || u % 4 FROM generate_series(1, 40) u;
CREATE TABLE shop (u integer, i integer, w float8, at timestamptz, y boolean);
INSERT INTO shop SELECT u, i, 1 + (u * i) % 3, timestamptz '2024-01-01' + (u * 7 + i) * interval '3 hours', (u + i) % 3 = 0
    FROM generate_series(1, 40) u, generate_series(1, 30) i WHERE (u * 31 + i * 17 + u * i) % 7 < 2 OR i < 4;
CREATE INDEX ON shop (u);
CREATE TABLE shop_text AS SELECT 'user ' || u AS u, 'item ' || i AS i, at FROM shop;
CREATE TABLE shop_uuid AS SELECT md5('u' || u)::uuid AS u, md5('i' || i)::uuid AS i FROM shop;
CREATE TABLE friends (u integer, friend_id integer);
INSERT INTO friends SELECT u, 1 + u * 7 % 40 FROM generate_series(1, 40) u;
CREATE TABLE alike (i integer, j integer, s float8);
INSERT INTO alike SELECT i, j, 1.0 / (1 + abs(i - j)) FROM generate_series(1, 30) i, generate_series(1, 30) j WHERE i <> j;
CREATE TABLE rows (y float8, b boolean, x1 float8, x2 float8, n integer, c text, d date, g integer);
INSERT INTO rows SELECT (i * 37) % 11, (i * 37) % 11 > 4, i % 13, sin(i), i, 'c' || i % 3, date '2024-01-01' + i, i % 4
    FROM generate_series(1, 200) i;
CREATE TABLE log (u integer, i integer, at timestamptz);
INSERT INTO log SELECT u, i, at + interval '1 day' FROM shop;
CREATE TABLE odd (a pair, c colour, m "char", nm name, o oid, js json, xb bit varying, r int4range, mr int4multirange, p point,
    ip inet, iv interval, mo numeric, ts tsvector, by bytea, ar integer[], td text[][], sm small, tt time, lsn pg_lsn,
    "we ird""; --" text, e text);
INSERT INTO odd VALUES ((1, 'x'), 'red', 'a', 'n', 5, '{"a": [1]}', B'101', '[1,5)', '{[1,2)}', '(1,2)', '::1', '1 mon', 'NaN',
    'a b', '\x00ff', '[-1:1]={1,NULL,3}', '{{a,b},{c,NULL}}', 7, '23:00', '0/1', 'w', '');
INSERT INTO odd DEFAULT VALUES;
CREATE TABLE nothing (u integer, i integer, at timestamptz);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE nan_rows AS SELECT 'NaN'::float8 AS y, 'Infinity'::float8 AS x1, -1e308 AS x2, NULL::integer AS u, NULL::text AS i
    FROM generate_series(1, 20);
CREATE TABLE parts (u integer, i integer, at timestamptz) PARTITION BY LIST (u);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
INSERT INTO parts SELECT u, i, at FROM shop;
CREATE TABLE parts_none (u integer, i integer) PARTITION BY LIST (u);
CREATE VIEW shop_view AS SELECT u, i, at FROM shop;
CREATE VIEW bad_view AS SELECT u, 1 / (i - i) AS i, at FROM shop;
CREATE VIEW slow_view AS SELECT u, i, at, pg_sleep(0.01) IS NULL AS slept FROM shop;
CREATE MATERIALIZED VIEW shop_stored AS SELECT u, i, at FROM shop;
CREATE MATERIALIZED VIEW unfilled AS SELECT u, i FROM shop WITH NO DATA;
CREATE SEQUENCE numbers;
CREATE FOREIGN DATA WRAPPER fuzz_wrapper;
CREATE SERVER fuzz_server FOREIGN DATA WRAPPER fuzz_wrapper;
CREATE FOREIGN TABLE far_away (u integer, i integer) SERVER fuzz_server;
CREATE TABLE guarded AS SELECT u, i, at FROM shop;
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY young ON guarded USING (u < 20);
CREATE TABLE "we ird""; --" AS SELECT u, i FROM shop;

-- Arguments for aggregates, numbers of every sort among them.
CREATE TABLE v AS SELECT n, n % 7 AS g, x, 1 - x AS z, n % 2 = 0 AS b, n % 3 AS c, (1 + n % 5)::bigint AS l, 'i' || n AS t, ARRAY[x, n, 1] AS a,
    n * 10.0::float8 AS p FROM (SELECT n, (n * 37 % 101) / 101.0::float8 AS x FROM generate_series(1, 300) n) s;
CREATE TABLE v_odd AS SELECT n, n % 3 AS g, (ARRAY['NaN', 'Infinity', '-Infinity', '1e308', '-1e308', '1e-320', '0', '-0', '0.5', NULL])[1 + n % 10]::float8 AS x,
    (ARRAY['0.5', 'NaN', '1', NULL])[1 + n % 4]::float8 AS z, (ARRAY[true, false, NULL])[1 + n % 3] AS b, n - 20 AS c,
    (ARRAY[-1, 0, 9223372036854775807, NULL])[1 + n % 4] AS l, (ARRAY['', NULL, 'x'])[1 + n % 3] AS t,
    (ARRAY['{}', '{NaN,1,2}', '{1,2}', '{{1,2},{3,4}}', NULL, '{NULL,1,1}', '[5:7]={1,2,3}'])[1 + n % 7]::float8[] AS a, -n::float8 AS p
    FROM generate_series(1, 40) n;
CREATE TABLE v_none AS SELECT * FROM v WHERE false;

-- Models: each algorithm as a recommender and, where it can, over rows alone; ids of three types; some in bad condition.
CREATE FUNCTION fuzz.train(model text, source regclass, algorithm text, options jsonb, VARIADIC rest text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT longtail.train(%L, %L, %L, options => %L', model, source, algorithm, options)
        || CASE WHEN rest[1] <> '' THEN ', ' || array_to_string(rest, ', ') ELSE '' END || ')';
    RETURN '';
EXCEPTION WHEN OTHERS THEN RETURN model || ': ' || SQLERRM;
END $$;
CREATE FUNCTION fuzz.make_models() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    a record;
    few jsonb;
    pair text[] := ARRAY['user_column => ''u''', 'item_column => ''i'''];
BEGIN
    FOR a IN SELECT algorithm, supervised FROM longtail.algorithms() AS l (algorithm, supervised) LOOP
        SELECT coalesce(jsonb_object_agg(name, v), '{}') INTO few
        FROM longtail.options(a.algorithm) o, (VALUES ('epochs', 3), ('factors', 4)) s (n, v) WHERE o.name = n;
        IF a.algorithm = 'blend' THEN few := few || '{"models": ["fuzz als", "fuzz ease"]}'; END IF;
        IF a.algorithm = 'auto' THEN few := few || '{"algorithms": ["ease", "als"]}'; END IF;
        RETURN NEXT fuzz.train('fuzz ' || a.algorithm, 'fuzz.shop', a.algorithm, few, VARIADIC pair || ARRAY['time_column => ''at''',
            'item_features => ''fuzz.items''', 'user_features => ''fuzz.users''']);
        IF a.supervised AND a.algorithm <> 'auto' THEN
            RETURN NEXT fuzz.train('fuzz rows ' || a.algorithm, 'fuzz.rows', a.algorithm, few, 'label_column => ''b''');
        END IF;
    END LOOP;
    RETURN NEXT fuzz.train('fuzz text', 'fuzz.shop_text', 'als', '{"epochs": 2}', VARIADIC pair || ARRAY['time_column => ''at''']);
    RETURN NEXT fuzz.train('fuzz uuid', 'fuzz.shop_uuid', 'item_knn', '{}', VARIADIC pair);
    RETURN NEXT fuzz.train('fuzz friends', 'fuzz.shop', 'user_knn', '{"social": "fuzz.friends"}', VARIADIC pair);
    RETURN NEXT fuzz.train('fuzz one', 'fuzz.shop', 'popularity', '{}', VARIADIC pair);
    RETURN NEXT fuzz.train('fuzz labels', 'fuzz.shop', 'logistic', '{"epochs": 3}', VARIADIC pair || ARRAY['label_column => ''y''']);
    RETURN NEXT fuzz.train('fuzz factors', 'fuzz.shop', 'mlp', '{"epochs": 2, "factors": 4, "hidden": [8]}', VARIADIC pair);
    RETURN NEXT fuzz.train('fuzz bare', 'fuzz.shop_view', 'ease', '{}', VARIADIC pair);
    RETURN NEXT fuzz.train('fuzz numbers', 'fuzz.rows', 'mlp', '{"epochs": 2, "loss": "squared", "features": ["x1", "x2"]}', 'label_column => ''y''');
    CREATE TABLE fuzz.lost AS SELECT * FROM fuzz.shop;
    RETURN NEXT fuzz.train('fuzz lost', 'fuzz.lost', 'als', '{"epochs": 2}', VARIADIC pair);
    DROP TABLE fuzz.lost;
    CREATE TABLE fuzz.changed AS SELECT * FROM fuzz.shop;
    RETURN NEXT fuzz.train('fuzz changed', 'fuzz.changed', 'als', '{"epochs": 2}', VARIADIC pair);
    ALTER TABLE fuzz.changed DROP COLUMN u;
    ALTER TABLE fuzz.changed ADD COLUMN u text;
    FOR n IN 1 .. 3 LOOP
        RETURN NEXT fuzz.train('fuzz damaged ' || n, 'fuzz.shop', 'als', '{"epochs": 1}', VARIADIC pair);
    END LOOP;
END $$;
SELECT * FROM fuzz.make_models() m WHERE m <> '';
UPDATE longtail.model_data d SET bytes = set_byte(bytes, octet_length(bytes) / 2, get_byte(bytes, octet_length(bytes) / 2) # 255)
    FROM longtail.model m WHERE d.model_id = m.model_id AND m.name = 'fuzz damaged 1';
UPDATE longtail.model_data d SET bytes = substr(bytes, 1, octet_length(bytes) / 2)
    FROM longtail.model m WHERE d.model_id = m.model_id AND m.name = 'fuzz damaged 2';
DELETE FROM longtail.model_data d USING longtail.model m WHERE d.model_id = m.model_id AND m.name = 'fuzz damaged 3';

-- A model to be retrained, promoted, dropped.
CREATE FUNCTION fuzz.scratch(model text, n integer) RETURNS text LANGUAGE sql AS $$
SELECT fuzz.train(model, 'fuzz.shop', (ARRAY['als', 'ease', 'popularity', 'logistic', 'item_knn'])[1 + n % 5], '{}', 'user_column => ''u''', 'item_column => ''i''',
    'item_features => ''fuzz.items''') $$;
CREATE TABLE fitted AS SELECT longtail.logistic_fit(b, ARRAY[x1, x2]) AS p FROM fuzz.rows
UNION ALL SELECT longtail.mlp_fit(y, ARRAY[x1], '{"loss": "squared", "hidden": [], "epochs": 2}') FROM fuzz.rows
UNION ALL SELECT longtail.mlp_fit(b, ARRAY[x1, x2], '{"hidden": [3], "epochs": 2}') FROM fuzz.rows;

CREATE TABLE taken (p longtail.predictor);

-- Roles: one that owns a model and sees half the relations, one that may use some.
CREATE ROLE fuzz_owner;
CREATE ROLE fuzz_reader;
GRANT USAGE ON SCHEMA fuzz TO fuzz_owner, fuzz_reader;
GRANT INSERT ON taken TO fuzz_owner;
GRANT SELECT ON shop, items, rows, guarded, v, v_odd, v_none, fitted TO fuzz_owner, fuzz_reader;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA fuzz TO fuzz_owner;
SET ROLE fuzz_owner;
SELECT fuzz.train('fuzz owned', 'fuzz.guarded', 'als', '{"epochs": 2}', 'user_column => ''u''', 'item_column => ''i''') AS m \gset
RESET ROLE;
SELECT count(longtail.grant_model(model, 'fuzz_reader')) AS m FROM longtail.models WHERE model ~ '^fuzz .*[aeo]' \gset
RESET client_min_messages;
