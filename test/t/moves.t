#!/usr/bin/perl
# moves.t: what administrators do to databases with models in them: copy them by CREATE DATABASE ... TEMPLATE, rename
# them, move them and tables between tablespaces, rewrite the catalog's tables, give sources to others, rename and drop
# columns; and DROP EXTENSION, which leaves nothing behind: no row, no file.  test/pgtap/models.sql and moves.sql have
# what happens to the names and types of sources in one session.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use File::Basename qw(basename);

my @databases = qw(moves moves_copy moves_renamed moves_empty);
my @roles     = qw(moves_owner moves_other);
my @spaces    = qw(moves_space moves_space2);

$ENV{PGOPTIONS} = '-c client_min_messages=error -c allow_in_place_tablespaces=on';
sub at     { my ($where, $query) = @_; return sql($query, '-d', $where) }
sub images { my ($database) = @_; my $oid = sql("SELECT oid FROM pg_database WHERE datname = '$database'"); return map { basename($_) } glob "$ENV{PGDATA}/base/pgsql_tmp/pgsql_tmp_longtail.$oid.*" }

sub clean_up
{
    system("dropdb --if-exists $_ 2> /dev/null") for @databases;
    system("psql -Xq -d postgres -c 'DROP TABLESPACE IF EXISTS $_' 2> /dev/null") for @spaces;
    system("dropuser --if-exists $_ 2> /dev/null") for @roles;
}
clean_up();

my $setup = <<'SQL';
CREATE EXTENSION longtail;
CREATE TABLE bought AS SELECT u, 'item ' || i AS item, 1 + u % 3 AS amount FROM generate_series(1, 40) u, generate_series(1, 30) i WHERE (u * 31 + i * 17 + u * i) % 7 < 2;
CREATE INDEX ON bought (u);
CREATE TABLE customer AS SELECT u, 'club ' || u % 3 AS club FROM generate_series(1, 50) u;
CREATE UNIQUE INDEX ON customer (u);
GRANT ALL ON bought, customer TO moves_owner;
GRANT CREATE ON SCHEMA public TO moves_owner, moves_other;
SET ROLE moves_owner;
SELECT longtail.train('ease', 'bought', 'ease', 'u', 'item', weight_column => 'amount');
SELECT longtail.train('logistic', 'bought', 'logistic', 'u', 'item', user_features => 'customer', options => '{"features": ["-amount"]}');
SELECT longtail.retrain('ease', '{"promote": "never", "regularization": 20}');
RESET ROLE;
SQL
my $list = q{SELECT md5(string_agg(r::text, ' ' ORDER BY m, u, rank)) FROM unnest('{ease,logistic}'::text[]) m, generate_series(1, 47, 2) u, longtail.recommend(m, u) r};

sql("CREATE ROLE $_ LOGIN") for @roles;
system('createdb', 'moves') == 0 or die "createdb failed\n";
at('moves', $setup);
my $before = at('moves', $list);

# ---- databases ----

is(scalar(images('moves')), 2, 'files of shared weights');
sql('CREATE DATABASE moves_copy TEMPLATE moves', '-d', 'postgres');
is(at('moves_copy', $list), $before, 'a database made of another serves');
is(scalar(images('moves_copy')), 2, 'from files of its own');
is(at('moves_copy', q{SET ROLE moves_owner; SELECT version, promoted FROM longtail.retrain('ease', '{"promote": "always", "regularization": 30}')}), '3|t', 'and trains');
isnt(at('moves_copy', $list), $before, 'to serve something else');
is(at('moves', $list), $before, 'the other one is as it was');
sql('ALTER DATABASE moves_copy RENAME TO moves_renamed', '-d', 'postgres');
is(at('moves_renamed', q{SELECT longtail.promote('ease', 1)} . ";$list") =~ s/^\s+//r, $before, 'renamed');
system('dropdb', 'moves_renamed');
at('moves', q{SET ROLE moves_owner; SELECT longtail.promote('ease', 2)});
at('moves', $list);
is(scalar(() = glob "$ENV{PGDATA}/base/pgsql_tmp/pgsql_tmp_longtail.*"), scalar(() = map { images($_) } split /\n/, sql('SELECT datname FROM pg_database')), 'files of a database that is gone go with the next that is made');
at('moves', q{SET ROLE moves_owner; SELECT longtail.promote('ease', 1)});

# ---- tablespaces ----

sql("CREATE TABLESPACE $_ LOCATION ''", '-d', 'postgres') for @spaces;
my $session = session('-d', 'moves');
is(ask($session, $list), $before, 'a session with its models at hand');
at('moves', "ALTER TABLE bought SET TABLESPACE moves_space; ALTER INDEX bought_u_idx SET TABLESPACE moves_space");
is(ask($session, $list), $before, 'sees a source move');
at('moves', "ALTER TABLE longtail.$_ SET TABLESPACE moves_space") for qw(model model_version model_data model_grant);
is(ask($session, $list), $before, 'and the catalog');
leave($session);
is(at('moves', $list), $before, 'as a new one does');
at('moves', "SET ROLE moves_owner; SELECT longtail.retrain('logistic', '{\"promote\": \"never\"}')");
at('moves', "ALTER TABLE longtail.$_ SET TABLESPACE pg_default") for qw(model model_version model_data model_grant);
at('moves', 'ALTER TABLE bought SET TABLESPACE pg_default; ALTER INDEX bought_u_idx SET TABLESPACE pg_default');
sql('ALTER DATABASE moves SET TABLESPACE moves_space2', '-d', 'postgres');
is(at('moves', $list), $before, 'the whole database in another one');
sql('ALTER DATABASE moves SET TABLESPACE pg_default', '-d', 'postgres');
is(at('moves', $list), $before, 'and back');
at('moves', 'VACUUM FULL'); # changes every file, and the transactions that rows are told apart by stay
is(at('moves', $list), $before, 'after VACUUM FULL');
at('moves', 'REINDEX DATABASE moves');
at('moves', 'CLUSTER longtail.model_data USING model_data_pkey');
at('moves', 'VACUUM FREEZE longtail.model');
is(at('moves', $list), $before, 'REINDEX, CLUSTER and VACUUM FREEZE');

# ---- owners ----

at('moves', 'ALTER TABLE bought OWNER TO moves_other; ALTER TABLE customer OWNER TO moves_other');
is(at('moves', "SET ROLE moves_owner; $list"), $before, 'a source given to another role');
at('moves', 'REVOKE ALL ON bought FROM moves_owner');
like(try_sql("SET ROLE moves_owner; SELECT * FROM longtail.recommend('ease', 3)", '-d', 'moves'), qr/42501: permission denied for table bought/, 'whose rights are taken away');
like(try_sql("SET ROLE moves_owner; SELECT longtail.retrain('ease')", '-d', 'moves'), qr/42501: permission denied for table bought/, 'cannot train');
is(at('moves', "SET ROLE moves_owner; SELECT count(*) FROM longtail.recommend('logistic', 3, exclude_seen => false)"), 10, 'but is served by what the model remembers');
at('moves', 'GRANT SELECT ON bought TO moves_owner');
is(at('moves', "SET ROLE moves_owner; $list"), $before, 'until they are given back');
at('moves', 'REASSIGN OWNED BY moves_other TO moves_owner');
is(at('moves', "SET ROLE moves_owner; $list"), $before, 'REASSIGN OWNED');

# ---- columns ----

at('moves', 'ALTER TABLE bought ADD more int, DROP COLUMN amount');
isnt(my $unweighted = at('moves', $list), '', 'without their weight column lists are made of weights of 1');
like(try_sql("SELECT longtail.retrain('ease')", '-d', 'moves'), qr/42703: .*"amount".*weight_column.*HINT: /s, 'it does for training, which says so');
at('moves', 'ALTER TABLE bought RENAME u TO customer');
like(try_sql("SELECT * FROM longtail.recommend('ease', 3)", '-d', 'moves'), qr/42703: .*"u" named as user_column.*HINT:  Its columns are: customer, item, more/s, 'a renamed user column is missed by name');
is(at('moves', "SELECT count(*) FROM longtail.recommend('logistic', 3, exclude_seen => false)"), 10, 'but not without the source');
at('moves', 'ALTER TABLE bought RENAME customer TO u');
is(at('moves', $list), $unweighted, 'renamed back');
at('moves', 'ALTER TABLE customer DROP COLUMN club');
like(try_sql("SELECT * FROM longtail.recommend('logistic', 45)", '-d', 'moves'), qr/42703: .*"club"/, 'a feature that is dropped is missed for strangers');
is(at('moves', "SELECT count(*) FROM longtail.recommend('logistic', 3)"), 10, 'not for users who were there at training');

# ---- dropping the extension ----

# What there is, by its identity, and relation files without a relation.
my $things = q{SELECT string_agg(t, E'\n' ORDER BY t) FROM (
    SELECT pg_describe_object(classid, objid, 0) FROM (
        SELECT 'pg_class'::regclass, oid FROM pg_class UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type
        UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
        UNION ALL SELECT 'pg_event_trigger'::regclass, oid FROM pg_event_trigger UNION ALL SELECT 'pg_constraint'::regclass, oid FROM pg_constraint
        UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator UNION ALL SELECT 'pg_trigger'::regclass, oid FROM pg_trigger UNION ALL SELECT 'pg_extension'::regclass, oid FROM pg_extension) o (classid, objid)
    WHERE objid >= 16384
    UNION ALL SELECT c || ' ' || n FROM (VALUES ('pg_depend', (SELECT count(*) FROM pg_depend)), ('pg_description', (SELECT count(*) FROM pg_description)),
        ('pg_init_privs', (SELECT count(*) FROM pg_init_privs)), ('pg_attribute', (SELECT count(*) FROM pg_attribute)), ('pg_attrdef', (SELECT count(*) FROM pg_attrdef)),
        ('pg_index', (SELECT count(*) FROM pg_index)), ('pg_rewrite', (SELECT count(*) FROM pg_rewrite)), ('pg_sequence', (SELECT count(*) FROM pg_sequence)),
        ('pg_aggregate', (SELECT count(*) FROM pg_aggregate)), ('pg_shdepend', (SELECT count(*) FROM pg_shdepend WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()))),
        ('pg_largeobject_metadata', (SELECT count(*) FROM pg_largeobject_metadata)), ('pg_default_acl', (SELECT count(*) FROM pg_default_acl)), ('pg_db_role_setting', (SELECT count(*) FROM pg_db_role_setting)),
        ('pg_statistic', (SELECT count(*) FROM pg_statistic WHERE starelid >= 16384)), ('pg_seclabel', (SELECT count(*) FROM pg_seclabel))) s (c, n)) x (t)};
my $orphans = q{CHECKPOINT; SELECT string_agg(f, ' ') FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = current_database())) f
    WHERE f ~ '^[0-9]+$' AND pg_filenode_relation(0, f::oid) IS NULL};

system('createdb', 'moves_empty') == 0 or die "createdb failed\n";
my $nothing = at('moves_empty', $things);
unlike($nothing, qr/longtail/, 'a database without the extension');
at('moves_empty', $setup);
is(at('moves_empty', $list), $before, 'with it');
at('moves_empty', "BEGIN; DROP EXTENSION longtail; ROLLBACK; BEGIN; SAVEPOINT s; DROP EXTENSION longtail; ROLLBACK TO s; COMMIT");
is(scalar(images('moves_empty')), 2, 'a DROP EXTENSION that is rolled back leaves its files');
is(at('moves_empty', $list), $before, 'and its models');
at('moves_empty', 'CREATE EXTENSION pg_trgm; DROP EXTENSION pg_trgm') if sql("SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_trgm'");
is(scalar(images('moves_empty')), 2, 'as does that of another');
my $other = session('-d', 'moves_empty');
is(ask($other, $list), $before, 'a session with models at hand');
at('moves_empty', 'DROP EXTENSION longtail');
is(join(' ', images('moves_empty')), '', 'DROP EXTENSION takes the files along');
like(ask($other, $list), qr/does not exist/, 'that session is told');
is(ask($other, 'SELECT 1'), 1, 'and lives on');
at('moves_empty', 'DROP TABLE bought, customer; REVOKE ALL ON SCHEMA public FROM moves_owner, moves_other');
is(join("\n", diff(at('moves_empty', $things), $nothing)), '', 'nothing else is left either');
is(at('moves_empty', $orphans), '', 'and no file without a relation');
at('moves_empty', $setup);
is(ask($other, $list), $before, 'made again, it serves that session too');
leave($other);
at('moves_empty', 'BEGIN; DROP EXTENSION longtail; CREATE EXTENSION longtail; COMMIT');
is(join(' ', images('moves_empty')) . at('moves_empty', 'SELECT count(*) FROM longtail.models'), 0, 'dropped and made in one transaction');
at('moves_empty', 'DROP EXTENSION longtail');

# by a database's owner, who needs no superuser, and with what they own
at('moves_empty', 'DROP TABLE bought, customer; ALTER DATABASE moves_empty OWNER TO moves_other');
at('moves_empty', 'SET ROLE moves_other; CREATE EXTENSION longtail; CREATE TABLE bought AS SELECT u, i FROM generate_series(1, 9) u, generate_series(1, 9) i WHERE (u * i) % 4 < 2;
    SELECT longtail.train(\'ease\', \'bought\', \'ease\', \'u\', \'i\')');
at('moves_empty', "SELECT * FROM longtail.recommend('ease', 1)");
is(scalar(images('moves_empty')), 1, 'made by the owner of the database');
at('moves_empty', 'SET ROLE moves_other; DROP OWNED BY moves_other CASCADE');
is(join(' ', images('moves_empty')) . at('moves_empty', "SELECT count(*) FROM pg_extension WHERE extname = 'longtail'"), 0, 'DROP OWNED takes the files along');

# a server that has lost the library: the extension can still be dropped
at('moves_empty', 'CREATE EXTENSION longtail');
chomp(my $lib = `"$ENV{PG_CONFIG}" --pkglibdir`);
my $library = "$ENV{LONGTAIL_SERVER}/root$lib/longtail.so";
rename $library, "$library.away" or die "$library: $!\n";
my $said = try_sql('DROP EXTENSION longtail', '-d', 'moves_empty');
rename "$library.away", $library or die "$library: $!\n";
is($said, '', 'without the library the extension can be dropped');
at('moves_empty', 'CREATE EXTENSION longtail');
rename $library, "$library.away" or die "$library: $!\n";
open my $broken, '>', $library or die "$library: $!\n";
print $broken 'no library';
close $broken;
$said = try_sql('DROP EXTENSION longtail', '-d', 'moves_empty');
rename "$library.away", $library or die "$library: $!\n";
is($said, '', 'nor does one that does not load keep it');

# what is dropped by roles who may not use the schema is none of the extension's business
at('moves_empty', 'CREATE EXTENSION longtail; REVOKE ALL ON SCHEMA longtail FROM PUBLIC; REVOKE ALL ON ALL FUNCTIONS IN SCHEMA longtail FROM PUBLIC');
is(try_sql('SET ROLE moves_owner; DROP OWNED BY moves_owner', '-d', 'moves_empty'), '', 'DROP OWNED by a role who may not use the schema');

clean_up();
done_testing;

# Lines that only one of two texts has.
sub diff
{
    my ($one, $two) = map { my %l; $l{$_}++ for split /\n/; \%l } @_;
    return ((map { "+ $_" } grep { !$two->{$_} } sort keys %$one), (map { "- $_" } grep { !$one->{$_} } sort keys %$two));
}
