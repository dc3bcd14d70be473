#!/usr/bin/perl
# shared.t: one copy of a version's weights for all connections: how much memory many take together, that what they
# answer does not depend on it, and that its file comes and goes with transactions, crashes, damage, databases and
# standbys.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use File::Basename qw(basename);
use List::Util qw(sum);
use POSIX qw(mkfifo);
use Time::HiRes qw(sleep time);

my $data = $ENV{PGDATA};
my $as   = $ENV{LONGTAIL_AS};    # how to run a command as the server's user

# The files there are, without the part of the name that is a hash; with it where asked.
sub paths { my ($of) = @_; return sort glob(($of // $data) . '/base/pgsql_tmp/pgsql_tmp_longtail.*') }
sub files { return join ' ', map { basename($_) =~ s/^pgsql_tmp_longtail\.\d+\.(\d+\.\d+)\.[0-9a-f]{16}/$1/r } paths(@_) }
sub id    { return sql("SELECT model_id FROM longtail.model WHERE name = '$_[0]'") }

sub maps
{
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/maps" or return ();
    return map { m{/(pgsql_tmp_longtail\S+( \(deleted\))?)$} ? $1 : () } <$in>;
}

sub pss
{
    my $total = 0;
    for my $pid (@_) {
        open my $in, '<', "/proc/$pid/smaps_rollup" or die "smaps_rollup: $!\n";
        while (<$in>) { $total += $1 * 1024 if /^Pss:\s+(\d+) kB/ }
    }
    return $total;
}

my $list = q{SELECT md5(string_agg(r::text, ' ')) FROM generate_series(1, 60, 7) u, longtail.recommend('%s', u) r};
sub lists { my ($model) = @_; return sprintf $list, $model }

sql(<<'SQL');
SET client_min_messages = error;
CREATE SCHEMA shared_test;
SELECT setseed(0.5);
CREATE TABLE shared_test.bought AS
SELECT u, i, clock_timestamp() - make_interval(hours => (u * 7 + i * 3) % 900) AS at
FROM generate_series(1, 200) u, generate_series(1, 120) i WHERE (u * 31 + i * 17 + u * i) % 7 < 2;
CREATE INDEX ON shared_test.bought (u);
CREATE TABLE shared_test.item AS
SELECT i, i % 9 AS price, 'kind' || i % 5 AS kind, 'lamp ' || i % 11 || ' of brass' AS title FROM generate_series(1, 120) i;
SQL

# ---- every algorithm answers alike ----

my %options = (
    als      => '{"factors": 8, "epochs": 3}', bpr => '{"factors": 8, "epochs": 3}', mlp => '{"epochs": 2, "factors": 4}',
    logistic => '{"epochs": 5}', popularity => '{"trend_exponent": 0.3}', blend => '{"models": ["als", "ease"], "weight": 0.4}',
);
for my $algorithm (split /\n/, sql(q{SELECT name FROM longtail.algorithms() WHERE name <> 'auto' ORDER BY name = 'blend', name})) {
    my $query = qq{SELECT longtail.train('$algorithm', 'shared_test.bought', '$algorithm', 'u', 'i', time_column => 'at',
        item_features => 'shared_test.item', options => '} . ($options{$algorithm} // '{}') . q{')};
    sql("SET client_min_messages = error; $query");
    my $number  = id($algorithm);
    my $method  = $algorithm =~ /popularity|user_knn/ ? 'xquad' : 'mmr'; # which wants to know how alike items are
    my $answers = lists($algorithm) . ';' . join ';', map { s/MODEL/$algorithm/gr =~ s/METHOD/$method/r }
        q{SELECT md5(string_agg(r::text, ' ')) FROM longtail.recommend_basket('MODEL', '{3,5,8}'::int[], 20) r},
        q{SELECT md5(string_agg(r::text, ' ')) FROM longtail.recommend('MODEL', 999999, 20) r},
        q{SELECT md5(string_agg(r::text, ' ')) FROM longtail.recommend('MODEL', 4, 20, method => 'METHOD', strength => 0.4) r},
        q{SELECT md5(string_agg(r::text, ' ')) FROM longtail.item_stats('MODEL') r},
        q{SELECT md5(string_agg(r::text, ' ')) FROM longtail.explain('MODEL', 7, 9) r};
    my $off = sql("LOAD 'longtail'; SET longtail.shared_cache = off; $answers");
    unlike(files(), qr/\b$number\.1\b/, "$algorithm: a session with the setting off makes no file");
    my $maker = session();
    is(join("\n", map { ask($maker, $_) } split /;/, $answers), $off, "$algorithm: who makes the file answers alike");
    is(scalar(() = files() =~ /\b$number\.1\b/g), 1, "$algorithm: there is one file");
    my $other = session();
    is(join("\n", map { ask($other, $_) } split /;/, $answers), $off, "$algorithm: and who maps it");
    is(scalar(maps($other->{pid})), 1, "$algorithm: which it does") if -e '/proc/self/maps';
    leave($_) for $maker, $other;
}
sql(qq{SELECT longtail.drop_model('$_')}) for split /\n/, sql(q{SELECT model FROM longtail.models WHERE model <> 'als' ORDER BY model = 'ease', model});
my $als = id('als');
is(files(), "$als.1", 'files of dropped models are gone');

# ---- with transactions ----

my $open   = session();
my $first  = ask($open, lists('als'));
my $inside = session();
my $again  = q{SELECT longtail.retrain('als', '{"seed": 5, "promote": "always"}')};
ask($inside, 'SET client_min_messages = error');
ask($inside, $_) for 'BEGIN', $again;
my $own = ask($inside, lists('als'));
isnt($own, $first, 'a transaction is served what it trained');
is(files(), "$als.1", 'from no file');
is(ask($open, lists('als')), $first, 'and nobody else is');
ask($inside, 'ROLLBACK');
is(files(), "$als.1", 'after a rollback the file is still there');
ask($inside, $_) for 'BEGIN', 'SAVEPOINT s', $again, 'ROLLBACK TO s', 'COMMIT';
is(files(), "$als.1", 'and after one to a savepoint');
ask($inside, $_) for 'BEGIN', 'SAVEPOINT s', $again, 'RELEASE s';
is(files(), "$als.1", 'a version about to be superseded keeps its file');
ask($inside, 'COMMIT');
is(files(), '', 'until the commit');
my $second = ask($open, lists('als'));
isnt($second, $first, 'an open connection is served the new version at its next statement');
is($second, sql(lists('als')), 'as a new one is');
is(files(), "$als.2", 'and has made its file');
is(scalar(grep { /deleted/ } maps($open->{pid})), 0, 'it does not hold on to the old one');
ask($inside, q{SELECT longtail.promote('als', 1)});
is(ask($open, lists('als')), $first, 'what was promoted back is served as before');
is(files(), "$als.1", 'from a file of its own');
ask($inside, 'BEGIN');
ask($inside, q{SELECT longtail.drop_model('als')});
is(files(), "$als.1", 'a model about to be dropped keeps its file');
ask($inside, 'ROLLBACK');
is(ask($open, lists('als')), $first, 'and if it is not dropped, serves on');

# ---- rights ----

sql('CREATE ROLE shared_test_role; GRANT USAGE ON SCHEMA shared_test TO shared_test_role; GRANT SELECT ON shared_test.bought TO shared_test_role');
ask($open, 'SET ROLE shared_test_role');
like(ask($open, lists('als')), qr/permission denied for model "als"/, 'a mapped model is refused to a role without rights');
ask($inside, q{SELECT longtail.grant_model('als', 'shared_test_role')});
is(ask($open, lists('als')), $first, 'and served once granted');
ask($inside, q{SELECT longtail.revoke_model('als', 'shared_test_role')});
like(ask($open, lists('als')), qr/permission denied/, 'and no longer when that is taken back');
my ($mode, $mode_of_data) = map { (stat $_)[2] & 0777 } (paths())[0], $data;
is($mode & 0077 & ~$mode_of_data, 0, 'the file is no more readable than the data directory');

# ---- damage ----

leave($_) for $open, $inside;
my ($path) = paths();
for my $damage (['its head', 20], ['its length', undef], ['its end', -9], ['its structs', -100]) {
    my ($what, $at) = @$damage;
    my $size = -s $path;
    open my $out, '+<', $path or die "$path: $!\n";
    if (defined $at) { seek $out, $at < 0 ? $size + $at : $at, 0; print $out chr(255) x 4 }
    else             { truncate $out, $size / 2 }
    close $out;
    is(sql(lists('als')), $first, "a file is not used when $what is damaged");
    is(files(), "$als.1", 'but made again');
    is(-s $path, $size, 'as it was');
}

# What has the file's name but is none.
for my $made (['a pipe', sub { mkfifo($_[0], 0600) && chmod 0666, $_[0] }, 1], ['a directory', sub { mkdir $_[0] }, 0]) {
    my ($what, $make, $replaced) = @$made;
    unlink $path;
    $make->($path) or die "$path: $!\n";
    is(sql("SET statement_timeout = '5s'; " . lists('als')), $first, "$what in a file's place is not waited for");
    is(-f $path ? 1 : 0, $replaced, $replaced ? 'but replaced' : 'and the model served without');
    rmdir $path;
}

# What others left behind: a writer that is gone, one that is not, a version no longer served, a database that is gone.
my $gone = fork // die; if (!$gone) { exit 0 } waitpid $gone, 0;
my ($stem) = basename($path) =~ /(.*\.)[0-9a-f]+$/;
my $database = (split /\./, $stem)[1];
my %left = (
    "$path.$gone" => 0, "$path.$$" => 1, "$data/base/pgsql_tmp/${stem}0123456789abcdef" => 0,
    "$data/base/pgsql_tmp/pgsql_tmp_longtail.$database.$als.77.0123456789abcdef" => 0,
    "$data/base/pgsql_tmp/pgsql_tmp_longtail.4000000000.1.1.0123456789abcdef" => 0,
    "$data/base/pgsql_tmp/pgsql_tmp4711.0" => 1,
);
for (keys %left) { open my $out, '>', $_ or die "$_: $!\n" }
unlink $path;
is(sql(lists('als')), $first, 'a file that is gone is made again');
is(-e $_ ? 1 : 0, $left{$_}, basename($_) . ($left{$_} ? ' stays' : ' goes')) for sort keys %left;
unlink keys %left;

SKIP: {
    skip 'root writes anywhere', 3 if $> == 0 && $as eq '';
    my $log_size = -s "$ENV{LONGTAIL_SERVER}/log";
    unlink $path;
    chmod 0500, "$data/base/pgsql_tmp";
    my $unable = session();
    is(ask($unable, lists('als')), $first, 'a model is served where no file can be made');
    chmod 0700, "$data/base/pgsql_tmp";
    leave($unable);
    is(files(), '', 'from no file');
    open my $log, '<', "$ENV{LONGTAIL_SERVER}/log" or die "log: $!\n";
    seek $log, $log_size, 0;
    is(scalar(grep { /LOG:  could not make "base\/pgsql_tmp\/pgsql_tmp_longtail/ } <$log>), 1, 'which the log says once');
    is(sql(lists('als')), $first, 'and the next session makes it');
}

# ---- databases ----

sql('CREATE DATABASE shared_test_other');
sql(<<'SQL', '-d', 'shared_test_other');
SET client_min_messages = error;
CREATE EXTENSION longtail;
CREATE TABLE bought AS SELECT u, i FROM generate_series(1, 50) u, generate_series(1, 30) i WHERE (u * i) % 5 < 2;
SELECT longtail.train('als', 'bought', 'als', 'u', 'i', options => '{"factors": 4}');
SQL
sql(lists('als'), '-d', 'shared_test_other');
is(scalar(() = paths()), 2, 'another database has a file of its own');
sql('DROP DATABASE shared_test_other');
sql(q{SELECT longtail.promote('als', 2)});
sql(lists('als'));
is(files(), "$als.2", 'which goes, when that is dropped, as the next is made');

# ---- crashes ----

my $killed = session();
ask($killed, lists('als'));
kill KILL => $killed->{pid};
leave($killed);
ok(wait_for_server(), 'the server recovers when a backend that serves is killed');
is(files(), '', 'without its files');
is(sql(lists('als')), $second, 'and serves');
restart('immediate');
ok(wait_for_server(), 'it is back after an immediate stop');
is(files(), '', 'without files as well');
is(sql(lists('als')), $second, 'and serves');

# ---- many connections, 100,000 items x 64 ----

sql(<<'SQL');
SET client_min_messages = error;
CREATE TABLE shared_test.many AS
SELECT (random() * 19999)::int AS u, CASE WHEN n <= 100000 THEN n ELSE (random() ^ 2 * 99999)::int + 1 END AS i
FROM generate_series(1, 500000) n;
CREATE INDEX ON shared_test.many (u);
ANALYZE shared_test.many;
SELECT longtail.train('many', 'shared_test.many', 'als', 'u', 'i',
                      options => '{"factors": 64, "epochs": 1, "split": "none"}');
SQL
my $many    = id('many');
my $weights = sql(q{SELECT 4 * 64 * (users + items) FROM longtail.model_versions WHERE model = 'many'});

# Killed while it writes: the file's name still has the writer's process id then.
my $caught = 0;
for (1 .. 20) {
    my $writer = session();
    request($writer, lists('many'));
    for (my $end = time + 20; time < $end && !$caught && !(() = files() =~ /\b$many\.1(?= |$)/g);) {
        $caught = 1 if glob "$data/base/pgsql_tmp/pgsql_tmp_longtail.*.$many.1.*.$writer->{pid}";
    }
    kill KILL => $writer->{pid} if $caught;
    leave($writer);
    last if $caught;
    unlink grep { /\.$many\.1\./ } paths();
}
ok($caught, 'a backend is killed while it writes a file');
ok(wait_for_server(), 'the server recovers');
is(files(), '', 'and nothing of it is left');

# Made by a session that is not counted: the shared buffers it reads the stored weights through would be.
sql(lists('many'));
my @sessions = map { session() } 1 .. 50;
my $user     = 0;
ask($_, "LOAD 'longtail'") for @sessions;
for my $s (@sessions) { ask($s, 'SELECT count(i) FROM shared_test.many WHERE u = ' . $user++ % 20000) for 1 .. 3 }
my $before = pss(map { $_->{pid} } @sessions);
srand 3;
sub serve { my ($s) = @_; ask($s, q{SELECT count(*) FROM longtail.recommend('many', } . int(rand 20000) . ')') for 1 .. 10 }
serve($_) for @sessions;
my $growth = pss(map { $_->{pid} } @sessions) - $before;
is(files(), "$many.1", '50 connections share one file');
is(scalar(grep { maps($_->{pid}) == 1 } @sessions), 50, 'which all of them have mapped');
cmp_ok($growth / $weights, '<=', 2, 'and together take at most twice the weights');
diag(sprintf 'memory of 50 connections grew by %.1f MB, %.2f times the %.1f MB of weights', $growth / 1e6, $growth / $weights, $weights / 1e6);
leave($_) for @sessions;
@sessions = map { session() } 1 .. 4;
ask($_, q{LOAD 'longtail'; SET longtail.shared_cache = off}) for @sessions;
$before = pss(map { $_->{pid} } @sessions);
serve($_) for @sessions;
$growth = pss(map { $_->{pid} } @sessions) - $before;
cmp_ok($growth / $weights, '>=', 4, 'as four do with the setting off');
leave($_) for @sessions;
sql(q{SELECT longtail.drop_model('many')});
is(files(), '', 'the file goes with the model');

# ---- a standby ----

my $standby = "$ENV{LONGTAIL_SERVER}/standby";
my $port    = $ENV{PGPORT} + 1;
my $run     = sub { system("cd / && $as $ENV{LONGTAIL_BINDIR}/$_[0] > '$standby.out' 2>&1 < /dev/null") == 0 };
sub there { return sql($_[0], '-p', $port) }
system('rm', '-rf', $standby);
mkdir $standby or die "$standby: $!\n";
chown +(stat $data)[4, 5], $standby;
chmod 0700, $standby;
sql(lists('als'));
ok($run->("pg_basebackup -h '$ENV{PGHOST}' -p $ENV{PGPORT} -U postgres -D '$standby' -R -c fast -X stream"), 'a base backup');
is(files($standby), '', 'has no files of models');
open my $conf, '>>', "$standby/postgresql.conf" or die;
print $conf "port = $port\nshared_preload_libraries = ''\n";
close $conf;
ok($run->("pg_ctl start -w -t 60 -D '$standby' -l '$standby/log'"), 'a standby starts');
is(there('SELECT pg_is_in_recovery()'), 't', 'and is one');
is(there(lists('als')), $second, 'it serves as the primary does');
is(files($standby), "$als.2", 'from a file of its own');
sql(q{SELECT longtail.promote('als', 1)});
my $now = sql('SELECT pg_current_wal_lsn()');
for (1 .. 100) { last if there("SELECT pg_last_wal_replay_lsn() >= '$now'") eq 't'; sleep 0.1 }
is(there(lists('als')), $first, 'it follows a promotion');
is(files($standby), "$als.1", 'and its files do');
ok($run->("pg_ctl stop -w -m fast -D '$standby'"), 'it stops');
system('rm', '-rf', $standby, "$standby.out");

sql(q{SET client_min_messages = error; SELECT longtail.drop_model('als'); DROP SCHEMA shared_test CASCADE; DROP ROLE shared_test_role});
is(files(), '', 'in the end there are no files');
done_testing;
