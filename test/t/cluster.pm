# cluster.pm: a server of a test's own, that it may kill, starve and fill, with the programs of the one that all tests
# share and the library of faults.c preloaded.
#
#     my $server = cluster->new('name', 'work_mem = 1MB', ...);   # made and started; psql and sql() now go there
#     $server->kill_all;  $server->start or die;  $server->remove;
#
# Faults: arm($pid, kind => 'rows', action => 'stand still', at => 7, error => ENOSPC) makes the 7th call of that kind
# of that process do that; reached() says whether it has come to it, counts() how many calls of each kind there were.
package cluster;
use strict;
use warnings;
use POSIX ();
use Time::HiRes qw(sleep time);

my @kinds   = qw(wal rows temporary sync rename remove open memory map duplicate);
my %kind    = map { $kinds[$_] => $_ } 0 .. $#kinds;
my %action  = ('count' => 0, 'stand still' => 1, 'fail once' => 2, 'fail from there on' => 3);
my $pattern = 'l6 q*';

sub new
{
    my ($class, $name, @settings) = @_;
    my $self = bless { name => $name, dir => "$ENV{LONGTAIL_SERVER}/$name", tester => $$ }, $class;
    my $dir  = $self->{dir};
    system('rm', '-rf', $dir);
    mkdir $dir or die "$dir: $!\n";
    @$self{qw(user group)} = (stat $ENV{PGDATA})[4, 5];
    chown @$self{qw(user group)}, $dir;
    $self->{data} = "$dir/data";
    system("gcc -O2 -shared -fPIC -o '$dir/faults.so' '$ENV{LONGTAIL_TOP}/test/t/faults.c' -ldl") == 0 or die "faults.c\n";
    open my $faults, '>', "$dir/faults" or die "$dir/faults: $!\n";
    print $faults pack($pattern, (0) x (7 + @kinds));
    close $faults;
    chmod 0666, "$dir/faults";
    $self->as_server(qw(initdb -N -k -A trust -U postgres --encoding=UTF8 --locale=C.UTF-8 -D), $self->{data}) == 0 or die "initdb\n";
    open my $conf, '>>', "$self->{data}/postgresql.conf" or die;
    print $conf "$_\n" for "listen_addresses = ''", "unix_socket_directories = '$ENV{PGHOST}'", 'port = ' . ($ENV{PGPORT} + 7),
        'shared_buffers = 4MB', "timezone = 'UTC'", 'recovery_init_sync_method = syncfs', @settings;
    close $conf;
    $SIG{$_} = sub { exit 1 } for qw(INT TERM HUP); # so that the server is removed then, too
    $ENV{PGPORT} += 7;
    $ENV{PGDATABASE} = 'postgres';
    $self->start or die "the server does not start\n";
    return $self;
}

# Runs a program, of the server's where it has no path, as the server's user; its status.
sub as_server
{
    my ($self, @command) = @_;
    my $pid = $self->spawn(@command);
    waitpid $pid, 0;
    return $?;
}

sub spawn
{
    my ($self, $program, @arguments) = @_;
    my $pid = fork // die "fork: $!\n";
    return $pid if $pid;
    open STDIN,  '<',  '/dev/null';
    open STDOUT, '>>', "$self->{dir}/log";
    open STDERR, '>>', "$self->{dir}/log";
    chdir $self->{dir};
    POSIX::setpgid(0, 0);
    if ($> == 0) { $) = "$self->{group} $self->{group}"; POSIX::setgid($self->{group}); POSIX::setuid($self->{user}) }
    delete $ENV{PGDATA};
    exec $program =~ m{/} ? $program : "$ENV{LONGTAIL_BINDIR}/$program", @arguments or POSIX::_exit(127);
}

# ---- coming and going ----

# Returns the seconds it took to take queries again, or nothing.
sub start
{
    my ($self) = @_;
    my $began = time;
    while (time - $began < 30) {
        if (!$self->{postmaster}) {
            local $ENV{LD_PRELOAD}      = "$self->{dir}/faults.so";
            local $ENV{LONGTAIL_FAULTS} = "$self->{dir}/faults";
            $self->{postmaster} = $self->spawn('postgres', '-D', $self->{data});
        }
        return time - $began if $self->ready;
        sleep 0.02;
        # Processes of the one before may still hold on to its memory.
        if (waitpid($self->{postmaster}, POSIX::WNOHANG()) > 0) { delete $self->{postmaster}; sleep 0.1 }
    }
    return;
}

sub ready
{
    my ($self) = @_;
    open my $in, '<', "$self->{data}/postmaster.pid" or return 0;
    return (readline($in) // 0) == $self->{postmaster} && system('psql -XAtqc "SELECT 1" > /dev/null 2>&1') == 0;
}

# After the death of a process the others are ended too, and made again: wait for that, then as start does.
sub recover
{
    my ($self, @before) = @_;
    my $began = time;
    while (time - $began < 30) {
        last if !grep { kill 0 => $_ } @before;
        sleep 0.005;
    }
    return if !defined $self->start;
    return time - $began;
}

sub children
{
    my ($self) = @_;
    return if !$self->{postmaster};
    my @found;
    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $in, '<', $stat or next;
        my $line = readline($in) // next;
        push @found, $1 if $line =~ /^(\d+) \(.*\) \S (\d+) / && $2 == $self->{postmaster};
    }
    return @found;
}

# All of them at once, as a power cut does.
sub kill_all
{
    my ($self) = @_;
    my @all = ($self->{postmaster}, $self->children);
    kill KILL => @all;
    $self->gone(@all);
}

sub kill_postmaster
{
    my ($self, @standing) = @_;
    my @children = $self->children;
    kill KILL => $self->{postmaster};
    sleep 0.02;
    kill KILL => @standing if @standing;
    # One that waits for a lock that a killed one held never looks whether there still is a postmaster.
    for (1 .. 40) { last if !grep { kill 0 => $_ } @children; sleep 0.005 }
    kill KILL => @children;
    $self->gone($self->{postmaster}, @children);
}

sub stop
{
    my ($self, $mode) = @_;
    return if !$self->{postmaster};
    my @all = ($self->{postmaster}, $self->children);
    kill +($mode eq 'immediate' ? 'QUIT' : 'INT') => $self->{postmaster};
    $self->gone(@all);
}

sub gone
{
    my ($self, $postmaster, @children) = @_;
    waitpid $postmaster, 0;
    delete $self->{postmaster};
    for (1 .. 2000) { last if !grep { kill 0 => $_ } @children; sleep 0.005 }
}

sub remove
{
    my ($self) = @_;
    $self->kill_all if $self->{postmaster};
    system('rm', '-rf', $self->{dir});
}

sub DESTROY { my ($self) = @_; local $?; $self->remove if $$ == $self->{tester} && -d $self->{dir} && !$self->{keep} }

# What the server has said since this was asked last.
sub news
{
    my ($self) = @_;
    open my $in, '<', "$self->{dir}/log" or die "log: $!\n";
    seek $in, $self->{read} // 0, 0;
    local $/;
    my $news = <$in> // '';
    $self->{read} = tell $in;
    return $news;
}

# ---- faults ----

sub control
{
    my ($self, $bytes) = @_;
    open my $file, '+<', "$self->{dir}/faults" or die "faults: $!\n";
    if (defined $bytes) { syswrite $file, $bytes or die "faults: $!\n"; return }
    sysread $file, $bytes, 4 * 6 + 8 * (1 + @kinds);
    return unpack $pattern, $bytes;
}

sub arm
{
    my ($self, $pid, %fault) = @_;
    $self->control(pack $pattern, 0, (0) x (6 + @kinds));
    $self->control(pack $pattern, $pid, $kind{ $fault{kind} // 'wal' }, $action{ $fault{action} // 'count' }, $fault{error} // 0, 0, 0,
        $fault{at} // 0, (0) x @kinds);
}
sub disarm  { my ($self) = @_; $self->arm(0) }
sub reached { my ($self) = @_; return ($self->control)[4] }
sub counts  { my ($self) = @_; my @all = $self->control; return map { $kinds[$_] => $all[7 + $_] } 0 .. $#kinds }

1;
