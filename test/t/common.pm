# common.pm: what the tests with servers share: queries, sessions that stay, restarts.
#
#     use lib "$ENV{LONGTAIL_TOP}/test/t";
#     use common;
#
# LONGTAIL_TORTURE is set by `make torture`: a test that has a long form takes it then, by long_form(short, long).
package common;
use strict;
use warnings;
use Exporter 'import';
use File::Temp;
use IO::Handle;
use IPC::Open2;
use Time::HiRes qw(sleep);

our @EXPORT = qw(sql try_sql session request answer ask leave wait_for_server restart long_form);

# What a query says; dies when it fails.  Options are psql's: '-d', 'another database'.
sub sql
{
    my ($query, @options) = @_;
    open my $in, '-|', qw(psql -XAtq -v ON_ERROR_STOP=1), @options, '-c', $query or die "psql: $!\n";
    local $/;
    my $out = <$in> // '';
    close $in or die "query failed: $query\n";
    return $out =~ s/\n\z//r;
}

# What a script says, errors and notices among it, with their SQLSTATEs; the status is in $?.
sub try_sql
{
    my ($script, @options) = @_;
    my $file = File::Temp->new; # not a pipe: psql would wait for its answers to be read, and we for it to read on
    print $file $script;
    close $file;
    open my $out, '-|', 'sh', '-c', 'exec psql -XAtq -v VERBOSITY=verbose "$@" 2>&1 < "$0"', $file->filename, @options or die "psql: $!\n";
    local $/;
    my $said = <$out> // '';
    close $out;
    return $said =~ s/\n\z//r;
}

# A connection that stays.
sub session
{
    my (@options) = @_;
    my %s;
    $s{psql} = open2($s{out}, $s{in}, 'sh', '-c', 'exec psql -XAtq "$@" 2>&1', 'psql', @options);
    $s{pid}  = ask(\%s, 'SELECT pg_backend_pid()');
    return \%s;
}

# Sends a query without waiting; what it says in the end; both.
sub request { my ($s, $query) = @_; print { $s->{in} } "$query;\n\\echo --done--\n"; $s->{in}->flush }

sub answer
{
    my ($s) = @_;
    my $answer = '';
    while (defined(my $line = readline $s->{out})) { return $answer =~ s/\n\z//r if $line eq "--done--\n"; $answer .= $line }
    return $answer;
}

sub ask { my ($s, $query) = @_; request($s, $query); return answer($s) }

sub leave { my ($s) = @_; close $s->{in}; waitpid $s->{psql}, 0 }

sub wait_for_server
{
    for (1 .. 100) { return 1 if system('pg_isready -q && psql -XAtq -c "SELECT 1" > /dev/null 2>&1') == 0; sleep 0.3 }
    return 0;
}

# pg_ctl's mode: fast, smart, immediate.
sub restart { return system("$ENV{LONGTAIL_TOP}/test/server restart $ENV{LONGTAIL_SERVER} $_[0] > /dev/null 2>&1") }

sub long_form { my ($short, $long) = @_; return $ENV{LONGTAIL_TORTURE} ? $long : $short }

1;
