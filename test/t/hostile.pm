# hostile.pm: SQL expressions of any type, plausible or not, for fuzz.t, from Perl's random numbers: srand repeats them.
#
# What is known of a function comes from pg_proc: the types of its arguments decide what may stand there, their names
# what is likely to get far.  A type that is not known here gets NULL, texts cast to it, and what functions return it.
package hostile;
use strict;
use warnings;
use Exporter 'import';
our @EXPORT = qw(learn statement setting chance one_of);

# What learn found: the functions, their numbers in the order of drawing; names of models, options, ...
our (@functions, @drawn, %returning, %known);

sub chance { return rand() < $_[0] }
sub one_of { return $_[int rand @_] }
sub quote  { my ($text) = @_; return defined $text ? "'" . $text =~ s/'/''/gr . "'" : 'NULL' }
sub list   { my ($n, $make) = @_; return join ', ', map { $make->() } 1 .. $n }

# ---- what the schema has ----

sub learn
{
    my ($sql) = @_;
    my $rows = sub { map { [ split /\t/, $_, -1 ] } split /\n/, $sql->($_[0], '-F', "\t") };
    @functions = map {
        my ($oid, $name, $kind, $volatile, $parallel, $rows, $set, $result, $types, $names, $defaults) = @$_;
        my @types = split /;/, $types;
        { name => $name, kind => $kind, heavy => $volatile eq 'v' || $parallel eq 'u' || $rows >= 1000, writes => $volatile eq 'v',
          set => $set eq 't', result => $result, types => \@types, names => [ map { $_ // '' } @{ [ split /;/, $names, -1 ] }[ 0 .. $#types ] ], defaults => $defaults,
          signature => $oid }
    } $rows->(<<'SQL');
SELECT p.oid::regprocedure, 'longtail.' || quote_ident(proname), prokind, provolatile, proparallel, prorows, proretset, prorettype::regtype,
    (SELECT coalesce(string_agg(t::regtype::text, ';' ORDER BY o), '') FROM unnest(proargtypes) WITH ORDINALITY a (t, o)),
    (SELECT coalesce(string_agg(coalesce(proargnames[o], ''), ';' ORDER BY o), '') FROM generate_series(1, pronargs) o), pronargdefaults
FROM pg_proc p WHERE pronamespace = 'longtail'::regnamespace ORDER BY proname, p.oid::regprocedure::text
SQL
    # Calls that train or measure are rarer than others, which are done hundreds of times quicker.
    @drawn = map {
        my $f = $_;
        ($f) x ($f->{heavy} ? 6 : grep({ $_ eq 'internal' } @{ $f->{types} }) ? 1 : grep({ $_ eq 'model' } @{ $f->{names} }) ? 80 : 20)
    } @functions;
    push @{ $returning{ $_->{result} } }, $_ for grep { $_->{kind} eq 'f' && !$_->{set} && !grep { $_ eq 'internal' } @{ $_->{types} } } @functions;

    $known{$_} = [] for qw(models algorithms methods relations options);
    push @{ $known{ $_->[0] } }, $_->[1] for $rows->(<<'SQL');
SELECT 'models', model FROM longtail.models WHERE model ~ '^fuzz '
UNION ALL SELECT 'algorithms', name FROM longtail.algorithms() a (name)
UNION ALL SELECT 'methods', name FROM longtail.rerank_methods()
UNION ALL SELECT 'relations', oid::regclass::text FROM pg_class WHERE relnamespace = 'fuzz'::regnamespace
UNION ALL SELECT 'options', o.name || ' ' || o.type || ' ' || coalesce(o.minimum::text, '-') || ' ' || coalesce(o.maximum::text, '-')
    FROM (SELECT DISTINCT ON (name) (o).* FROM longtail.algorithms() a (n), LATERAL longtail.options(a.n) o) o
ORDER BY 1, 2
SQL
    push @{ $known{relations} }, qw(longtail.model longtail.models longtail.model_data pg_class pg_type pg_statistic pg_locks
        pg_stat_activity information_schema.columns pg_catalog.pg_proc pg_toast.pg_toast_2619 pg_class_oid_index pg_attribute session_table);
    push @{ $known{options} }, map { tr/,/ /r } split ' ', q(attribute,column attributes,relation similarity,relation user_attribute,column
        user_attributes,relation item_column,column exposure_attribute,column values,names then,stages version,integer,0,9 users,all|known
        unknown_items,count|drop exclude_seen,boolean negatives,relation sampled_negatives,integer,0,100 smoothing,number,0,1
        variant,smooth|binary alpha,number,0,1 adjust,boolean samples,integer,1,200 level,number,0,1 metrics,names method,method
        strength,number,0,1 model,model candidates,integer,1,100);
}

# ---- values ----

my @texts = ('', ' ', 'a', "o'clock", '"', '\\', '%s%n%d', ';', '--', "a\nb", "\x01", 'NULL', 'null', '0', '-1', '5', '7.5', '1e400', 'NaN', '{}', '[]',
    '[1', '{"a":', '{1,2,3}', 'pg_class', 'public', "\xc3\xa9\xe6\xbc\xa2", "\xf0\x9f\x98\x80", '$$', '$1', "'; DROP TABLE x; --", '00000000-0000-0000-0000-000000000000',
    'user 1', 'item 2', 'xquad', 'x', 'u', 'i', 'at', 'y', 'red', '2024-02-30', 'infinity', 'tableoid', 'ctid', 'xmin', 'no such');
my @integers = (0, 1, 2, 3, 5, 10, 17, 40, 100, -1, -5, 1000, 32767, 2147483647, -2147483648);
my @floats = ('0', '1', '0.5', '0.1', '-1', '2', '-0', 'NaN', 'Infinity', '-Infinity', '1e308', '-1e308', '1e-320', '1e30', '3.25', '100');
my @elements = ('integer', 'bigint', 'smallint', 'text', 'varchar', 'bpchar', 'name', 'uuid', 'numeric', 'float8', 'real', 'boolean', 'date', 'timestamptz', 'jsonb',
    'json', '"char"', 'fuzz.colour', 'fuzz.pair', 'fuzz.small', 'oid', 'bytea', 'regclass', 'inet', 'int4range', 'interval', 'point', 'bit', 'tsvector', 'xid8', 'money', 'void', 'cstring');
my %columns = (user_column => 'u', item_column => 'i', label_column => 'y', weight_column => 'w', time_column => 'at');

sub text
{
    return "repeat(" . quote(one_of(@texts)) . ', ' . one_of(2, 63, 64, 300, 70000) . ')' if chance(0.05);
    return quote(one_of(@texts));
}

sub float { return "'" . (chance(0.5) ? sprintf('%.3g', rand) : one_of(@floats)) . "'" }

# Texts that types take.
my %valid = ('"char"' => ['a'], 'fuzz.colour' => [qw(red green)], 'fuzz.pair' => ['(1,x)'], 'bytea' => ['\x00ff'], 'regclass' => ['fuzz.shop'], 'inet' => ['::1'],
    'int4range' => ['[1,5)', 'empty'], 'interval' => ['1 day', '-1 month', '178000000 years'], 'point' => ['(1,2)'], 'bit' => ['1'], 'money' => ['1'],
    'json' => ['{"a": [1, null]}', '1', 'null'], 'jsonb' => ['{"a": 1}', '[]'], 'boolean' => ['t', 'f'], 'date' => ['2024-01-05', 'infinity', '4713-01-01 BC'],
    'timestamptz' => ['2024-01-05', '-infinity', '290000-01-01'], 'cstring' => ['a'], 'void' => ['']);

# A value of a simple type, in quotes.
sub simple
{
    my ($type) = @_;
    return text()                             if chance(0.05);
    return 'NULL'                             if chance(0.02);
    return quote(one_of(@{ $valid{$type} }))  if $valid{$type};
    return chance(0.8) ? int(1 + rand 40) : one_of(@integers) if $type =~ /int$|^integer$|^oid$|small$/;
    return "'" . int(1 + rand 40) . "'"       if $type eq 'xid8';
    return "md5('u" . int(1 + rand 40) . "')" if $type eq 'uuid';
    return float()                            if $type =~ /float|real|numeric|double/;
    return quote(one_of('user ', 'item ', '') . int(1 + rand 40));
}

sub array
{
    my ($type, $n) = @_;
    return quote(one_of('{}', '{{}}', '{NULL}', '{{1,2},{3,4}}', '[5:7]={1,2,3}', '[-1:0]={1,NULL}', '{{{1}}}', '{1,1,1}')) . "::${type}[]" if chance(0.15);
    return "array_fill(" . simple($type) . "::$type, ARRAY[" . one_of(1, 64, 3000, '2, 2') . '])' if chance(0.05);
    $n //= one_of(0, 1, 2, 3, 5, 5, 20);
    return 'ARRAY[' . list($n, sub { chance(0.03) ? 'NULL' : simple($type) . "::$type" }) . "]::${type}[]";
}

sub number { my ($low, $high, $whole) = @_; my $x = $low + rand() * ($high - $low); return $whole ? int $x : sprintf '%.3g', $x }

sub json_value
{
    my ($depth) = @_;
    my $kind = int rand($depth > 3 ? 7 : 9);
    return one_of('null', 'true', 'false', '""', '[]', '{}', '"x"')        if $kind < 3;
    return one_of(0, 1, -1, 0.5, 5, '1e300', '1e400', '-1e-300', 2147483648, '123456789012345678901234567890') if $kind < 5;
    return json_string(one_of(@texts))                                     if $kind < 7;
    return '[' . list(int rand 4, sub { json_value($depth + 1) }) . ']'    if $kind < 8;
    return '{' . list(int rand 4, sub { json_string(one_of(@texts)) . ': ' . json_value($depth + 1) }) . '}';
}

sub json_string { my ($text) = @_; $text =~ s/(["\\])/\\$1/g; $text =~ s/\n/\\n/g; $text =~ s/\x01/\\u0001/g; return "\"$text\"" }

# A value that an option of this type may take.
sub option_value
{
    my ($type, $low, $high) = @_;
    return json_value(0) if chance(0.1);
    $low  = 0  if !defined $low  || $low !~ /\d/;
    $high = 20 if !defined $high || $high !~ /\d/;
    $high = $low + 20 if $high > $low + 20 && !chance(0.05);
    return number($low, $high, 1)                                        if $type eq 'integer';
    return number($low, chance(0.8) && $high > 1 ? 1 : $high)            if $type eq 'number';
    return one_of('true', 'false')                                       if $type eq 'boolean';
    return '"' . one_of(split /\|/, $type) . '"'                         if $type =~ /\|/;
    return json_string(one_of(@{ $known{relations} }))                   if $type eq 'relation' || $type eq 'text' && chance(0.5);
    return json_string(one_of(qw(brand price tags bought embedding i u at age city)))  if $type =~ /^column|^text/;
    return json_string(one_of(@{ $known{methods} }))                     if $type eq 'method';
    return json_string(one_of(@{ $known{models} }))                      if $type eq 'model';
    return '[' . list(int rand 3, sub { options(1) }) . ']'              if $type eq 'stages';
    return '[' . list(int rand 4, sub { number(1, 9, 1) }) . ']'         if $type =~ /integers/;
    return '[' . list(int rand 4, sub { json_string(one_of(qw(x1 x2 n c brand price tags age city b1 ndcg recall aplt als ease logistic), @{ $known{models} })) }) . ']'
        if $type =~ /^list|^names/;
    return options(1)                                                    if $type eq 'object';
    return json_value(0);
}

sub options
{
    my ($depth) = @_;
    my %given;
    for (1 .. one_of(0, 1, 1, 1, 2, 3)) {
        my ($name, $type, @rest) = split / /, one_of(@{ $known{options} });
        if ($type eq 'list') { ($type, @rest) = ("list @rest") }
        next if $type eq 'object' && $depth;
        $given{$name} = option_value($type, @rest);
    }
    return '{' . join(', ', map { json_string($_) . ": $given{$_}" } sort keys %given) . '}';
}

sub jsonb
{
    return "'{}'" if chance(0.3);
    return quote(options(0)) if chance(0.85);
    return one_of("(repeat('[', 5000) || repeat(']', 5000))::jsonb", "(repeat('{\"a\":', 300) || '1' || repeat('}', 300))::jsonb",
        "(SELECT jsonb_object_agg('k' || n, n) FROM generate_series(1, 500) n)", "(SELECT jsonb_agg(n) FROM generate_series(1, 5000) n)",
        "jsonb_build_object('features', array_fill('x1'::text, ARRAY[3000]))") if chance(0.1);
    return quote(json_value(0));
}

sub relation
{
    my $name = one_of(@{ $known{relations} });
    return one_of("0::regclass", "4294967295::regclass", "'fuzz.no_such'", "1259::regclass", 'NULL') if chance(0.05);
    return chance(0.5) ? "'" . one_of('fuzz.shop', 'fuzz.rows', 'fuzz.shop_view', 'fuzz.items', 'fuzz.log', 'fuzz.shop_text') . "'" : quote($name);
}

# A model that the function may work on: one with users and items for a function that takes any; scratch for one that writes.
sub a_model
{
    my ($f) = @_;
    return one_of(@texts)                    if chance(0.03);
    return 'fuzz scratch ' . int(1 + rand 4) if $f->{writes};
    my $rows  = grep { /^(features|row)$/ } @{ $f->{names} };
    my $users = grep { /^(user_id|item_id|items|item_type|min_exposure|candidates)$/ } @{ $f->{names} };
    my @fit   = grep { chance(0.1) || ($rows ? /rows|numbers/ : $users ? !/rows|numbers/ : 1) } @{ $known{models} };
    return one_of(@fit ? @fit : @{ $known{models} });
}

# An argument by its type; what is likely to get far, by its name, unless the call is to be hostile.
sub argument
{
    my ($f, $type, $name, $hostile, $depth) = @_;

    if (!$hostile || chance(0.6)) {
        return quote(a_model($f))                                                if $name eq 'model';
        return quote(one_of(@{ $known{algorithms} }))                            if $name eq 'algorithm';
        return quote(one_of(@{ $known{methods} }))                               if $name eq 'method';
        return quote(chance(0.7) ? $columns{$name} : one_of(qw(u i w at y b x1 x2 n c tags price))) if exists $columns{$name};
        return "'" . one_of(qw(fuzz_reader fuzz_owner public postgres)) . "'"    if $name eq 'role';
        return one_of("'day'", "'week'", "'month'", "'hour'")                    if $name eq 'period' && $type eq 'text';
        return one_of("'fuzz.shop'", "'fuzz.shop_view'", "'fuzz.rows'", "'fuzz.log'")  if $type eq 'regclass' && $name =~ /^(source|test|validation|log)$/;
        return $name eq 'user_features' ? "'fuzz.users'" : "'fuzz.items'"        if $type eq 'regclass' && $name =~ /_features$/;
        return int(1 + rand 20)                                                  if $type eq 'integer' && $name eq 'k';
        return one_of(1, 1, 2)                                                   if $type eq 'integer' && $name eq 'version';
        return one_of(map({ int 1 + rand 40 } 1 .. 6), "'user " . int(1 + rand 40) . "'", "'" . int(1 + rand 40) . "'", "md5('u1')::uuid") if $name =~ /^(user|item)_id$/;
        return 'ARRAY[' . do { my $from = int(1 + rand 26); join ', ', $from .. $from + 4 } . ']' if $name =~ /^(items|candidates|exclude)$/;
        return sprintf '%.3g', rand                                              if $type eq 'double precision';
        return 'ARRAY[' . list($name =~ /^state|^$/ ? 2 : one_of(1, 2, 3, (5) x 12), sub { sprintf '%.3g', rand }) . ']::float8[]' if $type eq 'double precision[]';
        return 'ARRAY[' . list(5, sub { one_of('true', 'false') }) . ']'         if $type eq 'boolean[]';
        return '(SELECT r FROM fuzz.rows r WHERE n = 5)'                         if $type eq 'record';
    }
    return 'NULL' if $type eq 'internal' || chance($hostile ? 0.08 : 0.01);

    # What another function of the schema returns: predictors, exports, ...
    if ($depth < 2 && $returning{$type} && chance($type =~ /^longtail|bytea|cstring/ ? 0.7 : 0.05)) {
        my $made = call(one_of(@{ $returning{$type} }), $hostile, $depth + 1);
        $made = "set_byte($made, " . int(rand 40) . ', ' . int(rand 256) . ')' if $type eq 'bytea' && chance(0.4);
        $made = "substr($made, 1, " . int(rand 400) . ')'                      if $type eq 'bytea' && chance(0.2);
        return $made;
    }
    return one_of("(SELECT p FROM fuzz.fitted ORDER BY p::text LIMIT 1 OFFSET " . int(rand 3) . ')',
        "replace((SELECT p::text FROM fuzz.fitted LIMIT 1 OFFSET " . int(rand 3) . "), '" . one_of(qw(0 1 : [ ] {), ',') . "', '" . one_of(qw(1e999 9 - "" [ ] x), '') . "')::$type")
        if $type eq 'longtail.predictor';
    return text()                                       if $type eq 'text';
    return text() . "::$type"                           if $type eq 'name';
    return text()                                       if $type eq 'cstring';
    return chance(0.5) ? int(1 + rand 40) : one_of(@integers) if $type eq 'integer';
    return one_of(@integers, '9223372036854775807') . "::bigint" if $type eq 'bigint';
    return float() . '::float8'                         if $type eq 'double precision';
    return one_of(qw(true false))                       if $type eq 'boolean';
    return jsonb()                                      if $type eq 'jsonb';
    return relation() . '::regclass'                    if $type eq 'regclass';
    return one_of("'\\x'", "'\\x00ff'", "decode(md5('" . int(rand 100) . "'), 'hex')", "convert_to(repeat('x', 5000), 'UTF8')") . '::bytea' if $type eq 'bytea';
    return one_of("ROW(1, 'a')", 'ROW()', '(SELECT v FROM fuzz.v v LIMIT 1)', '(SELECT o FROM fuzz.odd o LIMIT 1)', '(SELECT s FROM fuzz.shop s LIMIT 1)', 'ROW(NULL)',
        '(SELECT r FROM fuzz.nan_rows r LIMIT 1)', '(SELECT r FROM fuzz.rows r LIMIT 1)')            if $type eq 'record';
    return array(one_of(@elements))                     if $type =~ /^any.*array$/;
    return chance(0.2) ? array(one_of(@elements)) : chance(0.1) ? 'NULL' : chance(0.1) ? text() : do { my $t = one_of(@elements); simple($t) . "::$t" } if $type =~ /any/;
    return array($1, chance(0.6) ? 5 : undef)           if $type =~ /^(.*)\[\]$/;
    return one_of("'1 day'", "'0'", "'-1 month'", "'178000000 years'", "'1 microsecond'", "'x'") . '::interval' if $type eq 'interval';
    return simple($type) . "::$type";
}

# ---- calls ----

# f(a, b, c => d): trailing arguments with defaults are often left out, or some of them named.
sub call
{
    my ($f, $hostile, $depth, $columns) = @_;
    my @types = @{ $f->{types} };
    my $least = @types - $f->{defaults};
    my $n     = !$f->{writes} && chance(0.5) ? $least : $least + int rand(@types - $least + 1);
    $n = @types if $f->{writes} && chance(0.7);
    my $named = $n > $least && chance(0.7) && !grep { $_ eq '' } @{ $f->{names} };
    my @arguments;
    for my $at (0 .. $n - 1) {
        next if $named && $at >= $least && chance($f->{names}[$at] =~ /^(user|item)_column$/ ? 0.1 : 0.6);
        my $value = $columns && chance(0.85) ? column($types[$at], $f->{names}[$at]) : undef;
        $value //= argument($f, $types[$at], $f->{names}[$at], $hostile, $depth);
        push @arguments, ($named && $at >= $least ? "$f->{names}[$at] => " : '') . $value;
    }
    return "$f->{name}(" . join(', ', @arguments) . ')';
}

# A column of fuzz.v by its type.
sub column
{
    my ($type, $name) = @_;
    return undef                       if $name =~ /^state|^$/;
    return '(v.c % 2)::float8'           if $type eq 'double precision' && $name eq 'label' && chance(0.7);
    return one_of(qw(v.x v.x v.z v.p)) if $type eq 'double precision' && $name ne 'strength';
    return 'v.b'                       if $type eq 'boolean';
    return one_of('v.n % 2', 'v.c', 'v.n') if $type eq 'integer' && $name ne 'k';
    return 'v.l'                       if $type eq 'bigint';
    return 'v.a'                       if $type eq 'double precision[]';
    return one_of(qw(v.n v.t v.l v.x)) if $type =~ /^any/ && $type !~ /array$/ || $type eq 'anynonarray';
    return undef;
}

# One statement around one call, in one of the ways people call functions.
sub statement
{
    my ($f) = @_;
    $f //= one_of(@drawn);
    my $hostile = chance(0.35);
    my $way     = rand;

    if ($f->{kind} eq 'a') {
        my $made = call($f, $hostile, 0, 1);
        my $from = one_of('fuzz.v', 'fuzz.v', 'fuzz.v_odd', 'fuzz.v_none', '(SELECT * FROM fuzz.v UNION ALL SELECT * FROM fuzz.v_odd)');
        $made =~ s/\((.*)\)$/'(' . one_of('DISTINCT ', 'ALL ') . "$1)"/se          if chance(0.05);
        $made =~ s/\)$/' ORDER BY ' . one_of('v.n', 'v.x DESC', '1') . ')'/e      if chance(0.05);
        $made .= ' FILTER (WHERE v.n % 3 = 0)'                                    if chance(0.1);
        return ($f, "SELECT $made FROM $from v")                                  if $way < 0.3;
        return ($f, "SELECT v.g, $made FROM $from v GROUP BY v.g")                if $way < 0.6;
        return ($f, "SELECT v.g, v.c, $made FROM $from v GROUP BY ROLLUP (v.g, v.c)") if $way < 0.7;
        return ($f, "SELECT $made OVER (PARTITION BY v.g ORDER BY v.n " . one_of('', 'ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING',
            'ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING') . ") FROM $from v LIMIT 20") if $way < 0.85;
        return ($f, "SELECT count(s) FROM (SELECT ${made}::text s FROM $from v GROUP BY v.n % 2) s");
    }
    if ($f->{writes}) {
        my $made = call($f, $hostile, 0);
        return ($f, $way < 0.8 ? "SELECT * FROM $made" : $way < 0.9 ? "SELECT $made" : "SELECT $made FROM generate_series(1, 2)");
    }
    return ($f, 'SELECT * FROM ' . call($f, $hostile, 0))                                         if $way < 0.35;
    return ($f, 'SELECT ' . call($f, $hostile, 0))                                                if $way < 0.45;
    return ($f, 'SELECT s::text FROM ' . call($f, $hostile, 0) . ' s')                            if $way < 0.5;
    return ($f, 'SELECT s.*::text FROM fuzz.v_odd v, LATERAL ' . call($f, $hostile, 0, 1) . ' s LIMIT ' . int(rand 8)) if $way < 0.58;
    return ($f, 'SELECT ' . call($f, $hostile, 0, 1) . ' FROM fuzz.v v LIMIT ' . int(rand 8))     if $way < 0.66;
    return ($f, 'SELECT count(*) FROM fuzz.v_odd v WHERE (' . call($f, $hostile, 0, 1) . ')::text <> \'\'') if $way < 0.7 && !$f->{set};
    return ($f, 'DECLARE c CURSOR WITH HOLD FOR SELECT * FROM ' . call($f, $hostile, 0) . '; FETCH 2 FROM c; CLOSE c') if $way < 0.74;
    return ($f, 'EXPLAIN (VERBOSE' . one_of('', ', ANALYZE') . ') SELECT * FROM ' . call($f, $hostile, 0)) if $way < 0.76;
    return ($f, 'DO ' . quote('BEGIN PERFORM ' . call($f, $hostile, 0) . '; EXCEPTION WHEN OTHERS THEN IF SQLSTATE LIKE \'XX%\' THEN RAISE; END IF; END')) if $way < 0.86;
    return prepared($f, $hostile)                                                                 if $way < 0.96;
    return ($f, 'SELECT array_agg(s::text) FROM ' . call($f, $hostile, 0) . ' s, ' . call($f, $hostile, 0) . ' t');
}

# PREPARE with a parameter for each argument of a definite type, and EXECUTEs of it.
sub prepared
{
    my ($f, $hostile) = @_;
    my (@types, @call, @executes);
    for my $at (0 .. $#{ $f->{types} }) {
        my $type = $f->{types}[$at];
        if ($type =~ /any|internal|record|cstring/) { push @call, argument($f, $type, $f->{names}[$at], $hostile, 0); next }
        push @types, [ $type, $f->{names}[$at] ];
        push @call,  '$' . @types;
    }
    return ($f, 'SELECT * FROM ' . call($f, $hostile, 0)) if !@types;
    for (1 .. 3) { push @executes, 'EXECUTE p (' . join(', ', map { argument($f, @$_, $hostile, 0) } @types) . ')' }
    return ($f, join '; ', "PREPARE p (" . join(', ', map { $_->[0] } @types) . ") AS SELECT * FROM $f->{name}(" . join(', ', @call) . ')', @executes, 'DEALLOCATE p');
}

# A setting for the statements to come.
sub setting
{
    my ($name, $type, $low, $high) = @_;
    return "SET $name = " . ($type eq 'bool' ? one_of('on', 'off') : one_of($low, $high, int($low + rand(16)), 'DEFAULT'));
}

1;
