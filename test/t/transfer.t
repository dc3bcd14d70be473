#!/usr/bin/perl
# transfer.t: models go through a file into another database, with and without their source, and answer alike; into
# one of another encoding where they can; and those that 0.1.0 made.
use strict;
use warnings;
use Test::More;
use lib "$ENV{LONGTAIL_TOP}/test/t";
use common;

my $file = 'exported.model';

sub fresh
{
    my ($name, @options) = @_;
    system('dropdb', '--if-exists', $name);
    system('createdb', @options, $name) == 0 or die "createdb failed\n";
    sql('CREATE EXTENSION longtail', '-d', $name);
}

# As doc/reference.md says it.
sub transfer
{
    my ($from, $model, $to, $as, $source) = @_;
    system("psql -d $from -XAtc \"SELECT encode(longtail.export_model('$model'), 'base64')\" > $file") == 0 or return 'no export';
    return try_sql("\\set bytes `cat $file`\nSELECT longtail.import_model('$as', decode(:'bytes', 'base64'), $source);\n", '-d', $to);
}

sub lists
{
    my ($database, $model) = @_;
    return sql("SELECT u, r FROM generate_series(0, 40) u, longtail.recommend('$model', u, 8) r ORDER BY u, r.rank", '-d', $database);
}

fresh('transfer_from');
fresh('transfer_to');
sql(q{CREATE TABLE sold AS SELECT u, 'päckchen ' || i AS item, timestamp '2026-01-01' + u * i * interval '1 minute' AS at
      FROM generate_series(1, 40) u, generate_series(1, 25) i WHERE hashint4(u * 100 + i) % 4 = 0 OR u % 5 = i % 5;
      CREATE TABLE numbers AS SELECT u, hashtext(item) AS item FROM sold;
      SELECT longtail.train(a, 'sold', a, 'u', 'item', time_column => 'at') FROM unnest('{ease,als,markov,user_knn,popularity}'::text[]) a;
      SELECT longtail.train('ids', 'numbers', 'ease', 'u', 'item')}, '-d', 'transfer_from');
for my $algorithm (qw(ease als markov user_knn popularity)) {
    my $there = lists('transfer_from', $algorithm);
    my $said = transfer('transfer_from', $algorithm, 'transfer_to', $algorithm, 'NULL');
    like($said, qr/there is no public\.sold here to read: the source.*\n.*What users had.*(.*\n)*1$/, "$algorithm: imported, and its source is missed");
    is(lists('transfer_to', $algorithm), $there, "$algorithm: lists without the source");
}
like(try_sql("SELECT longtail.retrain('als')", '-d', 'transfer_to'), qr/42P01.*the source is not in this database(.*\n)*.*HINT:  Name a relation by calling longtail.train again/,
    'retrain says what to do');
system('pg_dump -t sold transfer_from | psql -Xq transfer_to > /dev/null') == 0 or die "the source did not come along\n";
is(transfer('transfer_from', 'als', 'transfer_to', 'als with source', 'NULL'), 1, 'with its source nothing is missed');
is(lists('transfer_to', 'als with source'), lists('transfer_from', 'als'), 'lists with the source');
sql("INSERT INTO sold VALUES (7, 'päckchen 1', now()), (7, 'päckchen 2', now()), (7, 'päckchen 3', now())", '-d', 'transfer_to');
is(sql("SELECT count(*) FROM longtail.recommend('als with source', 7, 25) WHERE item_id ~ ' [123]\$'", '-d', 'transfer_to'), 0, 'which is read live');
is(transfer('transfer_to', 'als', 'transfer_to', 'als', 'NULL') =~ s/.*\n//sr, 2, 'a name that is there');
is(sql("SELECT version, versions FROM longtail.models WHERE model = 'als'", '-d', 'transfer_to'), '1|2', 'is held back');

# A dump carries what has no source.
system('dropdb', '--if-exists', 'transfer_restored');
system('createdb transfer_restored && pg_dump transfer_to | psql -Xq -v ON_ERROR_STOP=1 transfer_restored > /dev/null') == 0 or die "no restore\n";
is(lists('transfer_restored', 'ease'), lists('transfer_from', 'ease'), 'dumped and restored without a source, it serves');

# Encodings: ids that are no text fit everywhere.
fresh('transfer_latin', '-E', 'LATIN1', '-T', 'template0', '-l', 'C');
like(transfer('transfer_from', 'ids', 'transfer_latin', 'ids', 'NULL'), qr/\n1$/, 'numbers go into a database of another encoding');
is(lists('transfer_latin', 'ids'), lists('transfer_from', 'ids'), 'and answer alike');
like(transfer('transfer_from', 'ease', 'transfer_latin', 'ease', 'NULL'), qr/0A000.*of encoding "UTF8", and this is one of "LATIN1"/, 'texts do not');

system('dropdb', $_) for qw(transfer_from transfer_to transfer_restored transfer_latin);
done_testing;
