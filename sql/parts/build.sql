-- build.sql: what runs here.

CREATE FUNCTION longtail.build_info()
RETURNS TABLE (name text, value text)
AS 'MODULE_PATHNAME', 'longtail_build_info' LANGUAGE C STABLE PARALLEL SAFE ROWS 10;
COMMENT ON FUNCTION longtail.build_info() IS
'What longtail was built with and what it uses here: versions, OpenBLAS and the kernel it chose for this processor, and whether that is a slow one.';
