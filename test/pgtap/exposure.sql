-- exposure: what was shown, by a log worked out by hand.
\ir common.psql

-- Six have item 1, two item 2, one each 3 and 4: head, mid, tail, tail.
CREATE TABLE bought AS SELECT u, CASE WHEN u <= 6 THEN 1 WHEN u <= 8 THEN 2 WHEN u = 9 THEN 3 ELSE 4 END AS i FROM generate_series(1, 10) u;
CREATE TABLE items (i int PRIMARY KEY, supplier text[], kind char(6));
INSERT INTO items VALUES (1, '{acme}', 'a'), (2, '{acme,bolt,bolt}', 'b'), (3, '{bolt,NULL}', 'b'), (4, NULL, 'b'), (9, '{bolt}', 'c');
SELECT ok((longtail.train('shop', 'bought', 'popularity', 'u', 'i', options => '{"split": "none"}')).promoted, 'a model');
SELECT results_eq($$ SELECT item_id::int, segment FROM longtail.item_stats('shop') ORDER BY 1 $$,
                  $$ VALUES (1, 'head'), (2, 'mid'), (3, 'tail'), (4, 'tail') $$, 'its segments');
CREATE TABLE log (item_id int, at timestamptz);
CREATE FUNCTION shown(call text) RETURNS TABLE (period date, segment text, attribute text, n bigint, share numeric, shown bigint, items bigint, coverage numeric, gini numeric)
LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY EXECUTE 'SELECT period::date, segment, attribute, impressions, round(share::numeric, 6), items_shown, items, round(coverage::numeric, 6), round(gini::numeric, 6) FROM longtail.exposure(' || call || ')'; END $$;

SELECT is_empty($$ SELECT * FROM longtail.exposure('shop', 'log', time_column => 'at') $$, 'an empty log has no periods');
-- a Monday; the Sunday after; the Monday after that; no time; no item
INSERT INTO log VALUES (1, '2024-01-01'), (1, '2024-01-01'), (1, '2024-01-07 23:59'), (2, '2024-01-02'), (3, '2024-01-03'), (9, '2024-01-04'),
    (2, '2024-01-08'), (2, '2024-01-09'), (3, NULL), (4, NULL), (NULL, '2024-01-01');
SELECT results_eq($$ SELECT * FROM shown($a$'shop', 'log', time_column => 'at'$a$) $$, $$ VALUES
    ('2024-01-01'::date, 'head', NULL::text, 3::bigint, 0.5, 1::bigint, 1::bigint, 1.0, 0.0),
    ('2024-01-01', 'mid', NULL, 1, 0.166667, 1, 1, 1, 0), ('2024-01-01', 'tail', NULL, 1, 0.166667, 1, 2, 0.5, 0.5),
    ('2024-01-01', 'unknown', NULL, 1, 0.166667, 1, NULL, NULL, NULL),
    ('2024-01-08', 'head', NULL, 0, 0, 0, 1, 0, NULL), ('2024-01-08', 'mid', NULL, 2, 1, 1, 1, 1, 0), ('2024-01-08', 'tail', NULL, 0, 0, 0, 2, 0, NULL),
    (NULL, 'head', NULL, 0, 0, 0, 1, 0, NULL), (NULL, 'mid', NULL, 0, 0, 0, 1, 0, NULL), (NULL, 'tail', NULL, 2, 1, 2, 2, 1, 0) $$,
    'by week: unknown items, what was not shown, rows without a time');
SELECT results_eq($$ SELECT segment, n, share, shown, items FROM shown($a$'shop', 'log'$a$) $$, $$ VALUES
    ('head', 3::bigint, 0.3, 1::bigint, 1::bigint), ('mid', 3, 0.3, 1, 1), ('tail', 3, 0.3, 2, 2), ('unknown', 1, 0.1, 1, NULL) $$, 'without times all are one');
SELECT results_eq($$ SELECT * FROM shown($a$'shop', 'log'$a$) $$, $$ SELECT * FROM shown($a$'shop', 'log', time_column => 'at', period => 'all'$a$) $$, 'as with period all');
SELECT is((SELECT gini FROM shown($$'shop', 'log'$$) WHERE segment = 'tail'), round((SELECT longtail.gini(n)::numeric FROM (VALUES (2.0::float8), (1)) v (n)), 6), 'gini is the aggregate''s');
SELECT results_eq($$ SELECT segment, attribute, n, share, shown, items, coverage, gini FROM shown($a$'shop', 'log', attribute => 'supplier', attributes => 'items'$a$) $$, $$ VALUES
    ('head', 'acme', 3::bigint, 0.3, 1::bigint, 1::bigint, 1.0, 0.0), ('mid', 'acme', 3, 0.3, 1, 1, 1, 0), ('mid', 'bolt', 3, 0.3, 1, 1, 1, 0),
    ('tail', 'bolt', 2, 0.2, 1, 1, 1, 0), ('tail', NULL, 1, 0.1, 1, 1, 1, 0), ('unknown', 'bolt', 1, 0.1, 1, NULL, NULL, NULL) $$,
    'by supplier: of several values an item counts in each, of none under NULL');
SELECT results_eq($$ SELECT DISTINCT attribute FROM shown($a$'shop', 'log', attribute => 'kind', attributes => 'items'$a$) ORDER BY 1 $$, $$ VALUES ('a'), ('b'), ('c') $$, 'padding is no part of a value');
SELECT is(count(*), 24::bigint, 'eight hours, all three segments in each') FROM longtail.exposure('shop', 'log', time_column => 'at', period => 'hour') WHERE segment <> 'unknown';
SELECT results_eq(format($$ SELECT DISTINCT period FROM longtail.exposure('shop', 'log', 'item_id', 'at', %L) ORDER BY 1 $$, p),
                  format($$ SELECT DISTINCT date_trunc(%L, at) FROM log WHERE item_id IS NOT NULL ORDER BY 1 $$, p), 'periods of a ' || p) FROM unnest('{day,month,quarter,year}'::text[]) p;

-- ---- other types of ids and times ----
CREATE TABLE texts AS SELECT CASE i WHEN 1 THEN '01' WHEN 2 THEN ' 2' ELSE i::text END AS "the item", at::date AS day, extract(epoch FROM at) AS seconds FROM (SELECT item_id AS i, at FROM log) l;
INSERT INTO texts VALUES ('none', '2024-01-01', 1704067200);
SELECT results_eq($$ SELECT segment, impressions, items_shown FROM longtail.exposure('shop', 'texts', 'the item') $$, $$ VALUES ('head', 3::bigint, 1::bigint), ('mid', 3, 1), ('tail', 3, 2), ('unknown', 2, 2) $$, 'integers in a column of text');
SELECT results_eq($$ SELECT period, segment, impressions FROM longtail.exposure('shop', 'texts', 'the item', 'seconds') $$, $$ SELECT period, segment, impressions FROM longtail.exposure('shop', 'texts', 'the item', 'day') $$, 'a date and seconds');
CREATE TABLE uuids AS SELECT u, ('00000000-0000-0000-0000-0000000000a' || i)::uuid AS i FROM bought;
SELECT ok((longtail.train('uuids', 'uuids', 'popularity', 'u', 'i', options => '{"split": "none"}')).promoted, 'uuids');
CREATE TABLE uuid_log AS SELECT upper('00000000-0000-0000-0000-0000000000a' || item_id) AS i FROM log;
SELECT is((SELECT array_agg(impressions) FROM longtail.exposure('uuids', 'uuid_log', 'i')), '{3,3,3,1}', 'uuids in a column of text');
SELECT matches(error_of($$ SELECT longtail.exposure('uuids', 'log') $$), 'item_column is of type integer, which has no ids of the items of model "uuids"', 'integers are none');
SELECT matches(error_of($$ SELECT longtail.exposure('shop', 'log', 'at') $$), 'item_column is of type timestamp with time zone, which has no ids', 'nor are times');

-- ---- errors ----
SELECT matches(error_of($$ SELECT longtail.exposure('shop', 'log', 'what') $$), 'column "what" named as item_column does not exist in t.log . Its columns are: item_id, at', 'no such item column');
SELECT matches(error_of($$ SELECT longtail.exposure('shop', 'log', time_column => 'then') $$), 'column "then" named as time_column does not exist', 'no such time column');
SELECT matches(error_of($$ SELECT longtail.exposure('shop', 'items', 'i', 'kind') $$), 'time_column is of type character', 'no time');
SELECT matches(error_of($$ SELECT longtail.exposure('shop', 'log', period => 'fortnight') $$), 'unknown period "fortnight" . It is hour, day', 'no such period');
SELECT matches(error_of($$ SELECT longtail.exposure('shop', 'log', period => NULL) $$), 'unknown period "NULL"', 'no period');
SELECT matches(error_of($$ SELECT longtail.exposure('shop', NULL) $$), 'log must not be NULL', 'no log');
SELECT throws_ok(format($$ SELECT longtail.%s $$, c), '42P01', e, c) FROM (VALUES
    ('exposure(''shop'', 0::regclass)', 'relation with OID 0 does not exist'), ('exposure(''shop'', 4000000000::regclass)', 'relation with OID 4000000000 does not exist'),
    ('evaluate(''shop'', 4000000000::regclass)', 'relation with OID 4000000000 does not exist'), ('report(''shop'', 0::regclass)', 'relation with OID 0 does not exist'),
    ('evaluate(''shop'', ''bought'', options => ''{"user_attribute": "u", "user_attributes": "4000000000"}'')', 'relation with OID 4000000000 does not exist')) v (c, e);
SELECT matches(error_of($$ SELECT longtail.exposure('shop', 'log', attribute => 'supplier') $$), 'attribute needs a relation to read it from .* no item_features', 'no attributes');
SELECT matches(error_of($$ SELECT longtail.exposure('shop', 'log', attributes => 'items') $$), 'attributes is given, attribute is NULL', 'no attribute');
SELECT matches(error_of($$ SELECT longtail.exposure('shop', 'log', attribute => 'what', attributes => 'items') $$), 'column "what" named as attribute', 'no such attribute');
SELECT matches(error_of($$ SELECT longtail.exposure('shop', 'log', attribute => 'item_id', attributes => 'log') $$), 'cannot tell which column of t.log holds the ids', 'no key');
SELECT matches(error_of($$ SELECT longtail.exposure('nope', 'log') $$), 'nope', 'no such model');

-- ---- item_features are where attributes are ----
SELECT ok((longtail.train('featured', 'bought', 'popularity', 'u', 'i', item_features => 'items', options => '{"split": "none"}')).promoted, 'item_features');
SELECT results_eq($$ SELECT DISTINCT attribute FROM shown($a$'featured', 'log', attribute => 'supplier'$a$) ORDER BY 1 $$, $$ VALUES ('acme'), ('bolt'), (NULL) $$, 'attributes of the model''s own');

-- ---- rights: the caller's, row-level security included ----
CREATE ROLE exposure_reader;
GRANT USAGE ON SCHEMA t TO exposure_reader;
GRANT USAGE ON SCHEMA longtail TO exposure_reader;
SELECT longtail.grant_model('shop', 'exposure_reader');
SET ROLE exposure_reader;
SELECT matches(error_of($$ SELECT longtail.exposure('shop', 'log') $$), 'permission denied for table log', 'not without a right to the log');
RESET ROLE;
GRANT SELECT ON log TO exposure_reader;
ALTER TABLE log ENABLE ROW LEVEL SECURITY;
CREATE POLICY other_items ON log TO exposure_reader USING (item_id <> 1);
SET ROLE exposure_reader;
SELECT is((SELECT array_agg(impressions) FROM longtail.exposure('shop', 'log')), '{0,3,3,1}', 'rows that the caller may see');
SELECT matches(error_of($$ SELECT longtail.exposure('featured', 'log') $$), 'featured', 'no model without a right to it');
RESET ROLE;
DROP OWNED BY exposure_reader;
DROP ROLE exposure_reader;

SELECT * FROM finish();
