-- build_info: what runs here, and threads as they are set.
\ir common.psql

SELECT is((SELECT value FROM longtail.build_info() WHERE name = 'longtail'), (SELECT extversion FROM pg_extension WHERE extname = 'longtail'), 'the version is the extension''s');
SELECT is((SELECT value FROM longtail.build_info() WHERE name = 'running in PostgreSQL'), current_setting('server_version'), 'the server''s version');
SELECT matches((SELECT value FROM longtail.build_info() WHERE name = 'BLAS'), 'OpenBLAS .*USE_OPENMP', 'the build of OpenBLAS that threads may share');
SELECT alike((SELECT value FROM longtail.build_info() WHERE name = 'BLAS'), '%' || (SELECT value FROM longtail.build_info() WHERE name = 'BLAS kernel') || '%', 'OpenBLAS names the kernel itself');
SET longtail.threads = 5;
SELECT is((SELECT value FROM longtail.build_info() WHERE name = 'threads'), '5', 'threads as they are set');
SELECT ok((SELECT value FROM longtail.build_info() WHERE name = 'BLAS kernel is slow') IN ('yes', 'no'), 'whether the kernel is slow');
SELECT throws_ok('SET longtail.threads = 0', '22023', NULL, 'at least one thread');
SELECT throws_ok('SET longtail.threads = 65', '22023', NULL, 'at most 64');

SELECT * FROM finish();
