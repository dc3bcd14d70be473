#!/usr/bin/python3
"""parity.py: longtail beside scikit-learn on the same rows of real data.

    make bench ONLY=parity          on a private server, which this reaches through the PG* variables
    LONGTAIL_DATASETS=/some/folder  its folders movietweetings-100k and goodbooks-10k (interactions.csv.gz with
                                    user_id, item_id, rating; items.csv.gz) are measured as well, where they are

Needs  apt-get install python3-sklearn python3-psycopg2  beside what the tests install.

From each data set SQL makes a supervised table: boolean label y, feature columns of most kinds, and `part`, which
is 0 for held-out rows.  What is compared, and by which measure:

  logistic   longtail.train with split none, by default settings and by lbfgs at tolerance 1e-9, against
             LogisticRegression with C = 1 / regularization and solver newton-cholesky at tol 1e-12, on columns that
             this script encodes on its own.  Both sides in the columns' own units: max over coefficients, intercept
             included, of |a - b| / max(|b|, 1e-3 of the largest standardised coefficient), which must stay below
             1e-4.
  fit        the aggregate logistic_fit over the number columns: the same measure.
  auc        longtail.auc over longtail.predict against roc_auc_score on the same scores: below 1e-6.  log_loss too.
  predict    longtail.predict against predict_proba: the largest difference, below 1e-4.
  mlp        longtail's mlp against MLPClassifier: 20 x 10 relu units, Adam at 0.001, batches of 256, 5 epochs, no
             penalty.  Held-out log-loss, the mean over the seeds, must agree to 1 %.
"""
import collections
import csv
import datetime
import gzip
import io
import math
import os
import sys
import warnings

import numpy
import psycopg2
import scipy.sparse
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.neural_network import MLPClassifier

HERE = os.path.dirname(os.path.abspath(__file__))
SEEDS = range(1, 8)
MIN_COUNT = 2
failures = 0

db = psycopg2.connect("")
db.autocommit = True
cursor = db.cursor()


def query(text, values=None):
    cursor.execute(text, values)
    return cursor.fetchall() if cursor.description else None


def verdict(what, figure, limit, note=""):
    global failures
    good = figure <= limit
    failures += not good
    print(f"  {what:44} {figure:10.3g}  limit {limit:g}  {'ok' if good else 'NOT MET'}  {note}", flush=True)


# ---- the data sets ----

def load_retail():
    """Will a user buy again what they have just bought for the first time?"""
    os.environ.setdefault("LONGTAIL_DATA", os.path.join(HERE, "../data"))
    if os.system(f"psql -X -q -v ON_ERROR_STOP=1 -f '{HERE}/../data/load.sql'") != 0:
        sys.exit("parity.py: the demo's data cannot be loaded")
    query("""
        CREATE TABLE bench.retail AS
        WITH first AS (
            SELECT DISTINCT ON (user_id, item_id) user_id, item_id, quantity, price, ts,
                   count(*) OVER (PARTITION BY user_id, item_id) > 1 AS y
            FROM retail.purchases ORDER BY user_id, item_id, ts, quantity, price)
        SELECT row_number() OVER (ORDER BY ts, user_id, item_id) AS id,
               (hashint8(row_number() OVER (ORDER BY ts, user_id, item_id)) & 7) AS part, y,
               ln(quantity) AS log_quantity, ln(f.price)::real AS log_price, i.price AS usual_price,
               ln(count(*) OVER (PARTITION BY user_id)) AS log_user_items,
               ln(count(*) OVER (PARTITION BY item_id)) AS log_item_users,
               country, f.price < i.price AS cheaper, f.ts,
               (SELECT array_agg(DISTINCT w) FROM regexp_split_to_table(lower(description), '[^a-z]+') w
                WHERE w IN ('red', 'white', 'pink', 'blue', 'vintage', 'retrospot', 'christmas', 'heart', 'bag',
                            'box', 'cake', 'set', 'lunch', 'metal', 'sign', 'paper')) AS words
        FROM first f JOIN retail.items i USING (item_id) JOIN retail.users u USING (user_id)
        WHERE hashint8(hashtext(user_id || item_id)) & 3 = 0""")


def load_baskets():
    """The same question from the item itself, a category of thousands, and how much a user buys."""
    query("""
        CREATE TABLE bench.baskets_train AS
        SELECT row_number() OVER (ORDER BY user_id, item_id) AS id, y, item_id,
               ln(count(*) OVER (PARTITION BY user_id)) AS log_user_items
        FROM (SELECT user_id, item_id, count(*) > 1 AS y FROM retail.purchases WHERE user_id % 4 = 0
              GROUP BY user_id, item_id) s""")


def load_ratings(folder, years, extra):
    """A rating above the user's own median? From the item's year, genres, averages and both sides' counts."""
    query("CREATE TEMPORARY TABLE ratings (user_id bigint, item_id bigint, rating float8, ts bigint)")
    query("CREATE TEMPORARY TABLE works (item_id bigint, year float8, genres text, extra_text text, extra float8)")
    with gzip.open(f"{folder}/interactions.csv.gz", "rt") as file:
        rows = [(r["user_id"], r["item_id"], r["rating"], r.get("ts") or "") for r in csv.DictReader(file)]
    copy("ratings", rows)
    with gzip.open(f"{folder}/items.csv.gz", "rt") as file:
        rows = [(r["item_id"], r[years], r["genres"], r.get(extra[0]) or "", r.get(extra[1]) or "")
                for r in csv.DictReader(file)]
    copy("works", rows)


def copy(table, rows):
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    text.seek(0)
    cursor.copy_expert(f"COPY {table} FROM STDIN (FORMAT csv)", text)


def load_movietweetings(folder):
    load_ratings(folder, "year", ("", ""))
    query("""
        CREATE TABLE bench.movietweetings AS
        WITH median AS (SELECT user_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY rating) AS rating, count(*) AS n
                        FROM ratings GROUP BY user_id),
        item AS (SELECT item_id, count(*) AS n FROM ratings GROUP BY item_id)
        SELECT row_number() OVER (ORDER BY r.user_id, r.item_id) AS id,
               hashint8(row_number() OVER (ORDER BY r.user_id, r.item_id)) & 7 AS part, r.rating > m.rating AS y,
               w.year::integer AS year, m.n AS user_count, ln(i.n) AS log_item_count,
               string_to_array(w.genres, '|') AS genres, to_timestamp(r.ts) AS ts,
               CASE WHEN w.year < 1970 THEN 'old' WHEN w.year < 2000 THEN 'older' ELSE 'new' END AS era
        FROM ratings r JOIN median m USING (user_id) JOIN item i USING (item_id) JOIN works w USING (item_id)""")
    query("DROP TABLE ratings, works")


def load_goodbooks(folder):
    load_ratings(folder, "original_publication_year", ("language_code", "average_rating"))
    query("""
        CREATE TABLE bench.goodbooks AS
        WITH reader AS (SELECT user_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY rating) AS median,
                               ln(count(*)) AS log_n FROM ratings GROUP BY user_id),
        item AS (SELECT item_id, ln(count(*)) AS log_n FROM ratings GROUP BY item_id)
        SELECT row_number() OVER (ORDER BY r.user_id, r.item_id) AS id,
               hashint8(row_number() OVER (ORDER BY r.user_id, r.item_id)) & 7 AS part, r.rating > m.median AS y,
               w.year AS year, w.extra AS average_rating, m.log_n AS log_user_count, i.log_n AS log_item_count,
               nullif(w.extra_text, '') AS language, string_to_array(w.genres, '|') AS genres
        FROM ratings r JOIN reader m USING (user_id) JOIN item i USING (item_id) JOIN works w USING (item_id)
        WHERE hashint8(r.user_id) & 1 = 0""")
    query("DROP TABLE ratings, works")


# ---- the encoding, written down a second time ----

def cycles(stamps):
    turn = 2 * math.pi
    out = numpy.empty((len(stamps), 6))
    for k, t in enumerate(stamps):
        year_days = 366 if t.year % 4 == 0 and (t.year % 100 != 0 or t.year % 400 == 0) else 365
        hour = (t.hour * 3600 + t.minute * 60 + t.second) / 86400
        parts = [hour, t.weekday() / 7, (t.timetuple().tm_yday - 1) / year_days]
        out[k] = [f(turn * p) for p in parts for f in (math.sin, math.cos)]
    return out


class Encoder:
    """Fitted on the columns of some rows. `name`, `mean` and `scale` go by encoded column, named as longtail names
    them; a number has its mean and 1 / standard deviation, other columns 0 and 1."""

    def __init__(self, columns, rows):
        self.name, self.mean, self.scale, self.numbers, self.parts = [], [], [], [], []
        for at, column in enumerate(columns):
            values = [r[at] for r in rows]
            known = [v for v in values if v is not None]
            nullable = len(known) < len(values)
            if isinstance(known[0], list):
                self.tokens(at, column, [t for v in known for t in v])
            elif isinstance(known[0], str):
                self.tokens(at, column, known, nullable)
            elif isinstance(known[0], datetime.datetime):
                names = [f"{column} {f}({p})" for p in ("hour", "day of week", "day of year") for f in ("sin", "cos")]
                self.add(at, names, cycles)
            elif isinstance(known[0], bool):
                self.add(at, [column], lambda values: plain([float(v) for v in values]))
            else:
                self.number(at, column, numpy.array(known, float), nullable)

    def add(self, at, names, make, mean=0.0, scale=1.0):
        self.parts.append((at, make))
        self.name += names
        self.mean += [mean] * len(names)
        self.scale += [scale] * len(names)

    def number(self, at, column, known, nullable):
        mean, sd = known.mean(), known.std()
        self.numbers.append(column)
        self.add(at, [column], lambda values: plain([0.0 if v is None else (float(v) - mean) / sd for v in values]),
                 mean, 1 / sd)
        if nullable:
            self.add(at, [f"{column} is null"], lambda values: plain([float(v is None) for v in values]))

    def tokens(self, at, column, known, nullable=False):
        counts = collections.Counter(known)
        kept = sorted(t for t, n in counts.items() if n >= MIN_COUNT)
        names = [f"{column}={t}" for t in kept]
        place = {t: k for k, t in enumerate(kept)}
        if len(kept) < len(counts):
            place.update({t: len(kept) for t in counts if t not in place})
            names.append(f"{column}=(other)")

        def make(values):
            out = scipy.sparse.lil_array((len(values), len(names)))
            for row, v in enumerate(values):
                for t in v if isinstance(v, list) else [v]:
                    if t in place:
                        out[row, place[t]] += 1
            return out

        self.add(at, names, make)
        if nullable:
            self.add(at, [f"{column} is null"], lambda values: plain([float(v is None) for v in values]))

    def encode(self, rows):
        return scipy.sparse.hstack([make([r[at] for r in rows]) for at, make in self.parts], format="csr")


def plain(values):
    return numpy.array(values)[:, None]


# ---- comparing ----

def reference(x, y, regularization):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LogisticRegression(C=1 / regularization, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(x, y)


def own_units(model, mean, scale):
    w = model.coef_[0]
    return numpy.concatenate([[model.intercept_[0] - (mean * scale * w).sum()], w * scale])


def distance(ours, theirs, model, scale):
    """The measure above; a coefficient in its own units is small by its standardised size, not by its unit."""
    floor = 1e-3 * numpy.abs(model.coef_[0]).max() * numpy.concatenate([[1.0], scale])
    return (numpy.abs(ours - theirs) / numpy.maximum(numpy.abs(theirs), floor)).max()


def compare_logistic(table, encoder, x, y, ids):
    names, mean, scale = encoder.name, numpy.array(encoder.mean), numpy.array(encoder.scale)
    for regularization in (1.0, 100.0):
        model = reference(x, y, regularization)
        theirs = dict(zip(["(intercept)"] + names, own_units(model, mean, scale)))
        for solver, tolerance in (("auto", 1e-6), ("lbfgs", 1e-9)):
            options = f'{{"split": "none", "solver": "{solver}", "tolerance": {tolerance}, "epochs": 1000, ' \
                      f'"features": ["-id", "-part"], "regularization": {regularization}}}'
            query("SELECT longtail.train('parity', %s, 'logistic', label_column => 'y', options => %s)",
                  (f"bench.{table}_train", options))
            ours = dict(query("SELECT feature, coefficient FROM longtail.coefficients('parity')"))
            if set(ours) != set(theirs):
                sys.exit(f"parity.py: columns differ: {set(ours) ^ set(theirs)}")
            order = ["(intercept)"] + names
            verdict(f"coefficients, {solver}, regularization {regularization:g}",
                    distance(numpy.array([ours[n] for n in order]), numpy.array([theirs[n] for n in order]),
                             model, scale), 1e-4, f"{len(names)} columns")
        if regularization == 1:
            scores = numpy.array(query("SELECT t.id, longtail.predict('parity', t) FROM "
                                       f"bench.{table}_train t ORDER BY t.id"), float)
            assert (scores[:, 0] == ids).all()
            verdict("predictions", numpy.abs(scores[:, 1] - model.predict_proba(x)[:, 1]).max(), 1e-4)
            (auc, loss), = query("SELECT longtail.auc(p, y), longtail.log_loss(p, y) FROM (SELECT y, "
                                 f"longtail.predict('parity', t) AS p FROM bench.{table}_train t) s")
            verdict("auc", abs(auc - roc_auc_score(y, scores[:, 1])), 1e-6, f"{auc:.6f}")
            verdict("log_loss", abs(loss - log_loss(y, scores[:, 1])), 1e-6, f"{loss:.6f}")


def compare_wide(table, columns):
    """Thousands of columns, by default settings, where longtail takes L-BFGS."""
    rows = query(f"SELECT y, {', '.join(columns)} FROM bench.{table}_train ORDER BY id")
    encoder = Encoder(columns, [r[1:] for r in rows])
    x, y = encoder.encode([r[1:] for r in rows]), numpy.array([r[0] for r in rows])
    mean, scale = numpy.array(encoder.mean), numpy.array(encoder.scale)
    print(f"{table}: {len(rows)} rows to train on, {x.shape[1]} encoded columns, {y.mean():.1%} positive")
    model = LogisticRegression(C=1.0, solver="newton-cg", tol=1e-8, max_iter=1000).fit(x, y)
    query("SELECT longtail.train('parity', %s, 'logistic', label_column => 'y', options => %s)",
          (f"bench.{table}_train", '{"split": "none", "features": ["-id"]}'))
    ours = dict(query("SELECT feature, coefficient FROM longtail.coefficients('parity')"))
    verdict("coefficients, auto, regularization 1",
            distance(numpy.array([ours[n] for n in ["(intercept)"] + encoder.name]), own_units(model, mean, scale),
                     model, scale), 1e-4, f"{len(encoder.name)} columns, newton-cg at tol 1e-8")


def compare_fit(table, numbers):
    rows = query(f"SELECT y, {', '.join(f'{c}::float8' for c in numbers)} FROM bench.{table}_train "
                 f"WHERE num_nulls({', '.join(numbers)}) = 0 ORDER BY id")
    data = numpy.array(rows, float)
    mean, sd = data[:, 1:].mean(axis=0), data[:, 1:].std(axis=0)
    model = reference((data[:, 1:] - mean) / sd, data[:, 0] > 0, 1.0)
    ours = query(f"SELECT coefficient FROM longtail.coefficients((SELECT longtail.logistic_fit(y, ARRAY["
                 f"{', '.join(f'{c}::float8' for c in numbers)}]) FROM bench.{table}_train "
                 f"WHERE num_nulls({', '.join(numbers)}) = 0))")
    verdict("logistic_fit", distance(numpy.array(ours, float)[:, 0], own_units(model, mean, 1 / sd), model, 1 / sd), 1e-4,
            f"{len(numbers)} columns")


def compare_mlp(table, x, y, held_x, held_y):
    ours, theirs = [], []
    for seed in SEEDS:
        query("SELECT longtail.train('parity_mlp', %s, 'mlp', label_column => 'y', options => %s)",
              (f"bench.{table}_train",
               f'{{"split": "none", "features": ["-id", "-part"], "hidden": [20, 10], "epochs": 5, "batch_size": 256,'
               f'"learning_rate": 0.001, "regularization": 0, "early_stopping": 0, "seed": {seed}}}'))
        ours.append(query("SELECT longtail.log_loss(longtail.predict('parity_mlp', t), y) "
                          f"FROM bench.{table}_held t")[0][0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = MLPClassifier((20, 10), alpha=0, batch_size=256, learning_rate_init=0.001, max_iter=5, tol=0,
                                  n_iter_no_change=1000, random_state=seed).fit(x.astype(numpy.float32), y)
        theirs.append(log_loss(held_y, model.predict_proba(held_x.astype(numpy.float32))[:, 1].astype(float)))
    ours, theirs = numpy.array(ours), numpy.array(theirs)
    verdict("mlp, held-out log-loss (relative)", abs(ours.mean() / theirs.mean() - 1), 0.01,
            f"longtail {ours.mean():.5f} (sd {ours.std(ddof=1):.5f}), scikit-learn {theirs.mean():.5f} "
            f"(sd {theirs.std(ddof=1):.5f}), {len(ours)} seeds")


def compare(table):
    query(f"CREATE VIEW bench.{table}_train AS SELECT * FROM bench.{table} WHERE part <> 0")
    query(f"CREATE VIEW bench.{table}_held AS SELECT * FROM bench.{table} WHERE part = 0")
    columns = [r[0] for r in query("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
                                   "AND attname NOT IN ('id', 'part', 'y') ORDER BY attnum", (f"bench.{table}",))]
    listed = ", ".join(columns)
    rows = query(f"SELECT id, y, {listed} FROM bench.{table}_train ORDER BY id")
    held = query(f"SELECT id, y, {listed} FROM bench.{table}_held ORDER BY id")
    ids, y = numpy.array([r[0] for r in rows]), numpy.array([r[1] for r in rows])
    features = [r[2:] for r in rows]
    encoder = Encoder(columns, features)
    x = encoder.encode(features).toarray()
    print(f"{table}: {len(rows)} rows to train on, {len(held)} held out, {x.shape[1]} encoded columns, "
          f"{y.mean():.1%} positive")
    compare_logistic(table, encoder, x, y, ids)
    compare_fit(table, encoder.numbers)
    compare_mlp(table, x, y, encoder.encode([r[2:] for r in held]).toarray(), numpy.array([r[1] for r in held]))


def main():
    print(f"scikit-learn {sklearn.__version__}, numpy {numpy.__version__}, longtail "
          f"{query('''SELECT extversion FROM pg_extension WHERE extname = 'longtail' ''')[0][0]}")
    query("SET client_min_messages = warning; DROP SCHEMA IF EXISTS bench, retail CASCADE")
    query("CREATE SCHEMA bench")
    load_retail()
    compare("retail")
    load_baskets()
    compare_wide("baskets", ["item_id", "log_user_items"])
    folder = os.environ.get("LONGTAIL_DATASETS")
    for name, load in (("movietweetings-100k", load_movietweetings), ("goodbooks-10k", load_goodbooks)):
        if folder and os.path.isdir(f"{folder}/{name}"):
            load(f"{folder}/{name}")
            compare(name.split("-")[0])
        else:
            print(f"{name}: skipped; LONGTAIL_DATASETS names no folder that has it")
    print("all within their limits" if failures == 0 else f"{failures} NOT MET")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
