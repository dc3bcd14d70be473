#!/usr/bin/perl
# progress.t: longtail.training_progress while each algorithm trains: phases in order, rows read so far, epochs, and who
# may see it.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use Time::HiRes qw(sleep time);

sql(<<'SQL');
SET client_min_messages = error;
CREATE SCHEMA progress;
CREATE TABLE progress.bought AS
SELECT 1 + (n * 7919 % 3000) AS user_id, 1 + (power(n * 104729 % 1000 / 1000.0, 2) * 400)::int AS item_id, 1000 + n AS at, n % 5 = 0 AS y, sin(n) AS a
FROM generate_series(1::bigint, 300000) n;
CREATE TABLE progress.items AS SELECT i AS item_id, i % 7 AS a FROM generate_series(1, 500) i;
CREATE ROLE progress_other;
CREATE ROLE progress_monitor IN ROLE pg_monitor;
GRANT USAGE ON SCHEMA longtail TO progress_other, progress_monitor;
SQL

my $trains = session();
ask($trains, 'SET client_min_messages = error; SET longtail.progress_interval = 0');
my $looks = session();
my $other = session();
ask($other, 'SET ROLE progress_other');
my $monitor = session();
ask($monitor, 'SET ROLE progress_monitor');

my %place = (reading => 1, training => 2, validating => 3, storing => 4);
my $view = "SELECT concat_ws('|', model, phase, coalesce(rows, -1), coalesce(epoch, -1), coalesce(epochs, -1), coalesce(trial, -1)) FROM longtail.training_progress WHERE pid = $trains->{pid}";

# Trains while another session looks on; what it saw.
sub watch
{
    my ($call) = @_;
    my (@seen, %others);
    request($trains, "SELECT 'promoted ' || ($call).promoted");
    for (my $end = time + 60; time < $end;) {
        my $row = ask($looks, $view);
        push @seen, [split /\|/, $row] if $row ne '';
        if (@seen == 3 || (@seen && !%others)) {
            $others{other} //= ask($other, 'SELECT count(*) FROM longtail.training_progress');
            $others{monitor} = ask($monitor, 'SELECT count(*) FROM longtail.training_progress') if !$others{monitor};
        }
        next if !@seen && time < $end - 59; # it has hardly begun
        last if ask($looks, "SELECT state FROM pg_stat_activity WHERE pid = $trains->{pid}") eq 'idle';
    }
    return (answer($trains), \@seen, \%others);
}

my (%rows_seen, %epochs_seen, $monitored);
for my $algorithm (split /\n/, sql("SELECT name FROM longtail.algorithms() WHERE recommender AND name NOT IN ('blend', 'auto') ORDER BY 1")) {
    my $features = $algorithm eq 'content' ? q{, item_features => 'progress.items'} : '';
    my $label = $algorithm =~ /^(logistic|mlp)$/ ? q{, label_column => 'y'} : '';
    my $epochs = sql("SELECT count(*) FROM longtail.options('$algorithm') WHERE name = 'epochs'") ? ', "epochs": 3' : '';
    my ($answer, $seen, $others) = watch(
        "longtail.train('watched $algorithm', 'progress.bought', '$algorithm', 'user_id', 'item_id', time_column => 'at'$label$features, options => '{\"seed\": 1$epochs}')");
    my ($orderly, $at, $rows) = (1, 0, 0);
    for (@$seen) {
        my ($model, $phase, $read, $epoch, $of) = @$_;
        $orderly &&= $model eq "watched $algorithm" && ($place{$phase} // 0) >= $at && ($read < 0 || ($phase eq 'reading' && $read >= $rows));
        $at = $place{$phase} // 99;
        $rows = $read if $read > 0;
        $rows_seen{$algorithm} = $rows if $rows;
        $epochs_seen{$algorithm} = "$epoch of $of" if $epoch > 0;
    }
    is($answer, 'promoted true', "$algorithm trains");
    ok($orderly, "$algorithm: phases in order") or diag join "\n", map { join ' ', @$_ } @$seen;
    ok(@$seen > 0, "$algorithm is seen in training");
    is($others->{other} // 0, 0, "$algorithm: other roles do not see it");
    $monitored += $others->{monitor} // 0;
}
cmp_ok(scalar keys %rows_seen, '>=', 3, 'rows read so far are seen: ' . join ', ', map { "$_ $rows_seen{$_}" } sort keys %rows_seen);
cmp_ok(scalar keys %epochs_seen, '>=', 1, 'epochs are seen: ' . join ', ', map { "$_ $epochs_seen{$_}" } sort keys %epochs_seen);
cmp_ok($monitored, '>', 0, 'whoever may monitor sees it');

# A search tells its trials; what is over, or failed, is not there any more.
my ($answer, $seen) = watch(q{longtail.train('watched', 'progress.bought', 'ease', 'user_id', 'item_id', time_column => 'at', options => '{"search": {"regularization": [1, 10, 100]}}')});
ok((grep { $_->[5] > 0 } @$seen), 'trials of a search');
ask($trains, q{SELECT longtail.train('watched', 'progress.bought', 'ease', 'user_id', 'item_id', options => '{"nope": 1}')});
is(sql('SELECT count(*) FROM longtail.training_progress'), 0, 'nothing is left of it');

leave($_) for $trains, $looks, $other, $monitor;
sql(<<'SQL');
SET client_min_messages = error;
SELECT longtail.drop_model(model) FROM longtail.models WHERE model LIKE 'watched%';
DROP SCHEMA progress CASCADE;
DROP OWNED BY progress_other, progress_monitor;
DROP ROLE progress_other, progress_monitor;
SQL
done_testing;
