#!/usr/bin/perl
# load.t: everything at once: training, retraining, promoting, dropping, refreshing, granting, forgetting, exporting and
# importing, evaluating, recommending by every algorithm, buying, vacuuming.  No error but those of %documented, no
# deadlock, every list of one whole version, and in the end a catalog without a gap or an orphan.
#
# The long form takes LONGTAIL_LOAD_SECONDS, 660 if that is not set.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use Time::HiRes qw(time sleep);

my $seconds = long_form(15, $ENV{LONGTAIL_LOAD_SECONDS} || 660);

# What may be said to whom others work against, and why.
my %documented = (
    42704 => 'the model was dropped, or is not made yet',
    42501 => 'the model belongs to somebody else by now, or is granted no more',
    40001 => 'the transaction, or the training, stands on what somebody has changed since: run it again',
);

my $database = 'load_test';
my @there = ('-d', $database);
my ($owner, $other, $reader) = map { "load_$_" } qw(owner other reader);
sub ask_there { return sql($_[0], @there) }

system("dropdb --if-exists $database 2> /dev/null");
sql("SET client_min_messages = error; DROP ROLE IF EXISTS $_") for $owner, $other, $reader;
sql("CREATE ROLE $_") for $owner, $other, $reader;
sql("GRANT $other TO $owner");
sql("CREATE DATABASE $database");
ask_there(<<"SQL");
SET client_min_messages = error;
CREATE EXTENSION longtail;
CREATE SCHEMA shop AUTHORIZATION $owner;
GRANT USAGE ON SCHEMA shop TO PUBLIC;
SET ROLE $owner;
CREATE TABLE shop.bought AS
SELECT u, i, now() - u * interval '1 hour' AS at FROM generate_series(1, 200) u, generate_series(1, 100) i WHERE (u * 31 + i * 17 + u * i) % 7 < 2;
CREATE INDEX ON shop.bought (u);
CREATE TABLE shop.items AS SELECT i, 'kind ' || i % 5 AS kind, i % 10 AS price FROM generate_series(1, 100) i;
GRANT SELECT, INSERT, DELETE ON shop.bought, shop.items TO PUBLIC;
SELECT longtail.train('busy', 'shop.bought', 'mlp', 'u', 'i', options => '{"epochs": 2, "features": ["-at"], "promote": "always"}');
SELECT longtail.train('fresh', 'shop.bought', 'logistic', 'u', 'i', item_features => 'shop.items', options => '{"features": ["-at"]}');
SELECT longtail.train('forgotten', 'shop.bought', 'als', 'u', 'i', options => '{"epochs": 2}');
SELECT longtail.train('granted', 'shop.bought', 'popularity', 'u', 'i');
SELECT longtail.train('handed', 'shop.bought', 'popularity', 'u', 'i');
SQL

# Every algorithm that recommends by interactions alone.
my @algorithms;
for my $algorithm (split /\n/, ask_there(q{SELECT name FROM longtail.algorithms() WHERE recommender AND name <> 'auto' ORDER BY 1})) {
    my $said = try_sql("SET client_min_messages = error; SET ROLE $owner; SELECT version FROM longtail.train('by $algorithm', 'shop.bought', '$algorithm', 'u', 'i', time_column => 'at');\n", @there);
    push @algorithms, $algorithm if $said eq '1';
}
cmp_ok(scalar @algorithms, '>=', 10, 'algorithms: ' . join ', ', @algorithms);

# ---- the work ----

# What a list is, for somebody whose list depends on the stored version alone.
my $list = q{SELECT md5(string_agg(concat_ws(' ', item_id, score, rank, segment), ',' ORDER BY rank)) FROM longtail.recommend('busy', 7, exclude_seen => false)};
sub any { return $_[rand @_] }
sub user { return 1 + int rand 220 }

# Each in a session of its own: who it is, what it does, and what that says when all is well.  The short ones rest in
# between: so many sessions that never do leave some without a processor, on two.
my %work = (
    'retrain'        => [$owner,  sub { sprintf q{SELECT version > 1 FROM longtail.retrain('busy', '{"seed": %d}')}, rand 1e6 }, qr/^t$/, 0.1],
    'retrain beside' => [$owner,  sub { sprintf q{SELECT version > 1 FROM longtail.retrain('busy', '{"seed": %d, "promote": "%s"}')}, rand 1e6, any(qw(never if_better always)) }, qr/^t$/, 0.1],
    'retrain others' => [$owner,  sub { sprintf q{SELECT version > 1 FROM longtail.retrain('by %s')}, any(@algorithms) }, qr/^t$/, 0.1],
    'give up'        => [$owner,  sub { sprintf q{BEGIN; SELECT version > 1 FROM longtail.retrain('by %s'); ROLLBACK}, any(@algorithms) }, qr/^t$/, 0.3],
    'promote'        => [$owner,  sub { q{SELECT count(longtail.promote(model, version)) FROM (SELECT model, version FROM longtail.model_versions WHERE model = 'busy' ORDER BY random() LIMIT 1) v} }, qr/^1$/, 0.02],
    'one snapshot'   => [$owner,  sub { sprintf q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM longtail.models; SELECT pg_sleep(0.05); SELECT longtail.promote('%s', 1); COMMIT}, any(qw(busy granted)) }, qr/^\d+\n*$/, 0.05],
    'make'           => [$owner,  sub { sprintf q{SELECT version > 0 FROM longtail.train('gone', 'shop.bought', '%s', 'u', 'i')}, any(qw(popularity item_knn ease rp3beta)) }, qr/^t$/, 0.05],
    'make and drop'  => [$owner,  sub { any(q{SELECT longtail.drop_model('gone')}, q{SELECT version > 0 FROM longtail.train('gone', 'shop.bought', 'popularity', 'u', 'i')}, q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM longtail.models; SELECT longtail.drop_model('gone'); COMMIT}) }, qr/^(?:t|\d+\n?|)$/, 0.05],
    'ask the gone'   => [$owner,  sub { sprintf q{SELECT count(*) FROM longtail.recommend('gone', %d)}, user() }, qr/^10$/, 0.02],
    'lists'          => [$owner,  sub { $list }, qr/^[0-9a-f]{32}$/, 0.01],
    'the same twice' => [$owner,  sub { "SELECT ($list) = ($list)" }, qr/^t$/, 0.02],
    'recommend'      => [$owner,  sub { sprintf q{SELECT count(*) FROM longtail.recommend('by %s', %d, method => '%s', strength => 0.3)}, any(@algorithms), user(), any(qw(none popularity quota calibrated)) }, qr/^10$/, 0.01],
    'many'           => [$owner,  sub { q{SELECT count(*) FROM generate_series(1, 50) u, LATERAL longtail.recommend('busy', u)} }, qr/^500$/, 0.1],
    'everybody'      => [$owner,  sub { sprintf q{SELECT count(*) >= 10 * count(DISTINCT user_id) AND count(*) > 1000 FROM longtail.recommend_all('by %s', 10)}, any(@algorithms) }, qr/^t$/, 0.2],
    'evaluate'       => [$owner,  sub { q{SELECT count(*) > 5 FROM longtail.evaluate('busy', 'shop.bought', options => '{"exclude_seen": false}')} }, qr/^t$/, 0.3],
    'refresh'        => [$owner,  sub { any(q{INSERT INTO shop.items SELECT coalesce(max(i), 0) + 1, 'kind new', 3 FROM shop.items}, q{SELECT version >= 1 FROM longtail.refresh('fresh')}, q{SELECT version > 1 FROM longtail.retrain('fresh')}) }, qr/^t?$/, 0.1],
    'ask the fresh'  => [$owner,  sub { sprintf q{SELECT count(*) FROM longtail.recommend('fresh', %d)}, user() }, qr/^10$/, 0.02],
    'grant'          => [$owner,  sub { any(map { "SELECT longtail.${_}_model('granted', '$reader')" } qw(grant revoke)) }, qr/^$/, 0.03],
    'granted'        => [$reader, sub { sprintf q{SELECT count(*) FROM longtail.recommend('granted', %d)}, user() }, qr/^10$/, 0.01],
    'hand over'      => [$owner,  sub { any(map { "SELECT longtail.set_owner('handed', '$_')" } $owner, $other) }, qr/^$/, 0.05],
    'handed'         => [$other,  sub { any(q{SELECT version > 1 FROM longtail.retrain('handed')}, q{SELECT longtail.promote('handed', 1)}, q{SELECT count(*) >= 10 FROM longtail.recommend('handed', 1)}) }, qr/^t?$/, 0.05],
    'forget'         => [$owner,  sub { any((sprintf q{SELECT versions >= 0 FROM longtail.forget('forgotten', %d)}, user()), q{SELECT version > 1 FROM longtail.retrain('forgotten')}) }, qr/^t$/, 0.2],
    'ask the forgotten' => [$owner, sub { sprintf q{SELECT count(*) FROM longtail.recommend('forgotten', %d)}, user() }, qr/^10$/, 0.02],
    'copy'           => [$owner,  sub { any(q{SELECT longtail.import_model('copied', longtail.export_model('busy')) > 0}, q{SELECT longtail.drop_model('copied')}, q{SELECT count(*) >= 10 FROM longtail.recommend('copied', 3)}) }, qr/^t?$/, 0.1],
    'buy'            => [$reader, sub { any((sprintf q{INSERT INTO shop.bought VALUES (%d, 1 + random() * 99, now())}, 300 + rand 50), q{DELETE FROM shop.bought WHERE u >= 300 AND random() < 0.5}) }, qr/^$/, 0.03],
    'vacuum'         => ['postgres', sub { any(map { "VACUUM ANALYZE $_" } qw(shop.bought longtail.model longtail.model_data longtail.model_version longtail.model_grant)) }, qr/^$/, 0.5],
    'look'           => [$reader, sub { any('SELECT count(*) >= 0 FROM longtail.model_versions', 'SELECT count(*) >= 0 FROM longtail.training_progress', 'SELECT count(*) >= 0 FROM longtail.training_log') }, qr/^t$/, 0.1],
);

sub work
{
    my ($name, $end) = @_;
    my ($role, $next, $good, $rest) = @{ $work{$name} };
    my $s = session(@there, '-v', 'VERBOSITY=verbose');

    open my $out, '>', "load.$name" or die "load.$name: $!\n";
    ask($s, "SET client_min_messages = error; SET longtail.threads = 1; SET ROLE $role");
    while (time < $end) {
        my $query = $next->();
        my $said = ask($s, $query);
        if    ($said =~ /(?:ERROR|FATAL|PANIC):\s+(\w{5}): (.*)/) { print $out "error\t$1\t$2\t$query\n"; ask($s, 'ROLLBACK') if $query =~ /^BEGIN/ }
        elsif ($said =~ $good)                                   { print $out "good\t", $said =~ s/\n.*//sr, "\n" }
        else                                                     { print $out "odd\t", $said =~ s/\n/ /gr, "\t$query\n" }
        sleep $rest * (0.5 + rand);
    }
    leave($s);
}

my ($seed, $began) = ($ENV{LONGTAIL_SEED} || int(time) % 1e6, time);
note("seed $seed, $seconds s");
my %child;
my $at = 0;
for my $name (sort keys %work) {
    my $pid = fork // die "fork: $!\n";
    $at++;
    if (!$pid) {
        srand($seed + $at);
        eval { work($name, $began + $seconds) };
        warn $@ if $@;
        require POSIX;
        POSIX::_exit($@ ? 1 : 0);
    }
    $child{$name} = $pid;
}
my %status = map { waitpid $child{$_}, 0; $_ => $? } sort keys %child;

# ---- what came of it ----

my (%count, %error, %lists, $calls);
for my $name (sort keys %work) {
    my (@odd, $good);
    open my $in, '<', "load.$name" or die "load.$name: $!\n";
    while (<$in>) {
        chomp;
        my ($kind, $what, @more) = split /\t/;
        $calls++;
        if    ($kind eq 'good')        { $good++; $lists{$what}++ if $name eq 'lists' }
        elsif ($kind eq 'odd')         { push @odd, "$what: @more" }
        elsif ($documented{$what})     { $error{$what}++ }
        else                           { push @odd, "$what @more" }
    }
    is($status{$name}, 0, "$name: the session stayed");
    is(join("\n", @odd[0 .. ($#odd > 4 ? 4 : $#odd)]), '', "$name: " . ($good // 0) . ' times, no error that is not documented');
    cmp_ok($good // 0, '>', 0, "$name: it did something");
}
diag(sprintf '%d calls in %d s by %d sessions; errors: %s', $calls, time - $began, scalar keys %work, join(', ', map { "$error{$_} of $_ ($documented{$_})" } sort keys %error) || 'none');

is(ask_there(q{SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()}), 0, 'no deadlock');
for my $model ('busy', 'fresh', 'forgotten', 'granted', 'handed', map { "by $_" } @algorithms) {
    is(ask_there(qq{SELECT count(*) = max(version) FROM longtail.model_versions WHERE model = '$model'}), 't', "versions of $model are numbered without a gap");
}
for (qw(model_version model_data training_epoch training_trial model_grant)) {
    is(ask_there("SELECT count(*) FROM longtail.$_ t WHERE NOT EXISTS (SELECT FROM longtail.model m WHERE m.model_id = t.model_id)"), 0, "no orphan in $_");
}
is(ask_there(q{SELECT count(*) FROM longtail.model m WHERE NOT EXISTS (SELECT FROM longtail.model_version v WHERE v.model_id = m.model_id AND v.version = m.active_version)}), 0, 'every active version is there');
is(ask_there(q{SELECT count(*) FROM longtail.model_version v WHERE NOT EXISTS (SELECT FROM longtail.model_data d WHERE d.model_id = v.model_id AND d.version = v.version AND part = 'model' AND chunk = 0)}), 0, 'with its bytes');

# Every list is that of a version as it is now, all by itself.
my $versions = ask_there(q{SELECT max(version) FROM longtail.model_versions WHERE model = 'busy'});
my %whole = map { $_ => 1 } grep { /^[0-9a-f]{32}$/ } split /\n/,
    try_sql(join("\n", 'SET client_min_messages = error;', map { "SELECT longtail.promote('busy', $_); $list;" } 1 .. $versions) . "\n", @there);
cmp_ok(scalar keys %whole, '>', 1, "$versions versions, " . keys(%whole) . ' different lists, ' . keys(%lists) . ' of them seen');
is(join(' ', grep { !$whole{$_} } keys %lists), '', 'every list is of one whole version');

unlink glob 'load.*';
system('dropdb', $database);
sql("DROP ROLE $_") for $owner, $other, $reader;
done_testing;
