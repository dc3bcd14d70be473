#!/usr/bin/perl
# concurrency.t: two sessions retrain one model while others recommend, promote back and forth, and grant: no error,
# every list whole, and every version numbered once.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use IPC::Open2;
use Time::HiRes qw(time);

my $seconds = 10;

sql(<<'SQL');
SET client_min_messages = error;
CREATE SCHEMA concurrency_test;
CREATE TABLE concurrency_test.bought AS
SELECT u, i FROM generate_series(1, 200) u, generate_series(1, 100) i WHERE (u * 31 + i * 17 + u * i) % 7 < 2;
CREATE INDEX ON concurrency_test.bought (u);
SELECT longtail.train('busy', 'concurrency_test.bought', 'mlp', 'u', 'i', options => '{"epochs": 2, "promote": "always"}');
SQL

# Each statement runs again and again in a session of its own until the time is up; one row of what it says each time.
# The short ones rest in between: seven sessions that never do leave some without a processor, on two.
my %task = (
    'retrain 1' => q{SELECT version FROM longtail.retrain('busy')},
    'retrain 2' => q{SELECT version FROM longtail.retrain('busy', '{"seed": 2}')},
    'recommend' => q{SELECT count(*) FROM pg_sleep(0.01), longtail.recommend('busy', 1 + floor(random() * 200)::int)},
    'strangers' => q{SELECT count(*) FROM pg_sleep(0.01), longtail.recommend('busy', 1000, method => 'quota', strength => 0.5)},
    'many'      => q{SELECT count(*) FROM generate_series(1, 50) u, LATERAL longtail.recommend('busy', u)},
    'promote'   => q{SELECT count(longtail.promote('busy', 1)) FROM pg_sleep(0.01)},
    'buy'       => q{WITH b AS (INSERT INTO concurrency_test.bought SELECT 300, 1 + random() * 99 RETURNING 1) SELECT count(*) FROM b, pg_sleep(0.02)},
);
my %expected = (recommend => 10, strangers => 10, many => 500, promote => 1, buy => 1);
my %child;
for my $name (sort keys %task) {
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        open STDERR, '>', "$name.out";
        my $psql = open2(my $out, my $in, qw(psql -XAtq -v ON_ERROR_STOP=1));
        my $end = time + $seconds;
        print $in "SET client_min_messages = warning;\n";
        while (time < $end) {
            print $in "$task{$name};\n";
            print STDERR <$out> // last;
        }
        close $in;
        waitpid $psql, 0;
        exit($? >> 8);
    }
    $child{$name} = $pid;
}
my %status = map { waitpid $child{$_}, 0; $_ => $? } sort keys %child;
for my $name (sort keys %task) {
    open my $in, '<', "$name.out" or die "$name.out: $!\n";
    my @lines = map { chomp; $_ } <$in>;
    is($status{$name}, 0, "$name: no error") or diag(join "\n", @lines);
    cmp_ok(scalar @lines, '>', 1, "$name: " . @lines . ' answers');
    is(scalar(grep { $_ ne $expected{$name} } @lines), 0, "$name: every answer is whole") if $expected{$name};
}
is(sql(q{SELECT count(*) = max(version) FROM longtail.model_versions WHERE model = 'busy'}), 't', 'versions are numbered without a gap');
is(sql(q{SELECT count(DISTINCT version) = max(version) FROM longtail.training_log WHERE model = 'busy'}), 't', 'each with its log');
is(sql(q{SELECT count(*) FROM longtail.recommend('busy', 5)}), 10, 'and the model serves');
sql(q{SET client_min_messages = error; SELECT longtail.drop_model('busy'); DROP SCHEMA concurrency_test CASCADE});
done_testing;
