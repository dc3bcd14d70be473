#!/usr/bin/perl
# rights.t: who may do what, where it takes a server to try: roles renamed, dropped and made again, dumps into a server
# with other roles, every function called without a grant, weights and ids looked for wherever SQL shows anything, code
# of others in what is read.  The rest is in test/sql/rights.sql.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;

my $database = 'rights_test';
my @there = ('-d', $database);
my @roles = qw(rights_ann rights_bob rights_eve rights_kim rights_boss);
sub ask_there { return sql($_[0], @there) }
sub as { my ($role, $query) = @_; return sql("SET ROLE \"$role\"; $query", @there) }
# The message of the error a script raises, with its SQLSTATE, or 'no error'.
sub fails
{
    my ($role, $script) = @_;
    my $said = try_sql("SET client_min_messages = error;\nSET ROLE \"$role\";\n$script;\n", @there);
    return $said =~ /ERROR:\s+(\w{5}: .*)/ ? $1 : 'no error';
}

sub clean
{
    system('dropdb', '--if-exists', $_) for $database, 'rights_restored';
    sql("SET client_min_messages = error; DROP ROLE IF EXISTS $_") for @roles, "rights_anna";
}
clean();
sql("CREATE ROLE $_") for @roles;
sql("CREATE DATABASE $database OWNER rights_boss");
ask_there(<<'SQL');
CREATE EXTENSION longtail;
CREATE SCHEMA shop;
GRANT ALL ON SCHEMA shop TO PUBLIC;
CREATE TABLE shop.bought AS SELECT u, 'item ' || i AS item FROM generate_series(1, 30) u, generate_series(1, 20) i WHERE (u * i) % 7 < 3;
GRANT SELECT ON shop.bought TO PUBLIC;
SQL
sub train
{
    my ($role, $model, @rest) = @_;
    as($role, "SET client_min_messages = error; SELECT version FROM longtail.train('$model', 'shop.bought', 'popularity', 'u', 'item')");
}
my $use = q{SELECT count(*) FROM longtail.recommend('m', 1, 3, exclude_seen => false)};
my $denied = qr/^42501: permission denied for model "m"/;
my $not_owner = qr/^42501: must be owner of model "m"/;

# ---- what changes while it is looked at ----

# A column whose type changes between the look at it and the reading of it, which waits for that change: text is not
# taken for a number, nor a number for a place in memory.
for my $to ('text USING u::text', 'bigint USING u::bigint') {
    my ($altering, $training) = map { session(@there) } 1 .. 2;
    ask($training, 'SET client_min_messages = error');
    ask($altering, "BEGIN; ALTER TABLE shop.bought ALTER u TYPE $to, ALTER item TYPE text USING item::text");
    request($training, q{SELECT rows > 0 FROM longtail.train('changing', 'shop.bought', 'popularity', 'u', 'item')});
    for (1 .. 100) { last if ask_there(qq{SELECT wait_event_type FROM pg_stat_activity WHERE pid = $training->{pid}}) eq 'Lock'; select undef, undef, undef, 0.05 }
    ask($altering, 'COMMIT');
    my $said = ask($training, 'SELECT 1');
    like($said, qr/^(?:ERROR:  column "u" was changed to type|t\n)/, "a column made $to while a training waited for it");
    leave($_) for $altering, $training;
}

# A view whose function renames what is being read and asks the same model again.
ask_there(<<'SQL');
SET client_min_messages = error;
CREATE SCHEMA turning;
GRANT ALL ON SCHEMA turning TO PUBLIC;
ALTER SCHEMA turning OWNER TO rights_eve;
GRANT CREATE ON DATABASE rights_test TO rights_eve;
SET ROLE rights_eve;
CREATE TABLE turning.rows AS SELECT u::int, item FROM shop.bought;
CREATE FUNCTION shop.turn() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    IF current_setting('turning.depth', true)::int > 0 THEN
        PERFORM set_config('turning.depth', (current_setting('turning.depth')::int - 1)::text, false);
        EXECUTE format('ALTER SCHEMA %I RENAME TO %I', n.nspname, CASE n.nspname WHEN 'turning' THEN 'turned' ELSE 'turning' END)
            FROM (SELECT nspname FROM pg_namespace WHERE nspname IN ('turning', 'turned')) n;
        PERFORM longtail.recommend('turning', 1 + current_setting('turning.depth')::int);
    END IF;
    RETURN true;
END $$;
CREATE VIEW turning.view AS SELECT u, item FROM turning.rows WHERE shop.turn();
SELECT longtail.train('turning', 'turning.view', 'popularity', 'u', 'item');
SQL
is(as('rights_eve', q{SET turning.depth = 6; SELECT count(*) FROM longtail.recommend('turning', 1, 3); SELECT count(*) FROM longtail.recommend('turning', 2, 3)}), "3\n3",
    'a plan that is made anew while it runs');
ask_there(q{SELECT longtail.drop_model(model) FROM longtail.models});

# ---- without a grant ----

train('rights_ann', 'm');
as('rights_ann', $use); # cached, and in a file

# A value for an argument of any function, by its name or type.
my %by_name = (model => q{'m'}, with => q{'m'}, user_column => q{'u'}, item_column => q{'item'}, algorithm => q{'popularity'}, role => q{'rights_eve'}, method => q{'none'},
    period => q{'day'}, user_id => q{'1'::text}, item_id => q{'item 1'::text}, attribute => q{'item'}, metric => q{'ndcg'}, test => q{'shop.bought'});
my %by_type = (text => q{'none'}, name => q{'u'}, integer => 1, bigint => 1, 'integer[]' => q{'{1}'}, 'double precision' => 0.5, boolean => 'true', jsonb => q{'{}'},
    'double precision[]' => q{'{0.1,0.5}'}, regclass => q{'shop.bought'}, anyelement => '1', '"any"' => q{'1'::text}, anyarray => q{ARRAY['item 1', 'item 2']}, record => 'ROW(1)',
    bytea => q{''}, interval => q{'1 day'}, 'text[]' => q{'{a}'}, 'longtail.role' => q{'public'});
# Calls with one argument changed: of every function with an argument that names a model.  An "any" is given by place.
sub calls
{
    my ($model_only, $change) = @_;
    my @calls;
    for (split /\n/, ask_there(q{SELECT p.proname, string_agg(concat_ws('|', coalesce(a.name, ''), format_type(a.type, NULL), a.place <= p.pronargs - p.pronargdefaults), ',' ORDER BY a.place)
            FROM pg_proc p, LATERAL unnest(p.proargtypes, p.proargnames[1:p.pronargs]) WITH ORDINALITY a (type, name, place)
            WHERE p.pronamespace = 'longtail'::regnamespace AND p.prokind = 'f' AND NOT 'internal'::regtype = ANY (p.proargtypes) AND p.proname !~ '^(predictor|role|relation)_|_(add|final|combine)$'
            GROUP BY p.oid, p.proname ORDER BY p.proname, p.oid})) {
        my ($name, $arguments) = split /\|/, $_, 2;
        my @arguments = map { [split /\|/] } split /,/, $arguments;
        next if $model_only && !grep { $_->[0] eq 'model' } @arguments;
        my @plain = map { [$_->[0], $_->[1], $by_name{$_->[0]} // $by_type{$_->[1]} // 'NULL', $_->[2]] } @arguments;
        push @calls, $change ? $change->($name, \@plain) : call_of($name, \@plain);
    }
    return @calls;
}
sub call_of
{
    my ($name, $arguments, $changed) = @_;
    my @given = grep { $_->[3] eq 't' || $_->[0] eq 'model' || (defined $changed && $_ == $changed) } @$arguments;
    return "SELECT count(*) FROM longtail.$name(" . join(', ', map { $_->[0] ne '' ? "\"$_->[0]\" => $_->[2]" : $_->[2] } @given) . ')';
}

my @calls = calls(1);
cmp_ok(scalar @calls, '>', 40, @calls . ' functions have a model');
my %said = map { $_ => fails('rights_eve', $_) } @calls;
is(join("\n", map { "$_: $said{$_}" } grep { $said{$_} !~ /^42501: (?:permission denied for model "m"|must be owner of model "m")/ } @calls), '', 'each refuses who was not granted it');
is(join("\n", map { "$_: $said{$_}" } grep { $said{$_} =~ /item \d/ } @calls), '', 'and says nothing of it');

for (split /\n/, ask_there(q{SELECT relkind, oid::regclass FROM pg_class WHERE relnamespace = 'longtail'::regnamespace AND relkind IN ('r', 'S', 'v', 't') ORDER BY 2})) {
    my ($kind, $relation) = split /\|/;
    if ($kind ne 'v') { like(fails('rights_eve', "SELECT * FROM $relation"), qr/^42501:/, "$relation is nobody's"); next }
    is(as('rights_eve', "SELECT count(*) FROM $relation"), 0, "$relation shows nothing of it");
    unlike(as('rights_eve', "EXPLAIN (ANALYZE, VERBOSE, COSTS off, TIMING off) SELECT * FROM $relation"), qr/item \d|'popularity/, 'nor does its plan');
}
ask_there('ANALYZE longtail.model, longtail.model_data, longtail.model_version');
is(as('rights_eve', q{SELECT count(*) FROM pg_stats WHERE schemaname = 'longtail'}), 0, 'statistics of the tables show nothing');
is(as('rights_eve', q{SELECT count(*) FROM pg_stat_activity WHERE usename <> current_user AND query <> '<insufficient privilege>' AND query <> ''}), 0, 'nor does the activity of others');
is(join(' ', grep { (stat)[2] & 077 } glob "$ENV{PGDATA}/base/pgsql_tmp/*longtail*"), '', 'files of images are the server\'s alone');
like(fails('rights_eve', q{SELECT pg_read_binary_file('base/pgsql_tmp')}), qr/^42501:/, 'as is reading files');

# ---- whose rights ----

ask_there(q{GRANT CREATE ON SCHEMA public TO PUBLIC});
as('rights_ann', qq{CREATE FUNCTION lent() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS \$\$ $use \$\$;
    CREATE FUNCTION lent_models() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS \$\$ SELECT count(*) FROM longtail.models \$\$;
    CREATE VIEW listed AS $use; CREATE VIEW invoked WITH (security_invoker) AS $use; GRANT SELECT ON listed, invoked TO PUBLIC});
is(as('rights_eve', 'SELECT lent(), lent_models()'), '3|1', 'a function of its owner\'s lends the model');
like(fails('rights_eve', 'SELECT lent(); ' . $use), $denied, 'for as long as it runs');
like(fails('rights_eve', "SELECT * FROM $_"), $denied, "a view does not: $_") for qw(listed invoked);
for my $change ('SET ROLE', 'SET SESSION AUTHORIZATION') {
    my $said = try_sql("SET client_min_messages = error; $change rights_ann; PREPARE p AS $use; EXECUTE p; EXECUTE p; $change rights_eve; EXECUTE p; $change rights_ann; EXECUTE p;", @there);
    like($said, qr/^3\n3\n.*42501: permission denied for model "m"(?:(?!^\d+$).)*^3$/ms, "a prepared plan and a cached model after $change");
}
as('rights_ann', q{SET client_min_messages = error; CREATE TABLE shop.leads AS SELECT i AS x, i > 5000 AS won FROM generate_series(1, 10000) i;
    SELECT longtail.train('leads', 'shop.leads', 'logistic', label_column => 'won', options => '{"split": "none"}'); GRANT SELECT ON shop.leads TO PUBLIC; ANALYZE shop.leads});
my $parallel = q{SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;};
my $predicting = q{SELECT count(*) FROM shop.leads l WHERE longtail.predict('leads', l) > 0.5};
like(as('rights_ann', "$parallel EXPLAIN $predicting"), qr/Workers Planned/, 'a parallel plan');
cmp_ok(as('rights_ann', "$parallel $predicting"), '>', 1000, 'with its workers');
like(fails('rights_eve', "$parallel $predicting"), qr/^42501: permission denied for model "leads"/, 'has the rights of its leader');

# Column privileges, for whom the model is granted.
as('rights_ann', q{SELECT longtail.grant_model('m', 'public')});
ask_there(q{REVOKE ALL ON shop.bought FROM PUBLIC; ALTER TABLE shop.bought OWNER TO rights_ann; ALTER TABLE shop.bought ADD COLUMN secret text; GRANT SELECT (u) ON shop.bought TO rights_eve});
like(fails('rights_eve', q{SELECT * FROM longtail.recommend('m', 1, 3)}), qr/^42501: permission denied for table bought/, 'a live read needs the item\'s column');
ask_there(q{GRANT SELECT (item) ON shop.bought TO rights_eve});
is(as('rights_eve', q{SELECT count(*) FROM longtail.recommend('m', 1, 3)}), 3, 'and the user\'s, no other');
like(fails('rights_eve', q{SELECT longtail.train('mine', 'shop.bought', 'logistic', 'u', 'item')}), qr/^42501: permission denied for table bought/, 'training reads every column that is a feature');
as('rights_eve', q{SET client_min_messages = error; SELECT longtail.train('mine', 'shop.bought', 'logistic', 'u', 'item', options => '{"features": ["-secret"]}'); SELECT longtail.drop_model('mine')});
pass('and none that is not');

# One plan, several roles, each with rows of its own.
ask_there(q{ALTER TABLE shop.bought ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON shop.bought TO rights_eve USING (item < 'item 12'); CREATE POLICY none ON shop.bought TO rights_kim USING (false); GRANT SELECT ON shop.bought TO rights_kim});
my $new = q{EXECUTE new;};
is(try_sql("SET client_min_messages = error; SET plan_cache_mode = force_generic_plan; PREPARE new AS SELECT count(*) FROM longtail.recommend('m', 1, 100);"
    . join('', map { "SET ROLE $_; $new" } qw(rights_ann rights_eve rights_kim rights_ann rights_kim rights_eve)), @there), "12\n19\n20\n12\n20\n19", 'row-level security in one plan, each role its own');
ask_there(q{ALTER TABLE shop.bought DISABLE ROW LEVEL SECURITY; GRANT SELECT ON shop.bought TO PUBLIC; ALTER TABLE shop.bought DROP COLUMN secret});
as('rights_ann', q{SELECT longtail.revoke_model('m', 'public')});

# Code of others in what is read runs as who reads it, as in any query; a cast that a query would not use does not run.
ask_there(q{CREATE TABLE shop.ran (who text); GRANT ALL ON shop.ran TO PUBLIC});
as('rights_eve', <<'SQL');
SET client_min_messages = error;
CREATE FUNCTION shop.spy(item text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$ BEGIN INSERT INTO shop.ran VALUES ('view ' || current_user); RETURN item; END $$;
CREATE VIEW shop.spied AS SELECT u, shop.spy(item) AS item FROM shop.bought;
GRANT SELECT ON shop.spied TO PUBLIC;
SELECT longtail.train('spied', 'shop.spied', 'popularity', 'u', 'item');
SELECT longtail.grant_model('spied', 'public');
CREATE TYPE shop.point AS (x real);
CREATE FUNCTION shop.spy(point shop.point) RETURNS real[] LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.ran VALUES ('cast ' || current_user); RETURN ARRAY[point.x]; END $$;
CREATE CAST (shop.point AS real[]) WITH FUNCTION shop.spy(shop.point) AS IMPLICIT;
CREATE TABLE shop.points AS SELECT i % 2 = 0 AS y, ROW(i)::shop.point AS p, i AS x FROM generate_series(1, 100) i;
GRANT SELECT ON shop.points TO PUBLIC;
SQL
as('rights_kim', q{SELECT count(*) FROM longtail.recommend('spied', 1, 3)});
as('rights_kim', q{SET client_min_messages = error; SELECT longtail.train('points', 'shop.points', 'logistic', label_column => 'y')});
is(ask_there('SELECT DISTINCT who FROM shop.ran ORDER BY 1'), "view rights_eve\nview rights_kim", 'what runs as whom: a view\'s functions as its reader, no cast');
is(fails('rights_kim', q{SELECT longtail.recommend('spied', 1, 3, exclude_seen => false)}), 'no error', 'without a live read, nothing');
SKIP: {
    skip 'restrict_nonsystem_relation_kind is not there', 1 unless ask_there(q{SELECT count(*) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'});
    like(fails('rights_kim', q{SET restrict_nonsystem_relation_kind = 'view'; SELECT longtail.recommend('spied', 1, 3)}), qr/^55000:/, 'who will not read views can say so');
}

# Traps on a table: what of them runs for whoever trains on it and serves from it is what runs for whoever selects from it.
as('rights_eve', <<'SQL');
SET client_min_messages = error;
CREATE FUNCTION shop.trap(kind text, value anyelement) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN PERFORM set_config('rights.ran', concat(current_setting('rights.ran', true), kind, ' as ', current_user, E'\n'), false); RETURN value; END $$;
CREATE FUNCTION shop.trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM shop.trap('trigger', 1); RETURN NEW; END $$;
CREATE DOMAIN shop.number AS integer CHECK (shop.trap('domain', VALUE) > 0);
CREATE TABLE shop.traps (u shop.number, item text DEFAULT shop.trap('default', 'x'::text), CHECK (shop.trap('check', u) > 0), long text GENERATED ALWAYS AS (shop.trap('generated', item)) STORED);
INSERT INTO shop.traps SELECT u, item FROM shop.bought;
CREATE TRIGGER trap BEFORE INSERT OR UPDATE OR DELETE ON shop.traps FOR EACH ROW EXECUTE FUNCTION shop.trap();
CREATE INDEX ON shop.traps (shop.trap('index', item));
CREATE INDEX ON shop.traps (u) WHERE shop.trap('predicate', u) > 0;
CREATE INDEX ON shop.traps (item) WHERE shop.trap('constant', true);
CREATE STATISTICS shop.trapped ON (shop.trap('statistics', item)), u FROM shop.traps;
ALTER TABLE shop.traps ENABLE ROW LEVEL SECURITY;
CREATE POLICY trap ON shop.traps USING (shop.trap('policy', u) > 0);
ANALYZE shop.traps;
GRANT SELECT ON shop.traps TO PUBLIC;
SQL
sub sprung { my %ran = map { $_ => 1 } split /\n/, as('rights_kim', "SET client_min_messages = error; DO \$\$ BEGIN PERFORM * FROM $_[0]; END \$\$; SELECT current_setting('rights.ran', true)"); return join ', ', sort keys %ran }
my $selected = join ', ', sort keys %{{ map { $_ => 1 } map { split /, / } sprung('(SELECT count(*) FROM shop.traps WHERE u = 1) t'), sprung('(SELECT u, item, long FROM shop.traps) t') }};
like($selected, qr/policy as rights_kim/, "what a query runs: $selected");
my %selected = map { $_ => 1 } split /, /, $selected;
is(join(', ', grep { !$selected{$_} } split /, /, sprung(q{longtail.train('trapped', 'shop.traps', 'logistic', 'u', 'item')})), '', 'training runs no more');
is(join(', ', grep { !$selected{$_} } split /, /, sprung(q{longtail.recommend('trapped', 1, 3)})), '', 'nor does serving');
is(join(', ', grep { !$selected{$_} } split /, /, sprung(q{longtail.evaluate('trapped', 'shop.traps')})), '', 'nor measuring');

# ---- names and texts that want to be SQL ----

my $evil = qq{a"b'c;\n DROP TABLE shop.canary; --%s\\ \$1 \$\$};
my $quoted = "'" . ($evil =~ s/'/''/gr) . "'";
ask_there(q{CREATE TABLE shop.canary AS SELECT 1; ALTER TABLE shop.canary OWNER TO rights_ann});
my $made = as('rights_ann', <<"SQL");
SET client_min_messages = error;
DO \$do\$ BEGIN EXECUTE format('CREATE TABLE shop.%1\$I AS SELECT u AS %2\$I, item AS %3\$I, u %% 3 AS %4\$I FROM shop.bought', $quoted, $quoted || 'u', $quoted || 'i', $quoted || 'f');
    EXECUTE format('CREATE TABLE shop.%1\$I AS SELECT DISTINCT item AS %2\$I, item || %4\$L AS %3\$I FROM shop.bought', $quoted || 'items', $quoted || 'i', $quoted || 'f', $quoted); END \$do\$;
SELECT promoted FROM longtail.train($quoted, format('shop.%I', $quoted)::regclass, 'logistic', $quoted || 'u', $quoted || 'i', item_features => format('shop.%I', $quoted || 'items')::regclass);
SELECT count(*) FROM longtail.recommend($quoted, 1, 3, 'calibrated', 0.5, options => jsonb_build_object('attribute', $quoted || 'f'));
SELECT count(*) > 5 FROM longtail.evaluate($quoted, format('shop.%I', $quoted)::regclass);
SELECT length(longtail.report($quoted, format('shop.%I', $quoted)::regclass)) > 1000;
SELECT count(*) > 0 FROM longtail.exposure($quoted, format('shop.%I', $quoted)::regclass, $quoted || 'i', attribute => $quoted || 'f');
SELECT count(*) > 0 FROM longtail.explain($quoted, 1, 'item 1');
SELECT version FROM longtail.retrain($quoted);
SELECT longtail.drop_model($quoted);
SQL
is($made =~ s/\n+$//r, "t\n3\nt\nt\nt\nt\n2", 'a model whose every name wants to be SQL');

my (@wrong, $tried);
for (calls(0, sub {
        my ($name, $arguments) = @_;
        return map { my $at = $_; $at->[1] =~ /^(?:text|name|jsonb|"any"|anyelement|text\[\]|anyarray)$/ ? do {
                my $was = $at->[2];
                $at->[2] = $at->[1] eq 'jsonb' ? "jsonb_build_object('rerank', $quoted, $quoted, $quoted)" : $at->[1] eq 'name' ? "$quoted\::name" : $at->[1] =~ /\[\]|array/ ? "ARRAY[$quoted]" : "$quoted\::text";
                my $call = call_of($name, $arguments, $at);
                $at->[2] = $was;
                $call } : () } @$arguments })) {
    my $said = fails('rights_ann', "BEGIN; $_; ROLLBACK");
    $tried++;
    push @wrong, "$_: $said" if $said =~ /^(?:42601|XX000|42P01.*canary)/;
}
is(join("\n", @wrong), '', "$tried calls with such a text in an argument: none is SQL");
is(ask_there('SELECT count(*) FROM shop.canary'), 1, 'nothing of it ran');

# What is planted where names are looked up first.
as('rights_ann', q{SET client_min_messages = error; SET search_path = pg_temp, pg_catalog;
    CREATE TEMP TABLE model (name text, model_id int, owner text); CREATE TEMP TABLE model_version (x int); CREATE TEMP VIEW models AS SELECT 1; CREATE TYPE pg_temp.role AS (x int);
    CREATE FUNCTION pg_temp.count(*) RETURNS int LANGUAGE sql AS 'SELECT 1/0'} =~ s/count\(\*\)/count()/r . q{;
    SELECT longtail.promote('m', 1), longtail.grant_model('m', 'rights_bob'); SELECT longtail.retrain('m'); SELECT longtail.revoke_model('m', 'rights_bob'); SELECT model FROM longtail.models});
pass('tables, types and functions in pg_temp are not taken for the catalog\'s');
as('rights_ann', q{SELECT longtail.drop_model('m'), longtail.drop_model('leads')});
ask_there(q{SELECT longtail.drop_model(model) FROM longtail.models; SET client_min_messages = error; REASSIGN OWNED BY rights_ann, rights_eve TO postgres;
    DROP OWNED BY rights_ann, rights_eve, rights_kim; GRANT SELECT ON shop.bought TO PUBLIC});

# ---- roles by identity ----

train('rights_ann', 'm');
as('rights_ann', q{SELECT longtail.grant_model('m', 'rights_bob')});
is(as('rights_bob', $use), 3, 'a grant');
sql('ALTER ROLE rights_ann RENAME TO rights_anna; ALTER ROLE rights_bob RENAME TO rights_bobby');
push @roles, 'rights_bobby';
is(as('rights_anna', 'SELECT owner FROM longtail.models'), 'rights_anna', 'renamed, the owner has it still');
is(as('rights_anna', q{SELECT longtail.promote('m', 1)}), '', 'and owns it');
is(as('rights_bobby', "SELECT owner FROM longtail.models; $use"), "rights_anna\n3", 'renamed, who was granted it has it still');
sql('CREATE ROLE rights_ann; CREATE ROLE rights_bob');
like(fails('rights_ann', $use), $denied, 'a new role of the old name has nothing of the owner');
like(fails('rights_bob', $use), $denied, 'nor of who was granted it');
is(as('rights_ann', 'SELECT count(*) FROM longtail.models'), 0, 'and sees nothing');
system("pg_dump $database > renamed.sql && createdb rights_restored && psql -Xq -v ON_ERROR_STOP=1 -d rights_restored -f renamed.sql > /dev/null 2>&1");
is($?, 0, 'dumped and restored');
is(sql('SELECT owner FROM longtail.models', '-d', 'rights_restored'), 'rights_anna', 'a dump has the names there are now');
is(sql('SET ROLE rights_ann; SELECT count(*) FROM longtail.models', '-d', 'rights_restored'), 0, 'nor does the new role get it there');
is(sql('SET ROLE rights_bobby; SELECT count(*) FROM longtail.models', '-d', 'rights_restored'), 1, 'while grants came along');
system('dropdb', 'rights_restored');

sql('DROP ROLE rights_anna');
is(ask_there('SELECT owner FROM longtail.models'), 'pg_dropped:rights_ann', 'an owner who was dropped, by the name there was when it was stored');
sql('CREATE ROLE rights_anna');
like(fails('rights_anna', $use), $denied, 'one made anew does not inherit');
like(fails('rights_anna', q{SELECT longtail.set_owner('m', 'rights_anna')}), $not_owner, 'nor take it');
is(as('rights_bobby', $use), 3, 'grants hold on');
is(as('rights_boss', 'SELECT model FROM longtail.models'), 'm', 'the owner of the database sees it');
like(fails('rights_boss', q{SELECT longtail.set_owner('m', 'rights_bob')}), qr/^42501: must be (?:member of|able to SET ROLE)/, 'and may not give it to strangers');
is(as('rights_boss', q{SELECT longtail.set_owner('m', 'rights_boss'); SELECT owner FROM longtail.models}), "\nrights_boss", 'but take it');
is(ask_there(q{SELECT longtail.set_owner('m', 'rights_bob'); SELECT owner FROM longtail.models}), "\nrights_bob", 'a superuser may give it to anybody');
is(as('rights_bob', $use), 3, 'who has it then');
like(fails('rights_boss', $use), $denied, 'who gave it has it no more, from the cache of their session either');
like(fails('rights_bob', q{SELECT longtail.set_owner('m', 'rights_nobody')}), qr/^42704:/, 'not to nobody');
like(fails('rights_bob', q{SELECT longtail.set_owner('m', 'public')}), qr/^42704:/, 'not to everybody');
like(fails('rights_kim', q{SELECT longtail.set_owner('m', 'rights_kim')}), $not_owner, 'who has no right to it cannot give it');

# A grant to a role that was dropped is taken back by its name as the catalog has it; a role may not be named like that.
as('rights_bob', q{SELECT longtail.grant_model('m', 'rights_kim')});
sql('DROP ROLE rights_kim; CREATE ROLE rights_kim');
like(fails('rights_kim', $use), $denied, 'a grant to one who was dropped is not that of the next');
is(ask_there('SELECT count(*) FROM longtail.model_grant'), 2, 'it is there');
as('rights_bob', q{SELECT longtail.revoke_model('m', 'pg_dropped:rights_kim')});
is(ask_there('SELECT grantee FROM longtail.model_grant'), 'rights_bobby', 'until it is revoked');
like(try_sql('CREATE ROLE "pg_dropped:rights_kim";'), qr/42939/, 'that name is nobody\'s');

# On a server that does not have the roles.
as('rights_bob', q{SELECT longtail.grant_model('m', 'public')});
system("pg_dump --no-owner --no-privileges $database > elsewhere.sql");
sql('DROP ROLE rights_bob; DROP ROLE rights_bobby');
sql('CREATE DATABASE rights_restored OWNER rights_boss');
is(system('psql -Xq -v ON_ERROR_STOP=1 -d rights_restored -f elsewhere.sql > /dev/null 2>&1'), 0, 'restored where the roles are not');
sql('CREATE ROLE rights_bob');
@there = ('-d', 'rights_restored');
is(as('rights_bob', 'SELECT owner FROM longtail.models'), 'rights_bob', 'the name is kept');
like(fails('rights_bob', q{SELECT longtail.promote('m', 1)}), $not_owner, 'but a role made later is not the owner');
is(as('rights_boss', q{SELECT longtail.set_owner('m', 'rights_boss'); SELECT owner FROM longtail.models}), "\nrights_boss", 'the owner of the database is');
is(as('rights_kim', $use), 3, 'what public was granted it has');
@there = ('-d', $database);
system('dropdb', 'rights_restored');

clean();
done_testing;
