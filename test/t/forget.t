#!/usr/bin/perl
# forget.t: forgetting beside trainings and other sessions: whoever was forgotten does not come back, is served as a
# stranger by all, and is in no file that sessions share.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(sleep);
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;

my $database = 'forget';
my @here     = ('-d', $database);
system('dropdb', '--if-exists', $database);
system('createdb', $database) == 0 or BAIL_OUT('no database');

sub here { return sql($_[0], @here) }

# Where the id is still to be found: versions and parts, and files.
sub traces
{
    my ($who) = @_;
    my $rows  = here("SELECT string_agg(version || ' ' || part, ', ') FROM longtail.model_data WHERE position(convert_to('$who', 'UTF8') IN bytes) > 0");
    my @files = map { s{.*/}{}r } grep {
        open my $in, '<:raw', $_ or die "$_: $!\n";
        local $/;
        index(<$in> // '', $who) >= 0;
    } glob "$ENV{PGDATA}/base/pgsql_tmp/pgsql_tmp_longtail.*";
    return join ', ', grep { $_ ne '' } $rows, @files;
}

# Whether a session comes to wait for a lock: the model's, or another.
sub waits_for
{
    my ($session, $type) = (@_, 'advisory');
    for (1 .. 200) {
        return 1 if here("SELECT count(*) FROM pg_locks WHERE pid = $session->{pid} AND NOT granted AND locktype = '$type'") > 0;
        sleep 0.05;
    }
    return 0;
}

here(q{
    CREATE EXTENSION longtail;
    CREATE TABLE bought AS SELECT 'somebody-' || u AS user_id, i AS item_id FROM generate_series(1, 60) AS u, generate_series(1, 20) AS i
        WHERE (u * 31 + i * 17) % 5 < 2;
    CREATE INDEX ON bought (user_id);
    CREATE TABLE people AS SELECT 'somebody-' || u AS user_id, u % 5 AS kind FROM generate_series(1, 70) AS u;
    CREATE INDEX ON people (user_id);
    SELECT longtail.train('shop', 'bought', 'logistic', 'user_id', 'item_id', user_features => 'people', options => '{"id_features": "both", "promote": "always"}');
});

# Other sessions, and files.
my $server = session(@here);
my $known = ask($server, q{SELECT longtail.predict('shop', 'somebody-33', 3)});
here(q{DELETE FROM people WHERE user_id = 'somebody-33'});
isnt(traces('somebody-33'), '', 'the id is found: ' . traces('somebody-33'));
like(traces('somebody-33'), qr/pgsql_tmp_longtail/, 'in a file as well');
is(here(q{SELECT versions FROM longtail.forget('shop', 'somebody-33')}), 1, 'forgotten');
is(ask($server, q{SELECT longtail.predict('shop', 'somebody-33', 3) = longtail.predict('shop', 'never seen', 3)}), 't', 'another session serves a stranger');
is(traces('somebody-33'), '', 'nothing has the id, no file either');

# A training under way has read them: it is waited for, and its version forgets too.
my ($trainer, $forgetter) = (session(@here), session(@here));
ask($trainer, 'BEGIN');
like(ask($trainer, q{SELECT version FROM longtail.retrain('shop')}), qr{^2$}m, 'a training, not committed');
request($forgetter, q{SELECT versions FROM longtail.forget('shop', 'somebody-34')});
ok(waits_for($forgetter), 'forgetting waits for it');
is(here(q{SELECT count(*) FROM longtail.recommend('shop', 'somebody-35', 3)}), 3, 'nobody else waits');
ask($trainer, 'COMMIT');
is(answer($forgetter), '2', 'both versions have forgotten');
is(traces('somebody-34'), '', 'without a trace');

# A training that begins while somebody is being forgotten reads what is there afterwards.
ask($forgetter, 'BEGIN');
ask($forgetter, q{DELETE FROM bought WHERE user_id = 'somebody-36'; DELETE FROM people WHERE user_id = 'somebody-36'});
is(ask($forgetter, q{SELECT in_source FROM longtail.forget('shop', 'somebody-36')}), 'f', 'deleted and forgotten in one transaction');
request($trainer, q{SELECT version FROM longtail.retrain('shop')});
ok(waits_for($trainer), 'a training waits for that');
ask($forgetter, 'COMMIT');
like(answer($trainer), qr/^3$/m, 'and then makes a version');
is(traces('somebody-36'), '', 'that has not read the user');

# Tuning makes a version of the one that it has measured: that is waited for as well.
my $holder = session(@here);
here(q{CREATE TABLE later AS SELECT 'somebody-' || u AS user_id, i AS item_id FROM generate_series(1, 60) AS u, generate_series(1, 20) AS i
    WHERE (u * 31 + i * 17) % 5 = 2});
ask($holder, 'BEGIN; LOCK TABLE later');
request($trainer, q{SELECT count(*) FROM longtail.autotune('shop', 'later', 5, '{popularity}', 1, '{1}', apply => true)});
ok(waits_for($trainer, 'relation'), 'a tuning has its model, and waits for the table it measures by');
request($forgetter, q{SELECT versions FROM longtail.forget('shop', 'somebody-40')});
ok(waits_for($forgetter), 'forgetting waits for it');
ask($holder, 'COMMIT');
is(answer($trainer), '2', 'it is tuned');
is(answer($forgetter), '4', 'all versions have forgotten, the tuned one too');
is(traces('somebody-40'), '', 'without a trace');
leave($holder);

# A transaction that still sees the user does not bring the user back.
my $old = session(@here, '-v', 'VERBOSITY=verbose');
ask($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
ask($old, 'SELECT count(*) FROM bought');
here(q{BEGIN; DELETE FROM bought WHERE user_id = 'somebody-37'; DELETE FROM people WHERE user_id = 'somebody-37';
       SELECT longtail.forget('shop', 'somebody-37'); COMMIT});
like(ask($old, q{SELECT longtail.retrain('shop')}), qr/40001/, 'a training by an older snapshot fails');
ask($old, 'ROLLBACK');
is(traces('somebody-37'), '', 'and brings nobody back');
ask($old, 'BEGIN ISOLATION LEVEL REPEATABLE READ');
ask($old, 'SELECT count(*) FROM bought');
is(here(q{SELECT version FROM longtail.retrain('shop')}), 5, 'another version');
like(ask($old, q{SELECT longtail.forget('shop', 'somebody-38')}), qr/40001/, 'nor does forgetting miss a version it does not see');
ask($old, 'ROLLBACK');
leave($old);

# A version dropped, or imported, while forgetting waits for the model: neither comes back, nor is missed.
my $bytes = here(q{SELECT longtail.export_model('shop')});
ask($trainer, 'BEGIN');
ask($trainer, q{SELECT longtail.drop_version('shop', 1)});
ask($trainer, "SELECT longtail.import_model('shop', '$bytes')");
request($forgetter, q{SELECT versions FROM longtail.forget('shop', 'somebody-39')});
for (1 .. 200) { last if here("SELECT wait_event_type FROM pg_stat_activity WHERE pid = $forgetter->{pid}") eq 'Lock'; sleep 0.05 }
ask($trainer, 'COMMIT');
is(answer($forgetter), here(q{SELECT count(*) FROM longtail.model_versions}), 'every version there is in the end has forgotten');
is(traces('somebody-39'), '', 'the imported one too');
is(here(q{SELECT count(*) FROM longtail.model_data LEFT JOIN longtail.model_version USING (model_id, version) WHERE algorithm IS NULL}), 0, 'and nothing is stored of one that was dropped');

# Two first trainings of a name: forgetting waits for neither, so that the later one fails.
my $verbose = session(@here, '-v', 'VERBOSITY=verbose');
my $make = q{SELECT version FROM longtail.train('new', 'bought', 'ease', 'user_id', 'item_id', options => '{"domain_source": "later"}')};
ask($holder = session(@here), 'BEGIN; LOCK TABLE later');
request($verbose, $make);
ok(waits_for($verbose, 'relation'), 'a first training has read the source, and waits for the other one');
is(here(q{SELECT version FROM longtail.train('new', 'bought', 'ease', 'user_id', 'item_id')}), 1, 'another one is done before');
here(q{BEGIN; DELETE FROM bought WHERE user_id = 'somebody-41'; DELETE FROM people WHERE user_id = 'somebody-41';
       SELECT longtail.forget('new', 'somebody-41'); SELECT longtail.forget('shop', 'somebody-41'); COMMIT});
ask($holder, 'COMMIT');
like(answer($verbose), qr/40001.*made by another session/, 'who was forgotten meanwhile is not brought back');
is(traces('somebody-41'), '', 'nothing has the id');
like(ask($verbose, $make), qr/^2$/m, 'training again makes a version');

# A model dropped and made again is another one, and no training that began with the old one stores into it.
for my $training (q{SELECT version FROM longtail.retrain('new')}, $make) {
    ask($holder, 'BEGIN; LOCK TABLE later');
    request($verbose, $training);
    ok(waits_for($verbose, 'relation'), 'a training waits');
    here(q{SELECT longtail.drop_model('new')});
    here(q{SELECT longtail.train('new', 'bought', 'popularity', 'user_id', 'item_id')});
    ask($holder, 'COMMIT');
    like(answer($verbose), qr/40001.*dropped and made again/, 'it fails');
    is(here(q{SELECT string_agg(version || ' ' || algorithm, ', ') FROM longtail.model_versions WHERE model = 'new'}), '1 popularity', 'the new model has its own version alone');
    here($make) if $training ne $make;
}
leave($_) for $verbose, $holder;

leave($_) for $server, $trainer, $forgetter;
system('dropdb', $database);
done_testing;
