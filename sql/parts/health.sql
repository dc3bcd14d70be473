-- Whether a served version is still what was trained.
-- It reads relations, which may be temporary tables, that only the leader can read.

CREATE FUNCTION longtail.health(model text, log regclass DEFAULT NULL, item_column name DEFAULT 'item_id',
    time_column name DEFAULT NULL, period interval DEFAULT '1 day', options jsonb DEFAULT '{}')
RETURNS TABLE (measure text, subject text, value float8, threshold float8, status text, detail text)
AS 'MODULE_PATHNAME', 'longtail_health' LANGUAGE C STABLE PARALLEL RESTRICTED ROWS 30;
COMMENT ON FUNCTION longtail.health(text, regclass, name, name, interval, jsonb) IS
'Whether the active version is still what was trained: its age, the rows since, drift of features, labels and popularity in the last period, users and items it does not know, coverage of the last lists (by a log of impressions, or of lists made for users of the period), validation figure, versions held back. status is ok, watch, act or unknown.';
