#!/usr/bin/perl
# fuzz.t: every function and aggregate of the schema, found in pg_proc, called with random and hostile arguments.
#
# Two sessions send batches of statements (hostile.pm).  A call may fail with any SQLSTATE that says what was wrong
# with the call, never with one of class XX but data corrupted, and nothing may crash the server, trip an assertion or leak a resource.
# The same LONGTAIL_FUZZ_SEED makes the same statements; the batch that broke something is kept and named.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use hostile;
use Cwd qw(getcwd);
use IPC::Open2;
use Time::HiRes qw(time);

my $calls   = $ENV{LONGTAIL_FUZZ_CALLS} || long_form(6000, 1_000_000);
my $seed    = $ENV{LONGTAIL_FUZZ_SEED} // long_form(1, time % 1_000_000);
my $workers = 2;
my $batch   = 40;
my $timeout = $ENV{LONGTAIL_VALGRIND} ? '30s' : '300ms';

# Data corrupted: bytes of a model that are damaged, or that import_model was given for some; else no class XX.
my $damaged = 'XX001';

sub connect_psql
{
    my %s;
    $s{psql} = open2($s{out}, $s{in}, 'sh', '-c', 'exec psql -XAtq 2>&1 >/dev/null');
    print { $s{in} } "\\set VERBOSITY verbose\nSET client_min_messages = warning; SET log_min_messages = log; SET search_path = fuzz, public;\n",
        "SET statement_timeout = '$timeout'; CREATE TEMP TABLE session_table AS SELECT * FROM fuzz.shop;\n";
    return \%s;
}

# Statements to a file that psql reads; each is followed by its number.
sub write_batch
{
    my ($path, $before, $statements, $after) = @_;
    open my $out, '>', $path or die "$path: $!\n";
    print $out "$_;\n" for @$before;
    print $out "$statements->[$_];\n\\warn \@$_\n" for 0 .. $#$statements;
    print $out "$_;\n" for @$after;
    close $out;
}

# Settings around a batch: who calls, within what, with which settings.
sub surroundings
{
    my ($settings) = @_;
    my (@before, @after) = ('');
    push @before, 'SET ROLE ' . one_of(qw(fuzz_owner fuzz_reader)) if chance(0.1);
    push @before, setting(@{ one_of(@$settings) })                 if chance(0.3);
    push @before, 'SET plan_cache_mode = ' . one_of(qw(force_generic_plan force_custom_plan)) if chance(0.3);
    push @before, 'SET work_mem = 64'                              if chance(0.1);
    push @before, "SET statement_timeout = '" . one_of(1, 3, 10, 30) . "ms'" if chance(0.05);
    push @before, 'SET jit_above_cost = 0'                         if chance(0.02);
    push @before, 'SET parallel_setup_cost = 0', 'SET parallel_tuple_cost = 0', 'SET min_parallel_table_scan_size = 0', 'SET force_parallel_mode = on' if chance(0.02);
    push @before, 'SET datestyle = german', 'SET extra_float_digits = -15', "SET timezone = 'Asia/Kathmandu'" if chance(0.03);
    if (chance(0.2)) {
        my $isolation = one_of('', ' ISOLATION LEVEL SERIALIZABLE', ' READ ONLY', ' ISOLATION LEVEL REPEATABLE READ');
        push @before, "\\set ON_ERROR_ROLLBACK on\nBEGIN$isolation";
        push @after,  one_of('COMMIT', 'ROLLBACK') . ";\n\\set ON_ERROR_ROLLBACK off\n";
    }
    return (\@before, [ @after, 'RESET ROLE', 'RESET ALL', 'DEALLOCATE ALL', 'CLOSE ALL', 'SET client_min_messages = warning', 'SET log_min_messages = log',
        'SET search_path = fuzz, public', "SET statement_timeout = '$timeout'" ]);
}

# What binary COPY gets: a predictor with some bytes changed, or cut short.
sub binary_copy
{
    my ($predictors, $path) = @_;
    my $bytes = pack 'H*', one_of(@$predictors);
    substr($bytes, rand length $bytes, 1) = chr int rand 256 for 1 .. one_of(0, 1, 1, 2, 5);
    substr($bytes, rand length $bytes, 1) = ''      if chance(0.2);
    $bytes = substr $bytes, 0, rand length $bytes   if chance(0.2);
    open my $out, '>:raw', $path or die "$path: $!\n";
    print $out "PGCOPY\n\xff\r\n\0", pack('N N n N', 0, 0, 1, length $bytes), $bytes, pack 'n', 0xffff;
    close $out;
    my ($receive) = grep { $_->{signature} eq 'longtail.predictor_recv(internal)' } @hostile::functions;
    return [ $receive, "\\copy fuzz.taken FROM '$path' (FORMAT binary)\nDELETE FROM fuzz.taken" ];
}

# One session's share; a report of tab-separated lines.
sub work
{
    my ($number, $share, $report) = @_;
    my @settings = map { [ split /\|/ ] } split /\n/, sql("SELECT name, vartype, min_val, max_val FROM pg_settings WHERE name LIKE 'longtail.%' ORDER BY 1", '-c', q(LOAD 'longtail'));
    my $predictors = [ split /\n/, sql(q{SELECT encode(longtail.predictor_send(p), 'hex') FROM fuzz.fitted ORDER BY 1}) ];
    my ($done, $crashes, %states, %good, %tried) = (0, 0);
    my $path = getcwd() . "/batch.$number";
    my $s    = connect_psql();
    open my $out, '>', $report or die "$report: $!\n";
    for (my $round = 0; $done < $share; $round++) {
        srand(($seed * 10 + $number) * 1_000_003 + $round);
        # Each function in its turn first, then whatever is drawn.
        my @made = map { [ statement($hostile::functions[ $round * $batch + $_ ]) ] } 0 .. $batch - 1;
        $made[-1] = binary_copy($predictors, "$path.binary") if $round % 3 == 0;
        my ($before, $after) = surroundings(\@settings);
        unshift @$before, map { "SELECT fuzz.scratch('fuzz scratch $_', " . int(rand 100) . ')' } 1 .. 4 if $round % 25 == 0;
        write_batch($path, $before, [ map { $_->[1] } @made ], $after);
        print { $s->{in} } "\\i $path\n\\warn \@end\n";
        $s->{in}->flush;
        my ($at, $said, $ended) = (0, '', 0);
        while (defined(my $line = readline $s->{out})) {
            if ($line =~ /^\@end/) { $ended = 1; last }
            if ($line =~ /^\@(\d+)$/) {
                my $n     = $1;
                my $f     = $made[$n][0];
                my $state = $said =~ /(?:ERROR|FATAL|PANIC):  (\w{5}): / ? $1 : '00000';
                my $times = () = $made[$n][1] =~ /(^|; )EXECUTE/g;
                $states{$state} += $times || 1;
                $tried{ $f->{signature} } += $times || 1;
                $good{ $f->{signature} }++ if $state eq '00000';
                print $out "XX\t$state\t", oneline($said), "\t", oneline($made[$n][1]), "\n"
                    if $state =~ /^XX/ && $state ne $damaged;
                print $out "WARNING\t01000\t", oneline($said), "\t", oneline($made[$n][1]), "\n"
                    if $said =~ /^WARNING:.*(leak|problem in|still referenced|detected write past|bogus|not closed|reference)/m;
                ($at, $said) = ($n + 1, '');
                $done += $times || 1;
            } else {
                $said .= $line;
            }
        }
        if (!$ended) {
            my $keep = "crash.$number.$round.sql";
            rename $path, $keep;
            print $out "CRASH\t$keep\t", oneline($said), "\t", $at < @made ? oneline($made[$at][1]) : '(after the batch)', "\n";
            $out->flush;
            last if ++$crashes == 5 || !wait_for_server();
            waitpid $s->{psql}, 0;
            $s = connect_psql();
        }
    }
    print $out "STATE\t$_\t$states{$_}\n" for sort keys %states;
    print $out "CALL\t$_\t$tried{$_}\t", $good{$_} // 0, "\n" for sort keys %tried;
    close $out;
    close $s->{in};
}

sub oneline { return $_[0] =~ s/\n/\\n/gr }

# ---- the run ----

my $log_size = -s "$ENV{LONGTAIL_SERVER}/log";
try_sql('', '-f', "$ENV{LONGTAIL_TOP}/test/t/fuzz.sql");
hostile::learn(\&sql);
my $begin = time;
my %child;
for my $n (1 .. $workers) {
    defined(my $pid = fork) or die "fork: $!\n";
    if (!$pid) {
        $SIG{PIPE} = 'IGNORE';
        work($n, $calls / $workers, "report.$n");
        require POSIX;
        POSIX::_exit(0);
    }
    $child{$pid} = $n;
}
for my $pid (sort keys %child) { waitpid $pid, 0; is($?, 0, "session $child{$pid} went through its calls") }
my $seconds = time - $begin;

my (%state, %tried, %good, %bad);
for my $n (1 .. $workers) {
    open my $in, '<', "report.$n" or next;
    while (<$in>) {
        chomp;
        my ($kind, @rest) = split /\t/;
        if    ($kind eq 'STATE') { $state{ $rest[0] } += $rest[1] }
        elsif ($kind eq 'CALL')  { $tried{ $rest[0] } += $rest[1]; $good{ $rest[0] } += $rest[2] }
        else {
            my ($where) = $rest[1] =~ /LOCATION:  (.*?)\\n/;
            push @{ $bad{ "$kind $rest[0] " . ($where // $rest[1]) } }, "$rest[2]\n    $rest[1]";
        }
    }
}
my $total = 0;
$total += $_ for values %state;
my $failed = $total - ($state{'00000'} // 0);
note(sprintf "seed %d: %d calls in %.0f s, %.0f a second; %d answered, %d refused with %d SQLSTATEs", $seed, $total, $seconds, $total / $seconds,
    $total - $failed, $failed, keys(%state) - 1);
note(join ', ', map { "$_ $state{$_}" } sort keys %state);
note("never answered: $_ ($tried{$_} calls)") for grep { !$good{$_} } sort keys %tried;
is(scalar keys %bad, 0, 'no crash, no internal error, no warning of a leak');
for my $what (sort keys %bad) { # with the shortest of the statements that did it
    my @by = sort { length $a <=> length $b || $a cmp $b } @{ $bad{$what} };
    diag(scalar(@by) . " times: $what\n    $by[0]");
}
my @missed = grep { !$tried{$_} } map { $_->{signature} } @hostile::functions;
is(scalar @missed, 0, 'every function was called') or diag(join "\n", @missed);
open my $log, '<', "$ENV{LONGTAIL_SERVER}/log";
seek $log, $log_size, 0;
my @trouble = grep { /TRAP:|PANIC:|terminated by signal|was leaked|problem in alloc set|still referenced|reference leak/ } <$log>;
is(scalar @trouble, 0, 'nothing of the kind in the log either') or diag(@trouble[0 .. ($#trouble < 10 ? $#trouble : 10)]);
is(sql(q{SELECT count(*) FROM longtail.recommend('fuzz als', 5)}), 10, 'and the server serves as before');
sql(q{SET client_min_messages = error; SELECT longtail.drop_model(model) FROM longtail.models WHERE model ~ '^fuzz'; DROP SCHEMA fuzz CASCADE;
    DROP FOREIGN DATA WRAPPER fuzz_wrapper CASCADE; DROP ROLE fuzz_owner, fuzz_reader});
done_testing;
