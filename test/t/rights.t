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
open my $nowhere, '>', '/dev/null';
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
like(fails('rights_boss', $use), $denied, 'who gave it has it no more, from the cache of his session either');
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
