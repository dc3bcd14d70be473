#!/usr/bin/perl
# upgrade.t: pg_upgrade from each older PostgreSQL installed beside (by test/server, which builds the extension for it)
# to the one that is tested: models made by this version and by released ones answer as before and train on, files are
# copied or linked, and what 0.1.0 left is updated on the new server.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;
use released;

chomp(my $new = `"$ENV{PG_CONFIG}" --version`);
my ($major) = $new =~ /^PostgreSQL (\d+)/;
my %older = map { m{/(\d+)/bin/} && $1 >= 15 && $1 < $major && -x "/usr/lib/postgresql/$1/bin/postgres" && -f "/usr/lib/postgresql/$1/lib/pgxs/src/makefiles/pgxs.mk" ? ($1 => $_) : () }
    glob '/usr/lib/postgresql/*/bin/pg_config';
plan skip_all => "no older PostgreSQL with development files is installed beside $major" if !%older;

my $dir = "$ENV{LONGTAIL_SERVER}/upgrade";
my $as  = $ENV{LONGTAIL_AS};
my %here = map { $_ => $ENV{$_} } qw(PGHOST PGPORT PGDATA PG_CONFIG LONGTAIL_SERVER LONGTAIL_BINDIR PATH);

sub run { return system("cd '$dir' && $as $_[0] >> '$dir/log' 2>&1 < /dev/null") == 0 }

sub old_server
{
    my ($command, $from, @options) = @_;
    local @ENV{keys %here} = @here{keys %here};
    return `PG_CONFIG='$older{$from}' BUILD='$dir/build.$from' "$ENV{LONGTAIL_TOP}/test/server" $command '$dir/old' @options 2>> '$dir/log'`;
}

sub clean_up
{
    my $status = $?;
    %ENV = (%ENV, %here);
    for my $data ("$dir/new", "$dir/old/data") {
        my $bindir = $data =~ /new$/ ? $here{LONGTAIL_BINDIR} : (glob "$dir/old/root/usr/lib/postgresql/*/bin")[0];
        run("$bindir/pg_ctl stop -w -m immediate -D '$data'") if -e "$data/postmaster.pid";
    }
    system('rm', '-rf', $dir);
    $? = $status;
}
clean_up();
END { clean_up() if %older }

sub directory
{
    mkdir $_[0] or die "$_[0]: $!\n";
    chown +(stat $here{PGDATA})[4, 5], $_[0];
    chmod 0755, $_[0];
}

# Into a new cluster; true when it worked.
sub upgrade
{
    my ($from, $mode) = @_;
    my $checksums = $major >= 18 ? '--no-data-checksums' : '';
    my $oldbin = "$dir/old/root" . ($older{$from} =~ s{/pg_config$}{}r);
    directory("$dir/new");
    directory("$dir/socket");
    chmod 0700, "$dir/new";
    run("$here{LONGTAIL_BINDIR}/initdb -D '$dir/new' -U postgres -A trust -N --encoding=UTF8 --locale=C.UTF-8 $checksums") or die read_all("$dir/log");
    return run("$here{LONGTAIL_BINDIR}/pg_upgrade -b '$oldbin' -B '$here{LONGTAIL_BINDIR}' -d '$dir/old/data' -D '$dir/new' -U postgres $mode --socketdir='$dir/socket'");
}

my @databases = ('current', map { "released $_" } @versions);
my $bytes     = q{SELECT md5(string_agg(md5(bytes), ' ' ORDER BY model_id, version, part, chunk)) FROM longtail.model_data};

for my $from (sort { $a <=> $b } keys %older) {
    for my $mode ('--copy', '--link') {
        my $what = "$from to $major by $mode";
        directory($dir) if !-d $dir;
        my $printed = old_server('start', $from);
        while ($printed =~ /^export (\w+)='(.*)'$/mg) { $ENV{$1} = $2 }
        like(sql('SHOW server_version'), qr/^$from\b/, "$what: the old server runs") or BAIL_OUT(read_all("$dir/log"));
        sql("CREATE ROLE $_") for @roles;
        chomp(my $share = `"$older{$from}" --sharedir`);
        for my $name (@databases) {
            system('createdb', $name) == 0 or die "createdb failed\n";
            my ($version) = $name =~ /released (.*)/;
            if (defined $version) {
                system('cp', "$released/longtail--$version.sql", "$dir/old/root$share/extension/") == 0 or die "cp failed\n";
                sql("CREATE EXTENSION longtail VERSION '$version'", '-d', $name);
            }
            ok(restore($name, $version // $versions[-1]), "$what: $name is restored") or diag(read_all('restored'));
        }
        my %bytes = map { $_ => sql($bytes, '-d', $_) } @databases;
        my $oids  = sql(q{SELECT string_agg(source::text, ' ' ORDER BY model_id) FROM longtail.model}, '-d', 'current');
        old_server('stop', $from);

        if (!upgrade($from, $mode)) {
            my $log = read_all("$dir/log") . read_all((glob "$dir/new/pg_upgrade_output.d/*/log/pg_upgrade_server.log")[0] // '/dev/null');
            system('rm', '-rf', "$dir/new", "$dir/socket");
            old_server('start', $from);
            system('dropdb', $_) for @databases, 'longtail';
            sql('CREATE TABLE plain (a integer)', '-d', 'postgres');
            old_server('stop', $from);
            if (!upgrade($from, $mode)) {
                SKIP: { skip "$new cannot upgrade this $from, with longtail or without", 1 }
                last;
            }
            fail("$what: pg_upgrade") or diag($log);
            last;
        }
        pass("$what: pg_upgrade");
        ok(run("$here{LONGTAIL_BINDIR}/pg_ctl start -w -t 60 -D '$dir/new' -l '$dir/new.log' -o \"-c unix_socket_directories='$dir/socket' -c listen_addresses='' -p 54337 -c fsync=off\""), "$what: the new server starts");
        %ENV = (%ENV, %here, PGHOST => "$dir/socket", PGPORT => 54337);
        like(sql('SHOW server_version', '-d', 'postgres'), qr/^$major\b/, "$what: which is new");
        is(sql(q{SELECT string_agg(source::text, ' ' ORDER BY model_id) FROM longtail.model}, '-d', 'current'), $oids, "$what: models read what they read");
        for my $name (@databases) {
            is(sql($bytes, '-d', $name), $bytes{$name}, "$what: $name: all bytes are there");
            answers_as_before($name, "$what: $name");
            if ($name ne 'current') {
                sql('ALTER EXTENSION longtail UPDATE', '-d', $name);
                answers_as_before($name, "$what: $name, updated");
            }
            all_goes_on($name, "$what: $name");
        }
        ok(run("$here{LONGTAIL_BINDIR}/pg_ctl stop -w -m fast -D '$dir/new'"), "$what: it stops");
        %ENV = (%ENV, %here);
        system("cd '$dir' && rm -rf old new socket"); # what was built for the old one serves again
    }
}
done_testing;
