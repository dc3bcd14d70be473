-- The schema is the extension's own: made here, gone with it, and never one that somebody else made before.

CREATE SCHEMA longtail;
COMMENT ON SCHEMA longtail IS 'longtail: recommendation inside the database';
GRANT USAGE ON SCHEMA longtail TO PUBLIC;
