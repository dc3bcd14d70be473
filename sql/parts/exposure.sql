-- What was really shown, by the user's own impression log.
-- It reads relations, which may be temporary tables, that only the leader can read.

CREATE FUNCTION longtail.exposure(model text, log regclass, item_column name DEFAULT 'item_id',
    time_column name DEFAULT NULL, period text DEFAULT 'week', attribute name DEFAULT NULL,
    attributes regclass DEFAULT NULL)
RETURNS TABLE (period timestamptz, segment text, attribute text, impressions bigint, share float8, items_shown bigint,
    items bigint, coverage float8, gini float8)
AS 'MODULE_PATHNAME', 'longtail_exposure' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 100;
COMMENT ON FUNCTION longtail.exposure(text, regclass, name, name, text, name, regclass) IS
'What was really shown, by a log with one row an impression: for each hour, day, week, month, quarter or year (or all), segment and, where attribute names a column of items, each of its values: impressions and their share of the period''s, how many of the items there are were shown, and how unequally (gini).';
