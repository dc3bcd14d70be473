-- Columns are read by paths of their own for each type: the same values in other types make the same model.
\ir common.psql

CREATE DOMAIN share AS float8 CHECK (VALUE < 1e9);
CREATE DOMAIN code AS int;
CREATE TYPE size AS ENUM ('s', 'm', 'l');
CREATE TABLE raw AS
SELECT i, noise('y', i::text) < 0.5 AS y, (noise('a', i::text) * 1000)::int / 8.0 AS a, i % 5 AS n, i % 7 <> 0 AS given
FROM generate_series(1, 700) i;

-- Numbers in place, in runs; and one by one, as numeric or over a domain.
CREATE VIEW plain AS
SELECT y, a::float8 AS a, CASE WHEN given THEN a::float4 END AS b, n::int2 AS c, n::int4 AS d, CASE WHEN given THEN n::int8 END AS e,
       n > 2 AS f, CASE WHEN given THEN date '2026-01-01' + n END AS g, timestamp '2026-01-01' + n * interval '1 hour' AS h,
       'k' || n AS k, ARRAY[a, n]::float8[] AS v, ARRAY['t' || n] AS w FROM raw;
CREATE VIEW other AS
SELECT y, a::numeric AS a, CASE WHEN given THEN a END AS b, n::numeric AS c, n::code AS d, CASE WHEN given THEN n::numeric END AS e,
       n > 2 AS f, CASE WHEN given THEN date '2026-01-01' + n END AS g,
       (timestamp '2026-01-01' + n * interval '1 hour') AT TIME ZONE 'UTC' AS h, ('k' || n)::varchar AS k,
       ARRAY[a, n]::numeric[] AS v, ARRAY['t' || n]::varchar[] AS w FROM raw;
CREATE VIEW mixed AS
SELECT y, a::share AS a, CASE WHEN given THEN a::float8 END AS b, n::float4 AS c, n::int8 AS d, CASE WHEN given THEN n::int2 END AS e,
       n > 2 AS f, CASE WHEN given THEN date '2026-01-01' + n END AS g, timestamp '2026-01-01' + n * interval '1 hour' AS h,
       ('k' || n)::char(9) AS k, ARRAY[a, n]::float4[] AS v, ARRAY['t' || n] AS w FROM raw;
SET timezone = 'UTC';
CREATE FUNCTION coefficients(source regclass) RETURNS TABLE (feature text, coefficient float8) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM longtail.train('m', source, 'logistic', label_column => 'y');
    RETURN QUERY SELECT c.feature, c.coefficient FROM longtail.coefficients('m') c;
END $$;
SELECT cmp_ok(count(*), '>', 30::bigint, 'every kind of feature') FROM coefficients('plain');
SELECT results_eq($$ SELECT * FROM coefficients('plain') $$, $$ SELECT * FROM coefficients('other') $$, 'numeric, varchar, timestamptz');
SELECT results_eq($$ SELECT * FROM coefficients('plain') $$, $$ SELECT * FROM coefficients('mixed') $$, 'domains, char(n), other widths of numbers');

-- NaN and infinities are found in the middle of a run, counted by column, and skipped on request.
CREATE TABLE bad AS SELECT y, a::float8 AS a, a::float8 AS b, a::float4 AS c, timestamp '2026-01-01' + n * interval '1 day' AS t FROM raw;
UPDATE bad SET b = 'NaN' WHERE a < 10;
UPDATE bad SET c = 'Infinity', a = '-Infinity' WHERE a > 120;
SELECT matches(error_of($$ SELECT longtail.train('bad', 't.bad', 'logistic', label_column => 'y') $$), format('column "a" has NaN or infinite values.* %s row', count(*)), 'the first column with any, and how many')
FROM bad WHERE isfinite(t) AND a = '-Infinity';
SELECT is((r).rows_skipped, (SELECT count(*) FROM bad WHERE b = 'NaN' OR a = '-Infinity'), 'rows are skipped once')
FROM (SELECT longtail.train('bad', 't.bad', 'logistic', label_column => 'y', options => '{"invalid": "skip"}') AS r) s;
UPDATE bad SET t = 'infinity' WHERE a > 60 AND a < 61;
SELECT matches(error_of($$ SELECT longtail.train('bad', (SELECT 't.bad'::regclass), 'logistic', label_column => 'y', options => '{"features": ["t"]}') $$), 'column "t"', 'an infinite time');

-- Ids of every type: the same users and items, the same model.
CREATE TABLE ids AS SELECT (i * 7 % 60)::int AS u, (i * 11 % 40)::int AS item, i AS w FROM generate_series(1, 1500) i;
CREATE VIEW small AS SELECT u::int2, item::int8, w FROM ids;
CREATE VIEW domains AS SELECT u::code, item::int2, w FROM ids;
CREATE VIEW texts AS SELECT 'user ' || lpad(u::text, 5, '0') AS u, ('item ' || lpad(item::text, 3, '0'))::varchar AS item, w FROM ids;
CREATE VIEW padded AS SELECT ('user ' || lpad(u::text, 5, '0'))::char(30) AS u, ('item ' || lpad(item::text, 3, '0'))::name AS item, w FROM ids;
CREATE VIEW uuids AS SELECT lpad(u::text, 32, '0')::uuid AS u, lpad(item::text, 32, '0')::uuid AS item, w FROM ids;
CREATE FUNCTION scores(source regclass) RETURNS TABLE (n bigint, score float8, base float8, rank int) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM longtail.train('i', source, 'ease', 'u', 'item', weight_column => 'w', options => '{"split": "none"}');
    RETURN QUERY SELECT row_number() OVER (ORDER BY length(user_id), user_id, r.rank), r.score, r.base_score, r.rank FROM longtail.recommend_all('i', 5) r ORDER BY 1;
END $$;
SELECT cmp_ok(count(*), '=', 300::bigint, 'five for each') FROM scores('ids');
SELECT results_eq($$ SELECT * FROM scores('ids') $$, format('SELECT * FROM scores(%L)', view), view)
FROM unnest('{small,domains,texts,padded,uuids}'::text[]) view;

SELECT * FROM finish();
