#!/usr/bin/perl
# out_of.t: memory, address space, disk space, descriptors that run out at every point of training and serving.
#
# Calls that ask for them fail at the n-th time (faults.c), from there on or once; the address space of a backend is
# limited to one size after the other; file systems are full, really, where one may be mounted.  Whatever fails is an
# ERROR with the SQLSTATE of its kind, or is done without; the same session then does the same and gets what it gets on
# other days; nothing that was stored is lost, nothing is left over, and the server never goes down, but for a full
# disk under its write-ahead log.
#
# make test: a few hundred failures; make torture: each of the first calls and thousands of the others.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use cluster;
use Errno qw(EIO EMFILE ENOMEM ENOSPC);
use File::Basename qw(basename);
use List::Util qw(max min uniq);
use Time::HiRes qw(sleep time);

my $tries = $ENV{LONGTAIL_TRIES} // long_form(2, 120); # of each statement and kind of call
my $seed  = $ENV{LONGTAIL_SEED}  // 6;
my $began = time;
srand $seed;

my $server    = cluster->new('out_of', 'fsync = off', 'autovacuum = off');
my $temporary = "$server->{data}/base/pgsql_tmp";

sql(<<'SQL');
SET client_min_messages = error;
CREATE EXTENSION longtail;
CREATE TABLE bought AS
SELECT u, i FROM generate_series(1, 200) u, generate_series(1, 120) i WHERE (u * 31 + i * 17 + u * i) % 7 < 2;
CREATE INDEX ON bought (u);
CREATE TABLE test AS
SELECT u, i FROM generate_series(1, 50) u, generate_series(1, 120) i WHERE (u * 31 + i * 17 + u * i) % 11 = 4;
CREATE TABLE item AS SELECT i, i % 9 AS price, 'kind' || i % 5 AS kind FROM generate_series(1, 120) i;
CREATE TABLE wide AS
SELECT i % 3 = 0 AS y, sin(i) AS a, sin(i * 2) AS b, sin(i * 3) AS c, sin(i * 4) AS d FROM generate_series(1, 30000) i;
SELECT longtail.train('kept', 'bought', 'als', 'u', 'i', options => '{"factors": 16, "epochs": 3}');
SELECT longtail.train('net', 'bought', 'mlp', 'u', 'i', item_features => 'item', options => '{"factors": 4, "epochs": 1}');
SELECT longtail.train('near', 'bought', 'content', 'u', 'i', item_features => 'item');
INSERT INTO item VALUES (1001, 3, 'kind1');
SQL

# ---- what is tried ----

sub training { return "SELECT algorithm, rows, users, items, epochs, loss, validation_value FROM longtail.train('new', $_[0])" }

my %statement = (
    'train als'        => training(q{'bought', 'als', 'u', 'i', options => '{"factors": 8, "epochs": 2}'}),
    'train ease'       => training(q{'bought', 'ease', 'u', 'i'}),
    'train mlp'        => training(q{'bought', 'mlp', 'u', 'i', item_features => 'item', options => '{"factors": 4, "epochs": 1}'}),
    'train item_knn'   => training(q{'bought', 'item_knn', 'u', 'i'}),
    'train in 2 MB'    => "SET longtail.training_memory = '2MB'; " . training(q{'wide', 'logistic', label_column => 'y'}),
    'retrain'          => q{BEGIN; SELECT version, loss FROM longtail.retrain('kept', '{"promote": "always"}'); SELECT count(*) FROM longtail.recommend('kept', 3); ROLLBACK},
    'refresh'          => q{BEGIN; SELECT * FROM longtail.refresh('near'); ROLLBACK},
    'recommend'        => q{SELECT r::text FROM longtail.recommend('kept', 7) r},
    'recommend by mlp' => q{SELECT r::text FROM longtail.recommend('net', 7) r},
    'recommend mmr'    => q{SELECT r::text FROM longtail.recommend('kept', 7, 20, method => 'mmr', strength => 0.5) r},
    'recommend_basket' => q{SELECT r::text FROM longtail.recommend_basket('kept', '{3,5,8}'::int[]) r},
    'recommend_all'    => q{SELECT count(*), sum(hashtext(r::text)) FROM longtail.recommend_all('kept') r},
    'rerank'           => q{SELECT r::text FROM longtail.rerank(ARRAY(SELECT generate_series(1, 120)), ARRAY(SELECT 1.0 / n FROM generate_series(1, 120) n), 20, 'xquad', 0.4, model => 'kept', user_id => 7) r},
    'evaluate'         => q{SELECT * FROM longtail.evaluate('kept', 'test')},
    'predict'          => q{SELECT sum(longtail.predict('net', u, i)) FROM test},
    'aggregate'        => q{SELECT longtail.logistic_fit(y, ARRAY[a, b, c, d]) FROM wide},
);
my @statements = sort keys %statement;
my $clean = q{SELECT count(longtail.drop_model(model)) FROM longtail.models WHERE model = 'new'};

# The same session says the same of the same model each time, whatever went before.
sub opened { return session('-v', 'VERBOSITY=verbose') }
my $quiet = q{SET client_min_messages = error; SET longtail.threads = 2};
my %right;
sub said { my ($answer) = @_; chomp $answer; return "$answer\n" =~ s/^(?:DETAIL|HINT|LOCATION|CONTEXT|STATEMENT|PL\/pgSQL|WARNING|NOTICE).*\n?//mgr }

# ---- what has to hold ----

my $stored = q{SELECT md5(string_agg(d::text, ' ' ORDER BY model_id, version, part, chunk)), (SELECT string_agg(m::text, ' ' ORDER BY m::text) FROM longtail.model m),
    (SELECT count(*) FROM longtail.model_version), (SELECT count(*) FROM longtail.training_epoch) FROM longtail.model_data d};
my $before = sql($stored);

sub left_over { return grep { !/^pgsql_tmp_longtail\.\d+\.\d+\.\d+\.[0-9a-f]{16}$/ } map { basename($_) } glob "$temporary/*" }
sub open_files { my ($s) = @_; return scalar grep { (readlink($_) // '') =~ /pgsql_tmp/ } glob "/proc/$s->{pid}/fd/*" }
sub crashed { return grep { /was terminated by signal|PANIC:|TRAP:|exited with exit code [^1]|server process .* exited/ } split /\n/, $server->news }

my (%outcome, $count);

# One statement with one thing that fails; what has gone wrong with that, in words.
sub try_fault
{
    my ($name, $states, $fail) = @_;
    my @wrong;
    my $s = opened();
    unlink glob "$temporary/pgsql_tmp[0-9]*";
    ask($s, $quiet);
    my $files = open_files($s);
    $fail->($s);
    request($s, $statement{$name});
    my $told = '';
    while (defined(my $line = readline $s->{out})) { last if $line eq "--done--\n"; $told .= $line }
    $server->disarm;
    $told = said($told);
    my $failed = $told =~ /^ERROR:  (\w{5}): (.*)/m ? $1 : '';
    my $said   = $failed ? "$1 $2" : $told;
    $count++;
    if ($told =~ /^(?:FATAL|PANIC)|server closed|connection to server/m) { push @wrong, "the session ends: $told" }
    elsif ($said =~ /^58P01 could not load library/) { } # the C library's loader calls memory it does not get a missing file
    elsif ($failed) { push @wrong, "an error of another kind: $said" if $failed !~ /^(?:$states)$/ }
    elsif ($told ne $right{$name}) { push @wrong, "another answer: $told" }
    $outcome{ $failed || 'done without' }++;
    if (!@wrong) {
        my $again = ask($s, 'ROLLBACK');
        $again = said(ask($s, "$clean; $statement{$name}")) =~ s/^\d\n//r;
        push @wrong, "then another answer: $again" if $again ne $right{$name};
        my @left = left_over();
        push @wrong, "files left over: @left" if @left && $states ne '58030';
        push @wrong, 'descriptors of temporary files left open' if open_files($s) > $files;
        ask($s, $clean);
    }
    leave($s);
    return @wrong;
}

sub well
{
    my ($what, @wrong) = @_;
    my @crashes = crashed();
    push @wrong, "the server: @crashes" if @crashes;
    wait_for_server() if @crashes;
    my $after = sql($clean) . sql($stored);
    push @wrong, 'what is stored has changed' if $after !~ /\Q$before\E$/;
    @wrong = uniq(@wrong);
    ok(!@wrong, $what) or diag(join "\n", @wrong > 12 ? (@wrong[0 .. 11], '... ' . (@wrong - 12) . ' more') : @wrong);
}

# n of 1 .. most: all of the first ones in the long form, any of the others.
sub some_of
{
    my ($most) = @_;
    return 1 .. $most if $most <= $tries;
    my $first = int($tries / 3);
    return uniq(1 .. $first, map { $first + 1 + int rand($most - $first) } 1 .. $tries - $first);
}

# ---- calls that fail ----

my %calls;
for my $name (@statements) {
    my $s = opened();
    ask($s, $quiet);
    unlink glob "$temporary/*";
    $server->arm($s->{pid});
    $right{$name} = said(ask($s, $statement{$name}));
    $calls{$name} = { $server->counts };
    ask($s, $clean);
    leave($s);
}
$server->disarm;
$server->news;
is(scalar(grep { /ERROR|^$/ } values %right), 0, 'every statement can be done') or diag(explain(\%right));

for my $name (@statements) {
    my @wrong;
    for my $n (some_of($calls{$name}{memory})) {
        for my $action ('fail once', 'fail from there on') {
            unlink glob "$temporary/*" if rand() < 0.5;
            push @wrong, map { "$action, $n of $calls{$name}{memory}: $_" } try_fault($name, '53200',
                sub { $server->arm($_[0]{pid}, kind => 'memory', action => $action, at => $n, error => ENOMEM) });
        }
    }
    well("$name: memory refused", @wrong);
}
# (PostgreSQL has no SQLSTATE for a temporary file that it cannot create, and leaves one there that it cannot remove.)
for my $case (['rows', ENOSPC, '53100'], ['temporary', ENOSPC, '53100'], ['open', EMFILE, '53000|XX000'], ['duplicate', EMFILE, '53000'],
    ['map', ENOMEM, '53200'], ['rename', EIO, '58030'], ['remove', EIO, '58030']) {
    my ($kind, $error, $states) = @$case;
    my @wrong;
    for my $name (@statements) {
        for my $n ($calls{$name}{$kind} ? some_of($calls{$name}{$kind}) : ()) {
            unlink glob "$temporary/*";
            push @wrong, map { "$name, $n of $calls{$name}{$kind}: $_" } try_fault($name, $states,
                sub { $server->arm($_[0]{pid}, kind => $kind, action => ($n % 2 ? 'fail once' : 'fail from there on'), at => $n, error => $error) });
        }
    }
    well("$kind: fails", @wrong);
}

# ---- address space ----

SKIP: {
    chomp(my $prlimit = qx(sh -c 'command -v prlimit'));
    skip 'no prlimit here', 1 if !$prlimit || !-e '/proc/self/status';
    my ($size) = qx(cat /proc/$server->{postmaster}/status) =~ /VmSize:\s+(\d+)/;
    my @wrong;
    for my $name (@statements) {
        for my $more (long_form([8, 200], [1, 2, 4, 6, 8, 12, 16, 20, 24, 32, 48, 64, 96, 128, 160, 200, 280, 360, 450, 600, 900])->@*) {
            unlink glob "$temporary/*";
            push @wrong, map { "$name with $more MB: $_" } grep { !/^then another answer: ERROR:  53200/ } try_fault($name, '53200|58P01', sub {
                $server->as_server($prlimit, "--pid=$_[0]{pid}", '--as=' . ($size + $more * 1024) * 1024 . ':') == 0 or die "prlimit\n";
            });
        }
    }
    well('address space of many sizes', @wrong);
}

# ---- full disks ----

{
    my @wrong = try_fault('train in 2 MB', '53400', sub { ask($_[0], q{SET temp_file_limit = '1MB'}) });
    well('temp_file_limit', grep { !/^then another answer: ERROR:  53400/ } @wrong);
}

# A file system of so many MB, of the server's user; undef where none can be mounted.
my @mounted;
sub small
{
    my ($path, $megabytes) = @_;
    mkdir $path;
    chown @$server{qw(user group)}, $path;
    return if $> != 0 || system("mount -t tmpfs -o size=${megabytes}m,mode=0700,uid=$server->{user},gid=$server->{group} tmpfs '$path' 2> /dev/null") != 0;
    push @mounted, $path;
    return $path;
}
sub unmount { my $path = pop @mounted // return; system('umount', $path) == 0 or diag("umount $path"); return $path }
END { local $?; $server->kill_all if @mounted && $server->{postmaster}; unmount() while @mounted }
sub fill { my ($path, $megabytes) = @_; open my $file, '>', "$path/filler" or die; print $file "\0" x ($megabytes << 20) or die; close $file }
my $large = q{CREATE TABLE many AS SELECT u, (u * 7 + k * k * 13) % 300 AS i FROM generate_series(1, 10000) u, generate_series(1, 3) k GROUP BY 1, 2;
    CREATE INDEX ON many (u)};
sub large { return "SELECT version FROM longtail.train('large', 'many', 'bpr', 'u', 'i', options => '" . '{"factors": 128, "epochs": 1, "split": "none"}' . "')" }
my $served = q{SELECT string_agg(r::text, ' ') FROM longtail.recommend('large', 7) r};

# Trains until that fails; how often it did not, and what was said in the end.
sub train_until_full
{
    my $s = opened();
    ask($s, $quiet);
    for my $n (0 .. 100) {
        my $told = ask($s, large());
        if ($told !~ /^\d+$/) { leave($s); return ($n, $told) }
    }
    return (101, 'there is room');
}

SKIP: {
    my $path = small("$ENV{LONGTAIL_SERVER}/out_of_small", 44);
    skip 'no file system can be mounted here', 14 if !$path;
    sql("CREATE TABLESPACE small LOCATION '$path'");
    sql('CREATE DATABASE tight TABLESPACE small');
    local $ENV{PGDATABASE} = 'tight';
    sql("SET client_min_messages = error; CREATE EXTENSION longtail; $large; " . large());
    my $list = sql($served);
    fill($path, 10);
    my ($more, $told) = train_until_full();
    like($told, qr/ERROR:  53100: could not extend file/, 'a full disk under the tables is an error');
    is(sql('SELECT count(*) FROM longtail.model_versions'), 1 + $more, 'what was stored before is there');
    is(sql($served), $list, 'and served');
    unlink "$path/filler";
    is(sql('SET client_min_messages = error; ' . large()), 2 + $more, 'and with more room it goes on');
    $ENV{PGDATABASE} = 'postgres';
    sql('DROP DATABASE tight');
    sql('DROP TABLESPACE small');
    rmdir unmount();

    sql("SET client_min_messages = error; $large; " . large());
    $list = sql("LOAD 'longtail'; SET longtail.shared_cache = off; $served");
    unlink glob "$temporary/*";
    small($temporary, 2);
    $server->news;
    is(sql($served), $list, 'a full disk under the image files: models are served without');
    like($server->news, qr/could not make.*No space left/, 'the log says why');
    my @left = glob "$temporary/*";
    is("@left", '', 'and nothing is left there');
    unmount();
    is(sql($served), $list, 'with more room');
    @left = glob "$temporary/*";
    is(scalar @left, 1, 'there is an image file again');

    # PostgreSQL stops when it cannot write ahead, and starts again once there is room.
    sql($_) for q{ALTER SYSTEM SET min_wal_size = '32MB'}, 'ALTER SYSTEM SET fsync = on', 'CHECKPOINT';
    $server->stop('fast');
    my ($wal) = qx(du -sm '$server->{data}/pg_wal') =~ /(\d+)/;
    $path = small("$ENV{LONGTAIL_SERVER}/out_of_small", $wal + 64);
    $server->as_server('/bin/sh', '-c', "mv $server->{data}/pg_wal/* $path && rmdir $server->{data}/pg_wal && ln -s $path $server->{data}/pg_wal") == 0 or die "pg_wal\n";
    defined $server->start or die "the server does not start\n";
    my $had = sql('SELECT count(*) FROM longtail.model_versions WHERE model = \'large\'');
    my ($free) = qx(df -m --output=avail '$path') =~ /(\d+)\s*$/;
    fill($path, $free);
    ($more, $told) = train_until_full();
    like($told, qr/server closed|connection to server was lost|PANIC|FATAL/, "a full disk under the write-ahead log stops the server, after $more trainings");
    like($server->news, qr/PANIC:.*No space left/, 'for that reason');
    unlink "$path/filler";
    ok(defined $server->start, 'with room again it starts');
    like(sql(q{SELECT count(*) FROM longtail.model_versions WHERE model = 'large'}) - $had - $more, qr/^[01]$/, 'nothing that was stored is lost');
    is(sql($served), $list, 'and it serves');
    sql('SET client_min_messages = error; ' . large());
    $server->kill_all;
    rmdir unmount();
}

diag(sprintf '%d failures in %.0f s (seed %d): %s', $count, time - $began, $seed, join ', ', map { "$_ $outcome{$_}" } sort keys %outcome);
$server->remove;
done_testing;
