#!/usr/bin/perl
# recommend_all.t: lists for 20,000 users of 2,000 items within bounds: memory stays what it is for few users, a cancel
# acts at once, and what cannot be done is told.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(time);

# Standard output and standard error of a script; the exit status is the caller's to look at.
sub run_sql {
    my ($script) = @_;
    open my $out, '>', 'script.sql' or die "script.sql: $!\n";
    print $out $script;
    close $out;
    return `psql -XAtq -v ON_ERROR_STOP=1 -f script.sql 2>&1`;
}

my $output = run_sql(<<'SQL');
SET client_min_messages = error;
CREATE SCHEMA recommend_all_test;
SET search_path = recommend_all_test;
CREATE TABLE bought AS
SELECT u, ((u * 7919 + n * 104729) % 2000 * ((u * 31 + n * 17) % 1000) / 1000)::int AS i
FROM generate_series(1, 20000) u, generate_series(1, 12) n;
CREATE TABLE few AS SELECT * FROM bought WHERE u <= 500;
INSERT INTO few SELECT 500, i FROM generate_series(0, 1999) i;
INSERT INTO bought SELECT 500, i FROM generate_series(0, 1999) i;
SELECT longtail.train('many', 'bought', 'item_knn', 'u', 'i', options => '{"split": "none"}');
SELECT longtail.train('few', 'few', 'item_knn', 'u', 'i', options => '{"split": "none"}');
CREATE TABLE full_up AS SELECT u, i FROM generate_series(1, 20) u, generate_series(1, 20) i WHERE i <= 5 OR i = u;
SELECT longtail.train('full', 'full_up', 'popularity', 'u', 'i', options => '{"split": "none"}');
SQL
is($?, 0, 'models are trained') or diag $output;

# The most memory a backend has had, in kB, after a call that follows the loading of both models.
sub peak {
    my ($call) = @_;
    my $output = run_sql(<<"SQL");
SET work_mem = '1MB';
SELECT pg_backend_pid() AS pid \\gset
SELECT count(*) FROM longtail.recommend('many', 1);
SELECT count(*) FROM longtail.recommend('few', 1);
SELECT count(*) FROM $call;
\\setenv PID :pid
\\! grep VmHWM "/proc/\$PID/status"
SQL
    return $output =~ /VmHWM:\s*(\d+)/ ? $1 : diag($output) && 0;
}

SKIP: {
    skip 'no /proc', 3 unless -e '/proc/self/status';
    my $few  = peak(q{longtail.recommend_all('few', 10)});
    my $many = peak(q{longtail.recommend_all('many', 10, min_exposure => 20, max_head_share => 0.1)});
    my $rows = peak(q{(SELECT longtail.recommend_all('many', 10)) AS x});
    # forty times the users: what they have (242,000 items of 4 bytes) and a copy of it; not scores (160 MB) or rows (16 MB)
    cmp_ok($few,  '>', 0,            "memory for 500 users: $few kB");
    cmp_ok($many, '<', $few + 10240, "and for 20,000: $many kB");
    cmp_ok($rows, '<', $few + 10240, "and for their rows in a select list: $rows kB");
}

# ---- time: bounds at most double it ----
$output = run_sql(<<'SQL');
\timing on
SELECT count(*) FROM longtail.recommend_all('many', 10);
SELECT count(*) FROM longtail.recommend_all('many', 10, min_exposure => 20);
SQL
my @ms = $output =~ /Time: ([\d.]+) ms/g;
is(scalar @ms, 2, "20,000 lists take @ms ms, without and with a minimum") or diag $output;

# ---- a cancel acts within a second ----
for my $call (q{longtail.recommend_all('many', 500, 'xquad', 0.5, min_exposure => 100, max_head_share => 0.05)},
    q{longtail.recommend_all('many', 10, min_exposure => 20)},
    q{(SELECT longtail.recommend_all('many', 500, 'xquad', 0.5)) AS x}) {
    my $begun = time;
    $output = run_sql("SET statement_timeout = '100ms'; SELECT count(*) FROM $call;");
    my $took = time - $begun;
    like($output, qr/statement timeout/, 'it is cancelled');
    cmp_ok($took, '<', 1.5, sprintf 'within a second of 0.1: %.2f s', $took);
}

# ---- what cannot be done ----
$output = run_sql(q{SELECT count(*) FROM longtail.recommend_all('full', 3, min_exposure => 2)});
like($output, qr/WARNING:  5 items appear less than 2 times, 10 appearances in all/, 'items that everybody has are counted');
like($output, qr/^60$/m, 'and lists are made');
$output = run_sql(q{SELECT count(*) FROM longtail.recommend_all('full', 20, exclude_seen => false, max_head_share => 0)});
like($output, qr/WARNING:  head items have \d+ of 400 places/, 'a share of the head that leaves lists too short is told');
$output = run_sql(q{SELECT count(*) FROM longtail.recommend_all('many', 10, min_exposure => 20)});
unlike($output, qr/WARNING/, 'nothing is said where all is well');

run_sql(q{SET client_min_messages = error; SELECT longtail.drop_model(m) FROM unnest('{many,few,full}'::text[]) m; DROP SCHEMA recommend_all_test CASCADE});
done_testing;
