-- Leaving nothing behind: the files of shared weights go with the extension.

CREATE FUNCTION longtail.watch_drop() RETURNS void
AS 'MODULE_PATHNAME', 'longtail_watch_drop' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION longtail.watch_drop() IS
'Removes the database''s files of shared weights when the transaction commits, if it has dropped the extension by then.';

-- It keeps nobody from dropping what is theirs: SECURITY DEFINER for roles who may not use the schema; in PL/pgSQL
-- because of its EXCEPTION, for a server that has lost the library, or has one that does not load.
CREATE FUNCTION longtail.before_drop() RETURNS event_trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM longtail.watch_drop();
EXCEPTION WHEN OTHERS THEN
    NULL;
END $$;
COMMENT ON FUNCTION longtail.before_drop() IS
'Called by the event trigger longtail_before_drop before DROP EXTENSION and DROP OWNED.';

CREATE EVENT TRIGGER longtail_before_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION', 'DROP OWNED')
EXECUTE FUNCTION longtail.before_drop();
COMMENT ON EVENT TRIGGER longtail_before_drop IS 'The files of shared weights go with the extension.';
