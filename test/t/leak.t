#!/usr/bin/perl
# leak.t: a session that calls a function ever so often is no larger afterwards, whether calls answer or fail.
#
# Every function, found in pg_proc, is called with one set of arguments that it answers and two that it
# refuses with different errors (hostile.pm finds them, with a fixed seed), within one transaction, each failing call in
# a subtransaction.  What is looked at: the memory contexts' total after a tenth of the calls and after all, the
# process's own memory, its files and mappings.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use hostile;
use Time::HiRes qw(time);

my $calls    = $ENV{LONGTAIL_LEAK_CALLS} || long_form(2000, 100_000);
my $seconds  = long_form(0.1, 3600); # of one statement, but a tenth of the calls at least is made
my $refusals = long_form(1, 2);
srand(1);

try_sql('', '-f', "$ENV{LONGTAIL_TOP}/test/t/fuzz.sql");
sql(<<'SQL');
CREATE FUNCTION fuzz.repeat_call(statement text, calls integer, seconds float8, fails boolean, OUT made integer, OUT warm bigint, OUT after bigint,
    OUT state text) LANGUAGE plpgsql AS $$
DECLARE
    began timestamptz := clock_timestamp();
    warm_up integer := greatest(calls / 100, 10);
BEGIN
    state := '00000';
    FOR n IN 1 .. calls LOOP
        IF fails THEN
            BEGIN
                EXECUTE statement;
            EXCEPTION WHEN OTHERS THEN state := SQLSTATE;
            END;
        ELSE
            EXECUTE statement;
        END IF;
        made := n;
        IF n = warm_up THEN SELECT sum(total_bytes) INTO warm FROM pg_backend_memory_contexts; END IF;
        EXIT WHEN n >= 2 * warm_up AND clock_timestamp() > began + seconds * interval '1 s';
    END LOOP;
    SELECT sum(total_bytes) INTO after FROM pg_backend_memory_contexts;
END $$;
SQL
hostile::learn(\&sql);

my $s = session();
ask($s, "SELECT fuzz.scratch('fuzz scratch $_', $_)") for 1 .. 4;
ask($s, $_) for 'SET client_min_messages = error', 'SET search_path = fuzz, public', 'SET plan_cache_mode = force_custom_plan';

sub literal { my ($text) = @_; my $tag = 'lit'; return "\$$tag\$$text\$$tag\$" }

# Kilobytes of private memory; numbers of files and mappings, where the session may be looked at.
sub size
{
    open my $in, '<', "/proc/$s->{pid}/status" or return;
    my ($kilobytes) = grep { /^RssAnon/ } <$in>;
    my @files = glob "/proc/$s->{pid}/fd/*";
    my $maps  = 0;
    if (open my $map, '<', "/proc/$s->{pid}/maps") { $maps++ while <$map> }
    return ($kilobytes =~ /(\d+)/, scalar @files, $maps);
}

sub in_transactions
{
    my ($statement, $times) = @_;
    my $total = 'SELECT sum(total_bytes) FROM pg_backend_memory_contexts';
    ask($s, $statement) for 1 .. 3;
    my $before = ask($s, $total);
    ask($s, $statement) for 1 .. $times;
    return "$times $before " . ask($s, $total);
}

# Statements around one function: the first that it answers, and some that fail, each with another SQLSTATE.
sub statements_of
{
    my ($f) = @_;
    my ($good, %bad);
    for (1 .. 150) {
        my $call = hostile::call($f, defined $good, 0, $f->{kind} eq 'a');
        my $statement = $f->{kind} eq 'a' ? "SELECT $call FROM (SELECT * FROM fuzz.v LIMIT 5) v" : "SELECT * FROM $call";
        next if defined $good && keys %bad >= $refusals;
        my ($state) = ask($s, "SELECT state FROM fuzz.repeat_call(" . literal($statement) . ", 1, 1, true)") =~ /^(\w{5})$/m;
        next if !defined $state || $state =~ /^(57|42601|42883|42725|22P02|0A000|2BP)/; # by the parser, most of these
        if    ($state eq '00000') { $good //= $statement }
        elsif (!$bad{$state})     { $bad{$state} = $statement }
    }
    return ($good, map { $bad{$_} } sort keys %bad);
}

# Arguments that answer again and again, where chance does not find them: each call makes the version that the next drops.
my %given = (drop_version => q{SELECT longtail.import_model('fuzz spare', bytes), longtail.drop_version('fuzz spare', newest)
    FROM (SELECT longtail.export_model('fuzz spare', 1) AS bytes, (SELECT max(version) FROM longtail.model_versions WHERE model = 'fuzz spare') AS newest) s});
ask($s, q{SELECT fuzz.scratch('fuzz spare', 2)});
ask($s, q{SELECT longtail.import_model('fuzz spare', longtail.export_model('fuzz spare'))});

my $made = 0;
my $begin = time;
my $triggers = sql(q{SELECT string_agg(proname, ' ') FROM pg_proc WHERE pronamespace = 'longtail'::regnamespace AND prorettype = 'event_trigger'::regtype});
my @called = grep { my $f = $_; $triggers !~ /\b\Q@{[ $f->{name} =~ s{.*\.}{}r ]}\E\b/ && !grep { $_ eq 'internal' } @{ $f->{types} } } @hostile::functions;
# More memory than this is a leak: a kilobyte in each hundred calls, beyond what one block of a context takes.
my $slack = 70_000;
for my $f (@called) {
    my ($good, @bad) = statements_of($f);
    $good = $given{ $f->{name} =~ s/.*\.//r } // $good;
    my @grown;
    push @grown, 'no arguments found that it answers' if !defined $good;
    for my $statement (grep { defined } $good, @bad) {
        # What trains, drops or measures: fewer calls, and the second may fail where the first did not.
        my $most  = $f->{heavy} ? $calls / 50 : $calls;
        my $fails = $f->{heavy} || $statement ne ($good // '') ? 'true' : 'false';
        my $call  = sub {
            my ($times) = @_;
            # A transaction remembers all it wrote: what writes has one for each call.
            return in_transactions($statement, $times) if $f->{writes};
            return ask($s, "SELECT made || ' ' || warm || ' ' || after FROM fuzz.repeat_call(" . literal($statement) . ", $times, $seconds, $fails)");
        };
        $call->($most / 10);
        my @before = size();
        my $answer = $call->($most);
        my @after  = size();
        my ($n, $warm, $contexts) = $answer =~ /^(\d+) (\d+) (\d+)$/ or do { push @grown, "$statement: $answer"; next };
        $made += $n;
        push @grown, sprintf '%d bytes of contexts in %d calls: %s', $contexts - $warm, $n, $statement if $contexts - $warm > $slack;
        push @grown, sprintf '%d kB of the process in %d calls: %s', $after[0] - $before[0], $n, $statement if @after && $after[0] - $before[0] > 4096;
        push @grown, "$before[1] files before, $after[1] after: $statement" if @after && $after[1] > $before[1] + 20;
        push @grown, "$before[2] mappings before, $after[2] after: $statement" if @after && $after[2] > $before[2] + 20;
    }
    is(scalar @grown, 0, $f->{signature}) or diag(join "\n", @grown);
}
note(sprintf '%d calls of %d functions in %.0f s', $made, scalar @called, time - $begin);
leave($s);
sql(q{SET client_min_messages = error; SELECT longtail.drop_model(model) FROM longtail.models WHERE model ~ '^fuzz'; DROP SCHEMA fuzz CASCADE;
    DROP FOREIGN DATA WRAPPER fuzz_wrapper CASCADE; DROP ROLE fuzz_owner, fuzz_reader});
done_testing;
