#!/usr/bin/perl
# restart.t: a backend killed while it trains, a server stopped at once: the catalog is as before and the model serves.
# And a backend that trains has as many threads as it may have, and one when it has trained, as PostgreSQL wants it.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use IPC::Open2;
use Time::HiRes qw(sleep time);

# A training that would last for hours, under way; the pids of its client and its backend.
sub begin_training
{
    my $client = fork // die "fork: $!\n";
    if (!$client) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec 'psql', '-Xq', '-c', q{SELECT longtail.retrain('kept', '{"epochs": 100000, "early_stopping": 0}')};
    }
    for (1 .. 100) {
        my $backend = sql(q{SELECT pid FROM longtail.training_progress WHERE model = 'kept' AND epoch > 0});
        return ($client, $backend) if $backend;
        sleep 0.1;
    }
    die "the training does not start\n";
}

sql(<<'SQL');
SET client_min_messages = error;
CREATE SCHEMA restart_test;
CREATE TABLE restart_test.bought AS
SELECT u, i FROM generate_series(1, 200) u, generate_series(1, 100) i WHERE (u * 31 + i * 17 + u * i) % 7 < 2;
CREATE INDEX ON restart_test.bought (u);
SELECT longtail.train('kept', 'restart_test.bought', 'mlp', 'u', 'i', options => '{"epochs": 2}');
SQL
my @questions = (
    'SELECT * FROM longtail.model_versions ORDER BY 1, 2',
    q{SELECT count(*), sum(octet_length(bytes)) FROM longtail.model_data},
    'SELECT count(*) FROM longtail.training_epoch',
    q{SELECT * FROM longtail.recommend('kept', 7)},
);
my @before = map { sql($_) } @questions;

sub is_as_before { is(sql($questions[$_]), $before[$_], "$_[0]: $questions[$_]") for 0 .. $#questions }

my ($client, $backend) = begin_training();
if (-d '/proc/self/task') {
    my @others = grep { !m{/$backend$} } glob "/proc/$backend/task/*";
    my $of_the_server = 0x6203; # hangup, interrupt, user 1, alarm, terminate
    my $blocked = grep { qx(cat $_/status) =~ /^SigBlk:.*([0-9a-f]{8})$/m && (hex($1) & $of_the_server) == $of_the_server } @others;

    is(@others + 1, 2, 'a backend that trains has longtail.threads threads');
    is($blocked, 1, 'all but its own take no signals');
}
kill KILL => $backend;
waitpid $client, 0;
isnt($?, 0, 'the client is told');
ok(wait_for_server(), 'the server recovers');
is_as_before('killed');

($client) = begin_training();
is(restart('immediate'), 0, 'an immediate restart');
waitpid $client, 0;
ok(wait_for_server(), 'the server is back');
is_as_before('restarted');

# A shutdown does not wait for the training.
($client) = begin_training();
my $started = time;
is(restart('fast'), 0, 'a fast restart');
cmp_ok(time - $started, '<', 10, 'does not wait for a training');
waitpid $client, 0;
ok(wait_for_server(), 'the server is back again');
is_as_before('shut down');

# One session that trains, recommends and predicts, and is then looked at.
my $psql = open2(my $out, my $in, qw(psql -XAtq));
print $in <<'SQL';
SET client_min_messages = error;
SELECT 'version ' || version FROM longtail.retrain('kept', '{"promote": "never"}');
SELECT 'version ' || version FROM longtail.retrain('kept', '{"promote": "never"}');
SELECT 'items ' || count(*) FROM longtail.recommend_all('kept');
SELECT 'pid ' || pg_backend_pid();
SQL
my $said = '';
while (my $line = <$out>) { $said .= $line; last if $line =~ /^pid/ }
like($said, qr/version 2\nversion 3\nitems \d+\npid \d+/, 'a session trains twice and recommends');
my ($pid) = $said =~ /pid (\d+)/;
my $thread_count = () = glob "/proc/$pid/task/*";
is($thread_count, 1, 'and has one thread') if -d '/proc/self/task';
close $in;
waitpid $psql, 0;

sql(q{SET client_min_messages = error; SELECT longtail.drop_model('kept'); DROP SCHEMA restart_test CASCADE});
done_testing;
