#!/usr/bin/perl
# spill.t: a training on rows several times its memory: what the backend holds, and what a cancel, a kill and a full
# disk leave behind.
use strict;
use warnings;
use Test::More;
use Time::HiRes qw(sleep);

my $tmp = "$ENV{PGDATA}/base/pgsql_tmp";

sub psql
{
    my ($sql) = @_;
    open my $in, '-|', 'sh', '-c', 'exec psql -XAtq 2>&1 <<"SQL"' . "\n$sql\nSQL" or die "psql: $!\n";
    local $/;
    my $out = <$in> // '';
    close $in;
    return $out =~ s/\n\z//r;
}
sub files { my @found = glob("$tmp/*"); return scalar @found }
sub train
{
    my ($algorithm, $options) = @_;
    return "SELECT spilled, loss, validation_value FROM longtail.train('spilled', 'wide', '$algorithm', label_column => 'y', options => '$options')";
}

psql(q{SET client_min_messages = warning;
    CREATE TABLE wide AS SELECT i % 3 = 0 AS y, } . join(', ', map { "sin(i * $_) AS c$_" } 1 .. 20)
      . q{ FROM generate_series(1, 300000) i;
    CREATE TABLE warm_up AS SELECT * FROM wide LIMIT 2000});
my $quiet = 'SET longtail.progress_interval = 0;';

# 48 MB of raw rows and 24 MB encoded, in 24 MB.
for my $case (['logistic', '{}'], ['mlp', '{"epochs": 1, "hidden": [8]}']) {
    my ($algorithm, $options) = @$case;
    my $peak = "\\setenv P :pid\n\\! sed -n 's/^VmHWM:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/\$P/status\n";
    my @got = split /\n/, psql("$quiet SET longtail.training_memory = '24MB';
SELECT pg_backend_pid() AS pid \\gset
SELECT count(*) FROM longtail.train('warm', 'warm_up', '$algorithm', label_column => 'y', options => '{\"epochs\": 1}') \\g /dev/null
$peak" . train($algorithm, $options) . ";\n$peak");
    my $plenty = psql("$quiet SET longtail.training_memory = '1GB'; " . train($algorithm, $options));

    @got = grep { !/NOTICE|WARNING|HINT|DETAIL/ } @got;
    $plenty = (split /\n/, $plenty)[-1];
    like($got[1] // '', qr/^7[0-9]{7}\|/, "$algorithm: raw and encoded rows are written");
    is($got[1] =~ s/^\d+//r, $plenty =~ s/^0//r, 'and the result is that of plenty of memory');
    # What is mapped counts as resident, and so does PostgreSQL's shared memory, as the scan touches it.
    my $grown = ($got[2] - $got[0]) / 1024;
    cmp_ok($grown, '<', 24 + 40, sprintf 'the backend grows by %.0f MB', $grown);
    is(files(), 0, 'no file is left');
}

# Cancelled while files are there.
my $out = psql("$quiet SET longtail.training_memory = '24MB'; SET statement_timeout = '1s'; " . train('mlp', '{"epochs": 1000, "hidden": [64], "early_stopping": 0}'));
like($out, qr/canceling statement due to statement timeout/, 'a training is cancelled');
is(files(), 0, 'and leaves no file');

# Killed: files are removed when the server has come up again.
my $client = fork // die "fork: $!\n";
if (!$client) {
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    exec 'psql', '-Xq', '-c', 'SET longtail.training_memory = \'24MB\'', '-c', train('mlp', '{"epochs": 1000, "hidden": [64], "early_stopping": 0}');
}
my $backend;
for (1 .. 100) {
    $backend = psql(q{SELECT pid FROM longtail.training_progress WHERE model = 'spilled'});
    last if $backend && files() > 0;
    sleep 0.1;
}
cmp_ok(files(), '>', 0, 'files have names while a training runs');
kill 'KILL', $backend;
waitpid $client, 0;
for (1 .. 100) { last if system('pg_isready -q') == 0 && psql('SELECT 1') eq '1'; sleep 0.3 }
is(files(), 0, 'a killed backend leaves no file');

# A disk that is full: a small file system of its own, where that can be made.
SKIP: {
    my $small = "$ENV{LONGTAIL_SERVER}/small";
    my $made = $> == 0 && mkdir($small) && system("mount -t tmpfs -o size=20m tmpfs $small 2>/dev/null && chown postgres $small") == 0;
    skip 'no file system can be mounted here', 3 if !$made;
    psql("CREATE TABLESPACE small LOCATION '$small'");
    $out = psql("$quiet SET temp_tablespaces = small; SET longtail.training_memory = '24MB'; " . train('logistic', '{}'));
    like($out, qr/could not write rows to a temporary file: No space left on device/, 'a full disk is an error of a write');
    my @left = glob("$small/*/pgsql_tmp/*");
    is(scalar @left, 0, 'and leaves no file there');
    like(psql("$quiet SET longtail.training_memory = '24MB'; " . train('logistic', '{}')), qr/^7[0-9]{7}\|/m, 'elsewhere it goes on');
    psql('DROP TABLESPACE small');
    system("umount $small");
    rmdir $small;
}

done_testing();
