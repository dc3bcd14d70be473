#!/usr/bin/perl
# readme.t: the documentation is true.  Its SQL runs, and it names everything there is.
#
# README.md and the pages of doc/ named below: every ```sql block is run by psql, in order, in a database of its own that has the
# tour's data; each block is a test.  A comment in the line before a block says what is special about it:
#     <!-- test: fails with: TEXT -->   it must fail, with TEXT in the message
#     <!-- test: needs pg_cron -->      run in pg_cron's database, in a transaction that is rolled back
#     <!-- test: needs pgvector -->     run where there is pgvector
# doc/reference.md must have, word for word but for white space: the signature and the comment of every function and
# aggregate, the columns and the comment of every view and type, every option, setting, rerank method and measure.
# src/README.md must name every source file, and no other, under the heading of its folder.
use strict;
use warnings;
use Test::More;
use File::Basename qw(basename);
use File::Temp qw(tempfile);

my $top      = $ENV{LONGTAIL_TOP};
my $home     = $ENV{PGDATABASE};
my $database = 'readme';
my @psql     = qw(psql -X -v ON_ERROR_STOP=1 -P pager=off);

sub slurp {
    my ($path) = @_;
    open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
    local $/;
    return <$in>;
}

# Runs SQL in a database; exit status and everything printed.
sub run_sql {
    my ($where, $sql) = @_;
    my ($out, $file) = tempfile(UNLINK => 1);
    binmode $out, ':encoding(UTF-8)';
    print $out $sql;
    close $out;
    my $output = `@psql -d $where -f $file 2>&1`;
    return ($? >> 8, $output);
}

# The rows of a query, as lists of text; NULL is the empty text.
sub rows {
    my ($sql) = @_;
    open my $in, '-|:encoding(UTF-8)', 'psql', '-XAtq', '-F', "\x1f", '-R', "\x1e", '-d', $database, '-c', $sql
        or die "psql: $!\n";
    local $/ = "\x1e";
    my @rows = map { s/[\x1e\n]+\z//r } <$in>;
    close $in or die "query failed: $sql\n";
    return map { [split /\x1f/, $_, -1] } @rows;
}

sub squeeze { return $_[0] =~ s/\s+/ /gr =~ s/^ | $//gr }

# ---- the blocks ----

my %page = map { $_ => slurp("$top/$_") } qw(README.md doc/recipes.md doc/reference.md doc/privacy.md src/README.md);
my @blocks;
for my $name (qw(README.md doc/recipes.md doc/reference.md doc/privacy.md)) {
    my ($block, $special, $number) = (undef, '', 0);
    for my $line (split /^/, $page{$name}) {
        $number++;
        if (defined $block) {
            if ($line =~ /^```\s*$/) { push @blocks, $block; undef $block }
            else                     { $block->{sql} .= $line }
        }
        elsif ($line =~ /^```sql\s*$/) {
            $block = { at => "$name:" . ($number + 1), sql => '', special => $special };
        }
        elsif ($line =~ /^<!-- test: (.*) -->$/) { $special = $1; next }
        $special = '';
    }
    die "$name: a block is not closed\n" if defined $block;
}

sub run_block {
    my ($block) = @_;
    my $what = join ' ', map { squeeze($_) } ($block->{sql} =~ /^(?!--)(.*\S.*)$/m);
    my $name = substr "$block->{at} $what", 0, 110;
    my ($status, $output);

    if ($block->{special} eq 'needs pg_cron') {
    SKIP: {
            my ($found, $text) = run_sql($home, "SELECT 'here' FROM pg_extension WHERE extname = 'pg_cron'");
            skip 'there is no pg_cron', 1 unless $text =~ /here/;
            ($status, $output) = run_sql($home, "BEGIN;\n$block->{sql}\nROLLBACK;");
            ok($status == 0, $name) or diag $output;
        }
    }
    elsif ($block->{special} eq 'needs pgvector') {
    SKIP: {
            my ($made) = run_sql($database, 'CREATE EXTENSION IF NOT EXISTS vector');
            skip 'there is no pgvector', 1 unless $made == 0;
            ($status, $output) = run_sql($database, $block->{sql});
            ok($status == 0, $name) or diag $output;
        }
    }
    elsif ($block->{special} =~ /^fails with: (.+)/) {
        my $message = $1;
        ($status, $output) = run_sql($database, $block->{sql});
        ok($status != 0 && index($output, $message) >= 0, "$name (must fail)") or diag $output;
    }
    elsif ($block->{special} ne '') {
        fail("$block->{at}: what is 'test: $block->{special}'?");
    }
    else {
        ($status, $output) = run_sql($database, $block->{sql});
        ok($status == 0, $name) or diag $output;
    }
}

run_sql('postgres', "DROP DATABASE IF EXISTS $database;\nDROP ROLE IF EXISTS storefront;"); # left by a run cut short
system('createdb', $database) == 0 or BAIL_OUT('no database');
my ($loaded, $loading) = run_sql($database, "\\i $top/test/data/load.sql");
$loaded == 0 or BAIL_OUT("load.sql: $loading");
ok(@blocks > 30, 'blocks were found') or diag scalar @blocks;
run_block($_) for @blocks;

# ---- the reference ----

my $reference = squeeze($page{'doc/reference.md'});

# True when the reference has the text; says what is missing where not.
sub documents {
    my ($text, $what) = @_;
    ok(index($reference, squeeze($text)) >= 0, "the reference has $what")
        or diag "doc/reference.md needs, word for word:\n" . $text;
}

# SQL as people write it.
sub plain_sql {
    local $_ = squeeze($_[0]);
    s/ DEFAULT / = /g;
    s/::[a-z ]+(\[\])?//g;
    s/double precision/float8/g;
    s/timestamp with time zone/timestamptz/g;
    return $_;
}

my %there; # what the headings may name
my $parts = q{p.prorettype = 'internal'::regtype OR 'internal'::regtype = ANY (p.proargtypes)
    OR p.proname ~ '^(log_loss_(add|combine|final)|(predictor|role)_(in|out|recv|send)|relation_(in|out)|may_use)$'};
for (rows(qq{
    SELECT p.proname, pg_get_function_arguments(p.oid), pg_get_function_result(p.oid),
           ($parts)::text, coalesce(obj_description(p.oid, 'pg_proc'), '')
    FROM pg_proc p WHERE p.pronamespace = 'longtail'::regnamespace ORDER BY p.proname, p.oid
})) {
    my ($name, $arguments, $result, $is_part, $comment) = @$_;
    $there{$name} = 1;
    if ($is_part eq 'true') {
        ok($comment ne '', "$name has a comment");
        documents("`$name`", $name);
        next;
    }
    $result = 'TABLE(' . $1 =~ s/\bOUT //gr . ')' if $arguments =~ s/, OUT (.*)//;
    my $signature = plain_sql("$name($arguments) returns $result");
    ok($comment ne '', "$signature has a comment");
    documents("longtail.$signature", $signature);
    documents($comment, "what $name does");
}
for (rows(q{
    SELECT c.relname, c.relkind, coalesce(obj_description(c.oid, 'pg_class'), ''),
           coalesce(obj_description(t.oid, 'pg_type'), ''),
           (SELECT string_agg('`' || a.attname || '`', ', ' ORDER BY a.attnum) FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
    FROM pg_class c LEFT JOIN pg_type t ON t.typrelid = c.oid
    WHERE c.relnamespace = 'longtail'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'c', 'f', 'p') ORDER BY 1
})) {
    my ($name, $kind, $comment, $type_comment, $columns) = @$_;
    $there{$name} = 1;
    $comment = $type_comment if $kind eq 'c';
    ok($comment ne '', "$name has a comment");
    documents("longtail.$name", $name);
    next if $kind eq 'r'; # the catalog's tables are for the views to read
    documents($columns, "the columns of $name");
    documents($comment, "what $name is");
}
for (rows(q{
    SELECT t.typname, coalesce(obj_description(t.oid, 'pg_type'), '') FROM pg_type AS t
    WHERE t.typnamespace = 'longtail'::regnamespace AND t.typtype <> 'c' AND t.typelem = 0 ORDER BY 1
})) {
    $there{ $_->[0] } = 1;
    ok($_->[1] ne '', "type $_->[0] has a comment");
    documents("longtail.$_->[0]", $_->[0]);
    documents($_->[1], "what $_->[0] is");
}

is(join(' ', grep { !$there{$_} } $page{'doc/reference.md'} =~ /^### longtail\.(\w+)/mg),
    '', 'and nothing that is not there');

# Options: those that every algorithm has in the same way are under "every algorithm", the others under their own.
my %section = (map { $_->[0] => $_->[1] } map { [/^(\S.*)\n/, squeeze($_)] } split /^#+ /m, $page{'doc/reference.md'});
my @algorithms = map { $_->[0] } rows('SELECT name FROM longtail.algorithms()');
ok(@algorithms > 0, 'there are algorithms');
for my $algorithm (@algorithms) {
    my @options = rows("SELECT * FROM longtail.options('$algorithm')");
    my %known = map { $_->[0] => 1 } @options;
    my @rows = map { ($section{$_} // '') =~ /\| `(\w+)` \|/g } 'Options of every algorithm', "Options of $algorithm";
    is(join(' ', grep { !$known{$_} } @rows), '', "no other options of $algorithm are in the reference");
    ok(@options > 0, "$algorithm has options");
    for (@options) {
        my ($name, $type, $default, $minimum, $maximum, $description) = @$_;
        s/(\d\.?\d*)e([+-])0*(\d+)/$1 . 'e' . ($2 eq '-' ? '-' : '') . $3/e for $minimum, $maximum;
        my $range = $minimum ne '' ? "$minimum to $maximum" : '';
        $type =~ s/\|/, /g;
        my $row = "| `$name` | $type | $default | $range | $description |" =~ s/  / /gr;
        my @in = grep { index($section{$_} // '', $row) >= 0 } 'Options of every algorithm', "Options of $algorithm";
        is(scalar @in, 1, "option $name of $algorithm stands in one place")
            or diag "doc/reference.md needs, in 'Options of every algorithm' or 'Options of $algorithm':\n$row";
    }
}
for (rows(q{SELECT name, description, maximum_strength, array_to_string(options, ', ')
            FROM longtail.rerank_methods()})) {
    my ($name, $description, $most, $options) = @$_;
    my $range = $most eq 'Infinity' ? 'any' : "0 to $most";
    documents("| `$name` | $description | $range | $options |", "method $name");
}
my @settings = rows(q{LOAD 'longtail';
    SELECT name, current_setting(name) FROM pg_settings WHERE name LIKE 'longtail.%'});
ok(@settings > 0, 'there are settings');
documents("| `$_->[0]` | $_->[1] |", "setting $_->[0]") for @settings;
for my $test ("'trial', 'retail.tune'", "'buyer', 'retail.customers_june'", "'demand', 'retail.weeks'") {
    for (rows("SELECT DISTINCT metric FROM longtail.evaluate($test) ORDER BY 1")) {
        documents("| `$_->[0]` |", "measure $_->[0]");
    }
}

# ---- the files ----

my %files = (
    'src/core'  => [glob "$top/src/core/*.[ch]"],
    'src/pg'    => [glob "$top/src/pg/*.[ch]"],
    'src/api'   => [glob "$top/src/api/*.[ch]"],
    'sql/parts' => [glob "$top/sql/parts/*.sql"],
);
my %map = (map { /^(\S+)\s*\n(.*)/s ? ($1 => $2) : () } split /^#+ /m, $page{'src/README.md'});
for my $folder (sort keys %files) {
    my %named = map { $_ => 1 } map { /`(\w+\.(?:c|h|sql))`/g } grep { /^\|/ } split /\n/, $map{$folder} // '';
    my %there = map { basename($_) => 1 } @{ $files{$folder} };
    is(join(' ', sort grep { !$named{$_} } keys %there), '', "src/README.md names every file of $folder");
    is(join(' ', sort grep { !$there{$_} } keys %named), '', "and no other under $folder");
}

run_sql('postgres', "DROP DATABASE $database;\nDROP ROLE storefront;");
done_testing();
