#!/usr/bin/perl
# update.t: ALTER EXTENSION UPDATE from every released version (test/released has their install scripts) ends with the
# same objects, to the letter, as CREATE EXTENSION of this one.
use strict;
use warnings;
use Test::More;
use File::Basename qw(basename);
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;

# Everything the extension has, one line each: what it is, how it is defined, its comment, who may use it.
my $objects = q{
WITH member AS (
    SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
    WHERE e.extname = 'longtail' AND d.deptype = 'e')
SELECT translate(pg_describe_object(classid, objid, 0) || ' | ' || coalesce(obj_description(objid, classid::regclass::name), '') || ' | ' ||
    coalesce(CASE classid
        WHEN 'pg_proc'::regclass THEN (SELECT CASE prokind WHEN 'a' THEN (SELECT (a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn,
                a.aggdeserialfn, a.aggtranstype::regtype, a.agginitval, a.aggfinalextra)::text FROM pg_aggregate a WHERE aggfnoid = p.oid)
            ELSE pg_get_functiondef(p.oid) END || coalesce(proacl::text, '') || proowner::regrole FROM pg_proc p WHERE p.oid = objid)
        WHEN 'pg_class'::regclass THEN (SELECT relkind::text || coalesce(relacl::text, '') || relowner::regrole || coalesce(reloptions::text, '') || coalesce(pg_get_viewdef(c.oid), '') ||
            coalesce((SELECT string_agg((attname, atttypid::regtype, attnotnull, attstorage, attidentity, pg_get_expr(adbin, adrelid))::text, ' ' ORDER BY attnum)
                FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), '') ||
            coalesce((SELECT string_agg(pg_get_constraintdef(k.oid), ' ' ORDER BY conname) FROM pg_constraint k WHERE conrelid = c.oid), '') ||
            coalesce((SELECT string_agg(pg_get_indexdef(indexrelid), ' ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indrelid = c.oid), '') ||
            (SELECT count(*) FROM pg_extension WHERE c.oid = ANY (extconfig))
            FROM pg_class c WHERE c.oid = objid)
        WHEN 'pg_type'::regclass THEN (SELECT (typinput, typoutput, typreceive, typsend, typlen, typstorage, typowner::regrole, typacl)::text FROM pg_type t WHERE t.oid = objid)
        WHEN 'pg_event_trigger'::regclass THEN (SELECT (evtevent, evtfoid::regproc, evtenabled, evttags)::text FROM pg_event_trigger t WHERE t.oid = objid)
        END, ''), E'\n', ' ')
FROM member ORDER BY 1};

my ($version) = sql("SELECT default_version FROM pg_available_extensions WHERE name = 'longtail'");
chomp(my $share = `"$ENV{PG_CONFIG}" --sharedir`);
my @released = map { /--(.*)\.sql$/ } sort glob "$ENV{LONGTAIL_TOP}/test/released/longtail--*.sql";
ok(@released >= 1, 'released: ' . join ', ', @released);

system('dropdb', '--if-exists', 'update_fresh');
system('createdb', 'update_fresh') == 0 or die "createdb failed\n";
sql('CREATE EXTENSION longtail', '-d', 'update_fresh');
my $fresh = sql($objects, '-d', 'update_fresh');
system('dropdb', 'update_fresh');
cmp_ok(scalar(split /\n/, $fresh), '>', 100, 'a fresh one has objects');

for my $from (@released) {
    my $script = "$ENV{LONGTAIL_SERVER}/root$share/extension/longtail--$from.sql";
    system('cp', "$ENV{LONGTAIL_TOP}/test/released/" . basename($script), $script) == 0 or die "$script: $!\n";
    system('dropdb', '--if-exists', 'update_old');
    system('createdb', 'update_old') == 0 or die "createdb failed\n";
    sql("CREATE EXTENSION longtail VERSION '$from'; ALTER EXTENSION longtail UPDATE", '-d', 'update_old');
    is(sql("SELECT extversion FROM pg_extension WHERE extname = 'longtail'", '-d', 'update_old'), $version, "from $from to $version");
    my %old = map { $_ => 1 } split /\n/, sql($objects, '-d', 'update_old');
    my %new = map { $_ => 1 } split /\n/, $fresh;
    is(join("\n", sort grep { !$new{$_} } keys %old), '', 'nothing is there that a fresh one has not');
    is(join("\n", sort grep { !$old{$_} } keys %new), '', 'and nothing lacks');
    system('dropdb', 'update_old');
    unlink $script;
}
done_testing;
