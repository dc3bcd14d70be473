#!/usr/bin/perl
# crash.t: processes killed and power cut while models are trained, retrained, refreshed, promoted, dropped and served.
#
# A kill point is one transaction of one session, ended at a moment drawn at random: by time, or at the n-th time that
# the process writes rows, write-ahead log or temporary files, syncs, renames, removes, creates a file, or asks for
# memory (faults.c).  What is killed: the backend that trains, one that serves and makes an image file, another process,
# the postmaster, or everything at once.  The last is followed by what a power cut may leave on a disk: temporary files
# are damaged, and pages written since the last checkpoint are torn or lost, which PostgreSQL's recovery has to mend.
# After recovery the catalog has to be as before the transaction or as after it, as after it if the client was told so,
# byte for byte that of a training that nobody disturbed; it serves the same lists; no file is left over; the server
# has nothing to complain of; and the next training works.
#
# make test: 15 points; make torture: 600.  LONGTAIL_KILLS and LONGTAIL_SEED override.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use cluster;
use File::Basename qw(basename);
use IO::Select;
use List::Util qw(max min shuffle sum);
use POSIX qw(mkfifo);
use Time::HiRes qw(sleep time);

my $points = $ENV{LONGTAIL_KILLS} // long_form(15, 600);
my $seed   = $ENV{LONGTAIL_SEED}  // 6;
my $began  = time;
srand $seed;

my $server = cluster->new('crash', 'fsync = on', 'max_prepared_transactions = 2', 'dynamic_shared_memory_type = mmap',
    'autovacuum_naptime = 1s', 'restart_after_crash = on');

sub one_of { return $_[ rand @_ ] }

# Who looks at what there is: a session that is begun after each start.
my $checker;
sub see  { return ask($checker, $_[0]) }
sub look { leave($checker) if $checker; $checker = session(); see(q{LOAD 'longtail'; SET client_min_messages = error; SET statement_timeout = '20s'}) }

# ---- the models ----

sql(<<'SQL');
SET client_min_messages = error;
CREATE EXTENSION longtail;
CREATE TABLE bought AS
SELECT u, i FROM generate_series(1, 200) u, generate_series(1, 120) i WHERE (u * 31 + i * 17 + u * i) % 7 < 2;
CREATE INDEX ON bought (u);
CREATE TABLE many AS
SELECT u, (u * 7 + k * k * 13) % 300 AS i FROM generate_series(1, 10000) u, generate_series(1, 3) k GROUP BY 1, 2;
CREATE INDEX ON many (u);
CREATE TABLE item AS SELECT i, i % 9 AS price, 'kind' || i % 5 AS kind FROM generate_series(1, 120) i;
CREATE TABLE wide AS
SELECT i % 3 = 0 AS y, sin(i) AS a, sin(i * 2) AS b, sin(i * 3) AS c, sin(i * 4) AS d FROM generate_series(1, 30000) i;
SQL

# The large one takes several chunks; wide spills; content can be refreshed.
my %recipe = (
    als        => ["'bought', 'als', 'u', 'i'", '"factors": 8, "epochs": 3'],
    content    => ["'bought', 'content', 'u', 'i', item_features => 'item'"],
    ease       => ["'bought', 'ease', 'u', 'i'"],
    large      => ["'many', 'bpr', 'u', 'i'", '"factors": 128, "epochs": 1, "split": "none"'],
    mlp        => ["'bought', 'mlp', 'u', 'i'", '"factors": 4, "epochs": 1'],
    popularity => ["'bought', 'popularity', 'u', 'i'"],
    wide       => ["'wide', 'logistic', label_column => 'y'"],
);
my @models = sort keys %recipe;

sub settings { return "LOAD 'longtail'; SET client_min_messages = error; SET longtail.training_memory = '"
                 . ($_[0] eq 'wide' ? '2MB' : '1GB') . "'" }
sub options  { my ($model, $seed) = @_; return '{' . join(', ', qq{"seed": $seed}, grep { defined } $recipe{$model}[1]) . '}' }
sub training { my ($model, $seed) = @_; return "SELECT longtail.train('$model', $recipe{$model}[0], options => '" . options($model, $seed) . "')" }

# ---- what is there ----

# Of each model its definition's seed, the active version's number, and what its versions are called: their seed, and how
# many items a refresh has added; -7 where user 7 is forgotten, -i if it came by import and has fewer parts for that.  The name stands for all stored bytes and their checksums.
my %name_of; # digest => name
my $stored = q{
    SELECT m.name, m.options ->> 'seed', coalesce(m.active_version, 0), string_agg(v.digest, ' ' ORDER BY v.version)
    FROM longtail.model m
    LEFT JOIN (SELECT v.model_id, v.version,
                      coalesce(md5(string_agg(concat_ws(' ', d.part, d.chunk, d.checksum, md5(d.bytes)), ',' ORDER BY d.part, d.chunk)), 'empty')
                          AS digest
               FROM longtail.model_version v LEFT JOIN longtail.model_data d USING (model_id, version) GROUP BY 1, 2) v USING (model_id)
    WHERE m.name <> 'next' GROUP BY 1, 2, 3};

sub state
{
    my %state;
    for (split /\n/, see($stored)) {
        my ($model, $of, $active, $digests) = split /\|/;
        $state{$model} = [$of, $active, map { $name_of{"$model $_"} // "?$_" } split / /, $digests];
    }
    return \%state;
}
sub copy { my ($state) = @_; return { map { $_ => [@{ $state->{$_} }] } keys %$state } }
sub text { my ($state) = @_; return join '; ', map { "$_ @{ $state->{$_} }" } sort keys %$state }
sub versions { my ($state, $model) = @_; return $state->{$model} ? @{ $state->{$model} } - 2 : 0 }
sub active { my ($state, $model) = @_; return $state->{$model}[ $state->{$model}[1] + 1 ] }

# Every line is something wrong.
my $faults = q{
    SELECT 'a row of ' || t || ' without its version' FROM (
        SELECT 'model_data' t, model_id, version FROM longtail.model_data
        UNION SELECT 'training_epoch', model_id, version FROM longtail.training_epoch
        UNION SELECT 'training_trial', model_id, version FROM longtail.training_trial) r
    WHERE NOT EXISTS (SELECT FROM longtail.model_version v WHERE v.model_id = r.model_id AND v.version = r.version)
    UNION ALL SELECT 'a version without its model' FROM longtail.model_version WHERE model_id NOT IN (SELECT model_id FROM longtail.model)
    UNION ALL SELECT 'a grant without its model' FROM longtail.model_grant WHERE model_id NOT IN (SELECT model_id FROM longtail.model)
    UNION ALL SELECT 'numbers with gaps' FROM longtail.model_version GROUP BY model_id HAVING max(version) <> count(*) OR min(version) <> 1
    UNION ALL SELECT 'chunks with gaps' FROM longtail.model_data GROUP BY model_id, version, part HAVING max(chunk) + 1 <> count(*) OR min(chunk) <> 0
    UNION ALL SELECT 'a chunk cut short' FROM longtail.model_data d
    WHERE octet_length(bytes) <> 4194304 AND chunk < (SELECT max(chunk) FROM longtail.model_data e
        WHERE e.model_id = d.model_id AND e.version = d.version AND e.part = d.part)
    UNION ALL SELECT 'a version without its parts' FROM longtail.model_version v
    WHERE (SELECT count(*) FROM longtail.model_data d WHERE d.model_id = v.model_id AND d.version = v.version AND chunk = 0
           AND part IN ('model', 'seen')) <> CASE WHEN user_column IS NULL THEN 1 ELSE 2 END
    UNION ALL SELECT 'epochs with gaps' FROM longtail.training_epoch GROUP BY model_id, version HAVING max(epoch) - min(epoch) + 1 <> count(*)
    UNION ALL SELECT 'a model without its active version' FROM longtail.model m
    WHERE NOT EXISTS (SELECT FROM longtail.model_version v WHERE v.model_id = m.model_id AND v.version = m.active_version)};

sub lists
{
    my ($model) = @_;
    return q{SELECT md5(string_agg(longtail.predict('wide', w)::text, ' ' ORDER BY a)) FROM (SELECT * FROM wide LIMIT 50) w}
        if $model eq 'wide';
    return qq{SELECT md5((SELECT string_agg(r::text, ' ') FROM generate_series(1, 60, 7) u, longtail.recommend('$model', u) r)
              || (SELECT string_agg(r::text, ' ') FROM longtail.recommend_basket('$model', '{3,5,8}'::int[]) r)
              || (SELECT count(*) FROM longtail.item_stats('$model')))};
}
my %lists_of; # model and name => what it serves

# ---- files ----

my $data      = $server->{data};
my $temporary = "$data/base/pgsql_tmp";
my @segments  = glob "$data/pg_dynshmem/*"; # that a server has when nothing is going on
my $segments  = @segments;
my $database  = sql('SELECT oid FROM pg_database WHERE datname = current_database()');

sub temporary_files { return map { basename($_) } glob "$temporary/*" }

# Files of relations that no relation has, and what else should not be there.
sub orphans
{
    my %known = map { $_ => 1 } split /\n/, see(q{SELECT pg_relation_filenode(oid) FROM pg_class WHERE pg_relation_filenode(oid) IS NOT NULL});
    my @found = grep { basename($_) =~ /^(?:t\d+_)?(\d+)(?:_\w+)?(?:\.\d+)?$/ && !$known{$1} } glob "$data/base/$database/*";
    push @found, glob "$data/pg_replslot/*";
    push @found, glob "$data/pg_twophase/*";
    my @shared = glob "$data/pg_dynshmem/*";
    push @found, @shared if @shared > $segments + 3;
    return @found;
}

# What a disk may hold of files that nobody has synced: beginnings, zeros, and after a power cut anything; and what others
# may have put there.
sub damage
{
    my ($power_cut) = @_;
    for my $path (glob "$temporary/*") {
        my $size = -s $path;
        my $how  = int rand($power_cut ? 4 : 3);
        open my $file, '+<', $path or next;
        if    ($how == 0) { truncate $file, int rand($size + 1) }
        elsif ($how == 1) { print $file "\0" x $size }
        elsif ($how == 2) { truncate $file, 0 }
        else              { seek $file, int(rand $size), 0; print $file map { chr int rand 256 } 1 .. 100 }
        close $file;
    }
    return if !$power_cut || !-d $temporary;
    open my $file, '>', "$temporary/pgsql_tmp_longtail.$database.1.1.0123456789abcdef" or die;
    print $file map { chr int rand 256 } 1 .. 1000;
    close $file;
    mkfifo("$temporary/pgsql_tmp_longtail.$database.1.2.0123456789abcdef", 0600);
    open $file, '>', "$temporary/pgsql_tmp4711.3" or die;
    close $file;
}

# Pages that the write-ahead log has whole: those changed since the last checkpoint began.
my $torn = 0;
sub tear
{
    my ($redo) = qx($ENV{LONGTAIL_BINDIR}/pg_controldata '$data') =~ /REDO location:\s*(\S+)/ or die "pg_controldata\n";
    my $number = sub { my ($high, $low) = map { hex } split m{/}, $_[0]; return $high * 2**32 + $low };
    for my $path (grep { basename($_) =~ /^\d+(\.\d+)?$/ } glob "$data/base/$database/*") {
        next if (stat $path)[9] < $began;
        open my $file, '+<', $path or die "$path: $!\n";
        for (my $at = 0; sysseek($file, $at, 0) && sysread($file, my $head, 8) == 8; $at += 8192) {
            my ($high, $low) = unpack 'L2', $head;
            next if $high * 2**32 + $low <= $number->($redo) || rand() < 0.8;
            sysseek $file, $at + one_of(0, 512, 4096), 0;
            syswrite $file, one_of("\0", 'x') x 4096;
            $torn++;
        }
    }
}

# ---- transactions to be killed ----

# Each takes the state there is and returns its script and the state there is to be, or nothing if it does not apply.
sub add
{
    my ($state, $model, $name, $promote) = @_;
    $state->{$model} //= [undef, 0];
    push @{ $state->{$model} }, $name;
    $state->{$model}[1] = versions($state, $model) if $promote;
}

sub train
{
    my ($state, $model, $seed) = @_;
    add($state, $model, $seed, 1);
    $state->{$model}[0] = $seed;
    return training($model, $seed);
}

my %transaction = (
    train   => sub { my ($state, $model) = @_; return train($state, $model, one_of(1, 2)) },
    retrain => sub {
        my ($state, $model) = @_;
        return if !versions($state, $model);
        my ($seed, $promote) = (one_of(1, 2), one_of(0, 1, 1));
        add($state, $model, $seed, $promote);
        return qq{SELECT longtail.retrain('$model', '{"seed": $seed, "promote": "@{[$promote ? 'always' : 'never']}"}')};
    },
    promote => sub {
        my ($state, $model) = @_;
        my $version = 1 + int rand(versions($state, $model) || return);
        $state->{$model}[1] = $version;
        return "SELECT longtail.promote('$model', $version)";
    },
    refresh => sub {
        my ($state) = @_;
        return if !versions($state, 'content') || active($state, 'content') !~ /^(\d)\+?(\d?)$/;
        my ($seed, $added) = ($1, $2);
        $added = ($added || 0) + 1;
        return if $added > 2;
        add_items($added);
        add($state, 'content', "$seed+$added", 1);
        return q{SELECT longtail.refresh('content')};
    },
    drop => sub {
        my ($state, $model) = @_;
        return if !versions($state, $model);
        delete $state->{$model};
        return "SELECT longtail.drop_model('$model')";
    },
    replace => sub {
        my ($state, $model) = @_;
        return if !versions($state, $model);
        delete $state->{$model};
        return "BEGIN; SELECT longtail.drop_model('$model'); " . train($state, $model, one_of(1, 2)) . '; COMMIT';
    },
    several => sub {
        my ($state, $model) = @_;
        my $other = one_of(grep { $_ ne $model && $_ ne 'wide' && versions($state, $_) } @models) // return;
        my $first = train($state, $model, one_of(1, 2));
        $state->{$other}[1] = 1;
        return "BEGIN; $first; SAVEPOINT s; SELECT longtail.drop_model('$model'); ROLLBACK TO s; " . lists($model)
            . "; SELECT longtail.promote('$other', 1); COMMIT";
    },
    prepare => sub {
        my ($state, $model) = @_;
        return 'BEGIN; ' . train($state, $model, one_of(1, 2)) . q{; PREPARE TRANSACTION 'prepared'};
    },
);
my %forgettable = map { $_ => 1 } qw(als popularity);
$transaction{forget} = sub {
    my ($state) = @_;
    my $model = one_of(grep { versions($state, $_) && text($state) !~ /\b$_ [^;]*i/ } sort keys %forgettable) // return;
    s/^(\d)$/$1-7/ for @{ $state->{$model} }[2 .. versions($state, $model) + 1];
    return "SELECT longtail.forget('$model', 7)";
};
my %imported; # model and name => what it is called after export and import
$transaction{import} = sub {
    my ($state, $model) = @_;
    my $number = versions($state, $model) || return;
    my $from = 1 + int rand $number;
    add($state, $model, $imported{"$model $state->{$model}[ $from + 1 ]"}, 0);
    return "SELECT longtail.import_model('$model', longtail.export_model('$model', $from))";
};

# Items that the model was not trained with, and so many only.
sub add_items
{
    my ($n) = @_;
    see("DELETE FROM item WHERE i > 1000 + $n");
    see("INSERT INTO item SELECT n, 3, 'kind1' FROM generate_series(1001, 1000 + $n) n WHERE n NOT IN (SELECT i FROM item)");
}

# ---- undisturbed trainings, to compare with ----

my (%calls, %longest); # by transaction and model: how often what is called, and the seconds it takes
my @countable = qw(rows wal temporary sync rename remove open memory map);

sub undisturbed
{
    my ($what, $model, $script) = @_;
    my $writer = session();
    ask($writer, settings($model));
    $server->arm($writer->{pid});
    my $start  = time;
    my $told   = ask($writer, $script);
    my %counts = $server->counts;
    $longest{$what} = time - $start;
    $calls{$what}   = { map { $_ => $counts{$_} } @countable };
    see(q{COMMIT PREPARED 'prepared'}) if $script =~ /PREPARE/;
    leave($writer);
    return $told;
}

my $know = sub {
    my ($model, $name) = @_;
    my ($of, $active, @versions) = @{ state()->{$model} };
    my ($digest) = $versions[-1] =~ /^\?(.*)/ or return;
    $name_of{"$model $digest"} = $name;
    $lists_of{"$model $name"} = see(lists($model));
    undisturbed("import $model", $model, "SELECT longtail.import_model('other', longtail.export_model('$model'))");
    my $import = state()->{other}[-1] =~ s/^\?//r;
    see(q{SELECT longtail.drop_model('other')});
    $import = $name_of{"$model $import"} // "?$import";
    if ($import =~ /^\?(.*)/) {
        $import = "$name-i";
        $name_of{"$model $1"} = $import;
        $lists_of{"$model $import"} = $lists_of{"$model $name"};
    }
    $imported{"$model $name"} = $imported{"$model $import"} = $import;
};
look();
for my $model (@models) {
    for my $seed (1, 2) {
        undisturbed("train $model", $model, training($model, $seed));
        $know->($model, $seed);
        for my $added ($model eq 'content' ? (1, 2) : ()) {
            add_items($added);
            undisturbed('refresh content', $model, q{SELECT longtail.refresh('content')});
            $know->($model, "$seed+$added");
        }
        add_items(0);
        if ($forgettable{$model}) {
            undisturbed("forget $model", $model, "SELECT longtail.forget('$model', 7)");
            $know->($model, "$seed-7");
        }
        undisturbed("drop $model", $model, "SELECT longtail.drop_model('$model')");
    }
    see(settings($model));
    see(training($model, 1));
}
is(scalar(keys %name_of), scalar(keys %lists_of), 'trainings of other seeds differ, and repeat themselves');
unlike(text(state()), qr/\?/, 'byte for byte');

# ---- a session that serves meanwhile ----

sub begin_serving
{
    my $reader = session();
    ask($reader, "LOAD 'longtail'; SET client_min_messages = error");
    return $reader;
}

sub serve
{
    my ($reader, $state) = @_;
    my @serving = grep { $_ ne 'wide' } sort keys %$state;
    return if !@serving;
    request($reader, join ";\n", map { "SELECT count(*) FROM longtail.recommend('" . one_of(@serving) . "', " . int(1 + rand 200) . ')' } 1 .. 60);
}

# ---- one kill point ----

my (%done, @recoveries);
my ($outcome_before, $outcome_after, $served) = (0, 0, 0);

sub drain
{
    my ($s) = @_;
    my $said = '';
    while (defined(my $line = readline $s->{out})) { last if $line eq "--done--\n"; $said .= $line }
    return $said;
}

# Waits for the moment; true when it was reached while the transaction ran.
sub await
{
    my ($writer, $until, $by_time) = @_;
    my $answered = IO::Select->new($writer->{out});
    while (time < $until) {
        return 1 if !$by_time && $server->reached;
        return 0 if $answered->can_read($by_time ? max(0, $until - time) : 0.001);
    }
    return $by_time;
}

my %lost = map { $_ => [] } qw(catalog lists files trainings server);

sub point
{
    my ($number, $before, $transaction, $model, $how, $keep_files) = @_;
    my $after  = copy($before);
    add_items(0) if $model eq 'content' && $transaction ne 'refresh';
    my $script = $transaction{$transaction}->($after, $model) // return;
    my $what   = "$transaction $model";
    my %called = %{ $calls{$what} // $calls{"train $model"} };
    my $kind   = one_of(0, 0, 1) ? 'time' : one_of(grep { $called{$_} } @countable);
    my $writer = session();
    my $reader = begin_serving();
    my $victim = $how eq 'a backend that serves' ? $reader : $writer;
    my ($moment, $reached) = ('');

    ask($writer, settings($model));
    if ($victim == $reader) {
        my %often = (temporary => 150, rename => 4, remove => 6, open => 4, map => 4); # while it makes files of most models
        $kind = one_of('temporary', sort keys %often);
        my $at = 1 + int rand $often{$kind};
        unlink glob "$temporary/*";
        $server->arm($reader->{pid}, kind => $kind, action => 'stand still', at => $at);
        $moment = "$kind $at";
    } elsif ($kind ne 'time') {
        my $at = 1 + int rand $called{$kind};
        $server->arm($writer->{pid}, kind => $kind, action => 'stand still', at => $at);
        $moment = "$kind $at";
    } else {
        $server->arm($writer->{pid});
    }
    serve($reader, $before);
    request($writer, $script);
    my $start = time;
    if ($kind eq 'time') {
        my $wait = rand($longest{$what} // $longest{"train $model"});
        $moment  = sprintf '%.3f s', $wait;
        $reached = await($writer, $start + $wait, 1);
    } elsif ($victim == $reader) {
        my $until = time + 3;
        sleep 0.002 while !$server->reached && time < $until && !IO::Select->new($reader->{out})->can_read(0);
        $reached = $server->reached;
    } else {
        $reached = await($writer, $start + 20, 0);
    }

    my $ended = time;
    my @processes = $server->children;
    if ($how eq 'the postmaster') { $server->kill_postmaster($writer->{pid}, $reader->{pid}) }
    elsif ($how eq 'everything') { $server->kill_all; damage(1); tear() }
    elsif ($how eq 'an immediate stop') { $server->stop('immediate') }
    else {
        my ($other) = shuffle(grep { $_ != $writer->{pid} && $_ != $reader->{pid} } @processes);
        kill KILL => $how eq 'another process' ? $other : $victim->{pid};
    }
    my $told = drain($writer);
    my @served = drain($reader) =~ /^(\d+)$/mg;
    $served += @served;
    leave($_) for $writer, $reader;
    my $acknowledged = $told !~ /ERROR|FATAL|PANIC|WARNING|connection|server closed/;
    my %counts = $server->counts;
    $server->disarm;
    my $recovered = $how =~ /postmaster|everything|immediate/ ? $server->start : $server->recover(@processes);
    if (!defined $recovered) {
        diag($server->news);
        BAIL_OUT("the server does not come back after point $number: $what, $how, at $moment");
    }
    push @recoveries, $recovered;
    look();
    $longest{$what} = min($longest{$what} // 60, $ended - $start) if $acknowledged && !$reached;
    if ($victim == $writer) { $calls{$what}{$_} = max($calls{$what}{$_} // 0, $counts{$_}) for @countable }

    # ---- what is left ----

    my @wrong;
    my $expect = sub { my ($where, $ok, $say) = @_; return if $ok; push @wrong, "$where: $say"; push @{ $lost{$where} }, $number };
    my @news = grep { /PANIC|TRAP:|invalid page|checksum|could not|corrupt|damaged/ && !/could not (send|receive) data/ } split /\n/, $server->news;
    $expect->('server', !@news, "the server complains: @news");
    $expect->('server', $told !~ /ERROR/, "an error: $told");
    $expect->('lists', !grep({ $_ != 10 } @served), "lists of @served items");

    if (see('SELECT count(*) FROM pg_prepared_xacts')) {
        my $commit = one_of(0, 1);
        see(($commit ? 'COMMIT' : 'ROLLBACK') . q{ PREPARED 'prepared'});
        $after = $before if !$commit;
        $before = $after;
    } elsif ($transaction eq 'prepare') {
        $expect->('catalog', !$acknowledged, 'a prepared transaction is lost');
        $after = $before;
    }
    my $state = state();
    my $as    = text($state) eq text($after) ? 'after' : text($state) eq text($before) ? 'before' : 'neither';
    $as = 'before' if $as eq 'after' && !$acknowledged && text($before) eq text($after);
    $expect->('catalog', $as ne 'neither', 'is ' . text($state) . "\nbefore " . text($before) . "\nafter " . text($after));
    $expect->('catalog', !$acknowledged || $as ne 'before' || text($before) eq text($after), 'what was acknowledged is lost');
    my $wrong = see($faults);
    $expect->('catalog', $wrong eq '', $wrong);

    if ($keep_files) { damage(0) }
    else             { my @left = temporary_files(); $expect->('files', !@left, "left over: @left") }
    my @orphans = orphans();
    $expect->('files', !@orphans, "orphans: @orphans");
    my @serving = sort keys %$state;
    my @lists = split /\n/, see(join ';', map { lists($_) } @serving);
    for my $i (0 .. $#serving) {
        my $should = $lists_of{"$serving[$i] " . active($state, $serving[$i])} // 'known';
        $expect->('lists', $lists[$i] eq $should, "$serving[$i] serves other lists");
    }
    my %wanted = map { $_ => 1 } split /\n/, see(q{SELECT model_id || '.' || active_version FROM longtail.model WHERE name <> 'next'});
    my $next = see(q{SELECT model_id || '.1' FROM longtail.model WHERE name = 'next'}); # of the point before
    my @images = grep { $_ ne $next } map { /^pgsql_tmp_longtail\.\d+\.(\d+\.\d+)\.[0-9a-f]{16}$/ ? $1 : "? $_" } grep { /longtail/ || !$keep_files } temporary_files();
    $expect->('files', join(' ', sort @images) eq join(' ', sort keys %wanted), 'files ' . join(' ', sort @images) . ', not ' . join ' ', sort keys %wanted);

    # The next training, of another model.
    $next = see(q{SELECT count(longtail.drop_model(model)) FROM longtail.models WHERE model = 'next';
        SELECT version FROM longtail.train('next', 'bought', 'popularity', 'u', 'i'); SELECT count(*) FROM longtail.recommend('next', 7)});
    $expect->('trainings', $next =~ /^[01]\n1\n10$/, "the next training: $next");

    $done{how}{$how}++;
    $done{while}{$transaction}++;
    $done{at}{$reached ? $kind : 'its end'}++;
    $as eq 'after' ? $outcome_after++ : $outcome_before++;
    ok(!@wrong, "$number: $what, $how, at $moment" . ($reached ? '' : ', after the end') . ": as $as") or diag(join "\n", @wrong);
    return $state;
}

# ---- all of them ----

# Each transaction once undisturbed: what is expected of it is what it does.
my $state = state();
for my $transaction (sort keys %transaction) {
    my $model  = $transaction eq 'refresh' ? 'content' : one_of(@models);
    my $after  = copy($state);
    add_items(0) if $transaction ne 'refresh';
    my $script = $transaction{$transaction}->($after, $model) // next;
    my $told   = undisturbed("$transaction $model", $model, $script);
    $state = state();
    is(text($state), text($after), "undisturbed: $transaction $model") or diag($told);
}
$server->disarm;
$server->news;
note(sprintf 'set up in %.1f s', time - $began);

my @hows = ('the backend', 'the postmaster', 'everything', 'an immediate stop', 'a backend that serves', 'another process');
my @deck;
my $killing = time;
my $keep_files = 0;
for (my $number = 1; $number <= $points;) {
    if ($number % 40 == 1 || $points < 40 && $number == int($points / 2)) {
        $keep_files = $number == 1 ? 0 : !$keep_files;
        sql($_) for 'ALTER SYSTEM SET remove_temp_files_after_crash = ' . ($keep_files ? 'off' : 'on'), 'SELECT pg_reload_conf()';
    }
    @deck = shuffle(keys %transaction) if !@deck;
    my $transaction = pop @deck;
    my $model = $transaction eq 'refresh' ? 'content' : one_of(@models);
    $transaction = one_of('drop', 'replace') if versions($state, $model) > 6;
    $transaction = 'train' if !versions($state, $model) && $transaction ne 'refresh';
    my $how = $number <= @hows ? $hows[$number - 1] : one_of($hows[0], @hows);
    my $there = point($number, $state, $transaction, $model, $how, $keep_files && $how =~ /process|backend/);
    next if !defined $there;
    $state = $there;
    $number++;
}

SKIP: {
    skip 'no amcheck here', 1 if sql(q{SELECT count(*) FROM pg_available_extensions WHERE name = 'amcheck'}) == 0;
    my $checked = see(q{CREATE EXTENSION amcheck;
        SELECT bt_index_parent_check(indexrelid, true) FROM pg_index JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'longtail'::regnamespace \g /dev/null
        SELECT r.* FROM pg_class c, verify_heapam(c.oid) r WHERE relnamespace = 'longtail'::regnamespace AND relkind = 'r'});
    is($checked, '', 'the tables and indexes of the catalog are sound');
}
my $took = time - $killing;
diag(sprintf '%d kill points in %.0f s (seed %d), %d lists served meanwhile; recovery %.2f s on average, %.2f s at most',
    $points, $took, $seed, $served, sum(@recoveries) / @recoveries, max(@recoveries));
for my $by (qw(how while at)) { diag("  $by: " . join ', ', map { "$_ $done{$by}{$_}" } sort keys %{ $done{$by} }) }
diag("  found as before: $outcome_before, as after: $outcome_after; pages torn: $torn");
diag('  lost: ' . join ', ', map { "$_ " . @{ $lost{$_} } } sort keys %lost);

# ---- a transaction's number used twice ----

# A commit that nobody waited for may be lost whole, and the next transaction have its number: with files kept after a
# crash, that of the lost version must not serve the new one.
see($_) for q{SELECT longtail.drop_model(model) FROM longtail.models}, 'CREATE TABLE few AS SELECT u, i FROM bought WHERE u < 7 AND i < 5',
    'CREATE TABLE others AS SELECT u, 5 - i AS i FROM few WHERE u > 2', 'ALTER SYSTEM SET remove_temp_files_after_crash = off',
    'ALTER SYSTEM SET synchronous_commit = off', q{ALTER SYSTEM SET wal_writer_delay = '10s'}, 'ALTER SYSTEM SET autovacuum = off',
    'ALTER SYSTEM SET full_page_writes = off', 'SELECT pg_reload_conf()';
my $small = q{SELECT md5(string_agg(r::text, ' ')) FROM longtail.recommend('small', 99, 4) r};
my $lost_whole = 0;
for (1 .. 20) {
    look();
    see(q{SELECT count(longtail.drop_model(model)) FROM longtail.models});
    see(q{SELECT longtail.train('small', 'few', 'popularity', 'u', 'i')});
    see($small);
    my $writer = session();
    ask($writer, $_) for "LOAD 'longtail'; SET client_min_messages = error", $small, q{SELECT longtail.promote('small', 1)};
    see($small);
    see('CHECKPOINT');
    my @processes = $server->children;
    ask($writer, q{SELECT longtail.train('small', 'few', 'popularity', 'u', 'i', options => '{"min_count": 2}')});
    my $number = see(q{SELECT xmin FROM longtail.model WHERE name = 'small'});
    see($small);
    kill KILL => $writer->{pid};
    leave($writer);
    defined $server->recover(@processes) or BAIL_OUT('the server does not come back');
    look();
    see(q{SELECT longtail.train('small', 'others', 'popularity', 'u', 'i')});
    next if see(q{SELECT xmin || ' ' || active_version FROM longtail.model WHERE name = 'small'}) ne "$number 2";
    $lost_whole++;
    my $own = sql("LOAD 'longtail'; SET longtail.shared_cache = off; $small");
    is(see($small), $own, 'a version is not served from the file of a lost one of its number and transaction');
    last;
}
diag('no transaction was lost whole, so that its number is used again') if !$lost_whole;
leave($checker);
$server->remove;
done_testing;
