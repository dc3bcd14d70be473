#!/usr/bin/perl
# cron.t: the nightly job under a real pg_cron, whose shortest schedule is every minute: at the next full one a model
# whose table has grown gets a new version that is promoted, and one whose table has lost nearly all its rows gets one
# that is refused, both by jobs that nobody looks at.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use Time::HiRes qw(sleep time);

plan skip_all => 'pg_cron is not installed' unless sql("SELECT count(*) FROM pg_extension WHERE extname = 'pg_cron'");

sql(<<'SQL');
SET client_min_messages = error;
CREATE SCHEMA cron_test;
CREATE TABLE cron_test.history AS
SELECT i AS id, sin(i) AS a, cos(i * 1.7) AS b, sin(i * 12.9898) + 1.5 * sin(i) > 0 AS y FROM generate_series(1, 4000) i;
CREATE TABLE cron_test.growing AS SELECT * FROM cron_test.history WHERE id <= 2000;
CREATE TABLE cron_test.shrinking AS SELECT * FROM cron_test.growing;
SELECT longtail.train('growing', 'cron_test.growing', 'logistic', label_column => 'y', options => '{"features": ["a", "b"]}');
SELECT longtail.train('shrinking', 'cron_test.shrinking', 'logistic', label_column => 'y',
                      options => '{"features": ["a", "b"], "validation_fraction": 0.5}');
INSERT INTO cron_test.growing SELECT * FROM cron_test.history WHERE id > 2000;
DELETE FROM cron_test.shrinking WHERE id > 20;
SELECT cron.schedule('longtail growing', '* * * * *', $$ SELECT longtail.retrain('growing') $$),
       cron.schedule('longtail shrinking', '* * * * *', $$ SELECT longtail.retrain('shrinking') $$);
SQL

my $end = time + 70;
sleep 0.5
    while time < $end
    && sql("SELECT count(*) FROM longtail.model_versions WHERE model IN ('growing', 'shrinking') AND version = 2") < 2;

my $seen = sql("SELECT model, active, decision FROM longtail.model_versions WHERE version = 2 ORDER BY model");
like($seen, qr/^growing\|t\|promoted: log_loss .*active version/m, 'the job of the table that grew promoted a new version');
like($seen, qr/^shrinking\|f\|not promoted: log_loss .*active version/m, 'the job of the table that shrank did not');
is(sql("SELECT version FROM longtail.models WHERE model = 'shrinking'"), 1, 'whose users keep the version before');
is(sql("SELECT count(*) FROM cron.job_run_details d JOIN cron.job j USING (jobid) WHERE jobname LIKE 'longtail %' AND status = 'failed'"),
   0, 'no run failed');
sql("SELECT cron.unschedule(jobid) FROM cron.job WHERE jobname LIKE 'longtail %'");
sql('SET client_min_messages = error; DROP SCHEMA cron_test CASCADE');
sql("SELECT longtail.drop_model('growing'), longtail.drop_model('shrinking')");
done_testing;
