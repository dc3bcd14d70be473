"""datasets.py: the data sets that measurements of recommenders share, in the database, and models trained on them.

    LONGTAIL_DATASETS=/some/folder  has the data sets, or those of them that are to be measured (needed)
    SETS=goodbooks,retail           these data sets alone (all that are there)

    goodbooks       goodbooks-10k/interactions.csv.gz: user_id,item_id,rating.  A 5 % sample of the readers of
                    goodbooks-10k; every rating counts.  Test: the pairs whose md5('user:item') begins, in its first
                    eight hexadecimal digits, with a number divisible by 10; validation: remainder 1.
    movietweetings  movietweetings-100k/interactions.csv.gz: user_id,item_id,rating,ts.  Every rating counts.  By time,
                    the first 80 % are trained on, the next 10 % are validation, the last 10 % test.
    retail          online-retail-ii/interactions.csv.gz: user_id,item_id,event,quantity,price,invoice,ts.  Purchases of
                    a quantity above 0, each pair once, at its last time within a part.  Validation: March to May 2011,
                    test: June to August 2011, training: all before; UTC.

The full ranking of the items of the part trained on is measured; items a user had there are left out, pairs of the test
that were there are dropped, as are items and users unknown there; users without a pair left do not count.
"""
import gzip
import json
import os
import sys

import psycopg2

PROTOCOL = {"users": "known", "unknown_items": "drop"}

SETS = {
    "goodbooks": ("goodbooks-10k", "user_id integer, item_id integer, rating real", """
        SELECT user_id, item_id, NULL::timestamptz AS at,
               CASE ('x' || left(md5(user_id || ':' || item_id), 8))::bit(32)::bigint % 10
                   WHEN 0 THEN 'test' WHEN 1 THEN 'validation' ELSE 'training' END AS part
        FROM bench.lines"""),
    "movietweetings": ("movietweetings-100k", "user_id integer, item_id integer, rating real, ts bigint", """
        SELECT user_id, item_id, to_timestamp(ts) AS at,
               CASE WHEN place > 0.9 * rows THEN 'test' WHEN place > 0.8 * rows THEN 'validation'
                   ELSE 'training' END AS part
        FROM (SELECT *, row_number() OVER (ORDER BY ts, line) AS place, count(*) OVER () AS rows
              FROM bench.lines) l"""),
    "retail": ("online-retail-ii", "user_id integer, item_id text, event text, quantity real, price real, "
               "invoice text, ts bigint", """
        SELECT user_id, item_id, max(at) AS at, part
        FROM (SELECT user_id, item_id, to_timestamp(ts) AS at,
                     CASE WHEN to_timestamp(ts) >= '2011-06-01 UTC' THEN 'test'
                         WHEN to_timestamp(ts) >= '2011-03-01 UTC' THEN 'validation' ELSE 'training' END AS part
              FROM bench.lines WHERE quantity > 0 AND ts < extract(epoch FROM timestamptz '2011-09-01 UTC')) l
        GROUP BY user_id, item_id, part"""),
}

db = psycopg2.connect("")
db.autocommit = True
cursor = db.cursor()


def query(text, values=None):
    cursor.execute(text, values)
    return cursor.fetchall() if cursor.description else None


def wanted(variable, names):
    chosen = os.environ.get(variable)
    if not chosen:
        return list(names)
    unknown = set(chosen.split(",")) - set(names)
    if unknown:
        sys.exit(f"{variable}: there is no {', '.join(sorted(unknown))}; there are {', '.join(sorted(set(names)))}")
    return [name for name in names if name in chosen.split(",")]


def sets():
    """The data sets that are there and wanted; says of the others that they are skipped."""
    folder = os.environ.get("LONGTAIL_DATASETS", "")
    names = wanted("SETS", SETS)
    there = [name for name in names if folder and os.path.isdir(f"{folder}/{SETS[name][0]}")]
    for name in names:
        if name not in there:
            print(f"{name}: skipped; LONGTAIL_DATASETS names no folder that has it\n")
    return there


def load(name):
    """Schema bench: table interactions, its views training, validation, both (those two) and test, tables of items.
    Whether there are times."""
    directory, columns, parts = SETS[name]
    folder = os.environ["LONGTAIL_DATASETS"]
    query(f"""
        DROP SCHEMA IF EXISTS bench CASCADE;
        CREATE SCHEMA bench;
        CREATE TABLE bench.lines ({columns}, line bigserial)""")
    with gzip.open(f"{folder}/{directory}/interactions.csv.gz", "rt") as lines:
        cursor.copy_expert(f"COPY bench.lines ({lines.readline().strip()}) FROM STDIN (FORMAT csv)", lines)
    query(f"CREATE TABLE bench.interactions AS {parts}; CREATE INDEX ON bench.interactions (user_id, item_id)")
    for view, condition in (("training", "part = 'training'"), ("validation", "part = 'validation'"),
                            ("both", "part <> 'test'"), ("test", "part = 'test'")):
        query(f"CREATE VIEW bench.{view} AS SELECT user_id, item_id, max(at) AS at FROM bench.interactions "
              f"WHERE {condition} GROUP BY user_id, item_id")
    query("VACUUM ANALYZE bench.interactions")
    items = f"{folder}/{directory}/items.csv.gz"
    with gzip.open(items, "rt") as lines:  # every column a text: what content needs
        header = lines.readline().strip().split(",")
        query(f"CREATE TABLE bench.items ({', '.join(f'{c} text' for c in header)})")
        cursor.copy_expert("COPY bench.items FROM STDIN (FORMAT csv)", lines)
    if name != "retail":
        query("ALTER TABLE bench.items ALTER item_id TYPE integer USING item_id::integer")
    for view in ("training", "both"):  # the protocol knows no others
        query(f"CREATE VIEW bench.{view}_items AS SELECT * FROM bench.items "
              f"WHERE item_id IN (SELECT item_id FROM bench.{view})")
    return query("SELECT bool_and(at IS NOT NULL) FROM bench.interactions")[0][0]


def train(algorithm, view, timed, options):
    """The model is bench."""
    features = f"bench.{view}_items" if algorithm == "content" else None
    query("SELECT longtail.train('bench', %s, %s, 'user_id', 'item_id', time_column => %s, item_features => %s, "
          "options => %s)",
          (f"bench.{view}", algorithm, "at" if timed else None, features, json.dumps({"promote": "always", **options})))


def measure(view, k, metrics, options=None):
    """Each metric's figure at k, and the number of users."""
    rows = query("SELECT metric, value, n FROM longtail.evaluate('bench', %s, ARRAY[%s], options => %s) "
                 "WHERE metric = ANY (%s)", (f"bench.{view}", k, json.dumps({**PROTOCOL, **(options or {})}), metrics))
    value = {metric: figure for metric, figure, _ in rows}
    return [value[metric] for metric in metrics], rows[0][2]


def drop():
    """The model, where there is one."""
    query("SELECT longtail.drop_model('bench') WHERE EXISTS (SELECT FROM longtail.models WHERE model = 'bench')")
