#!/usr/bin/python3
"""train.py: training in the database beside exporting the table and training with scikit-learn.

    make bench ONLY=train       on a private server, which this reaches through the PG* variables

Needs  apt-get install python3-sklearn python3-psycopg2  beside what the tests install.

The table: 1,000,000 rows of 20 float8 columns and a boolean label with noise.  In each of five runs, one after the
other: longtail.train, everything included (read, encode, fit, measure, store), then the peer, everything included:
COPY ... (FORMAT binary) to a file in memory, from there to a numpy array, standardised, fitted.

  logistic   split none, regularization 1, otherwise defaults; LogisticRegression(C=1, solver='lbfgs') with its
             defaults, which stop sooner: the losses of both say so.
  mlp        20-64-32-1 relu, 5 epochs, batches of 256, Adam at 0.001, split none, no early stopping;
             MLPClassifier with the same, alpha=0.0001, float32 input, which is the faster one for it.

Both use one thread: longtail has no other, and OPENBLAS_NUM_THREADS=1 is set for the peer.  Printed are medians with
the least and the most, the ratio of medians, the mean log-loss over all rows of either.
"""
import os

os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

import statistics
import sys
import tempfile
import time
import warnings

import numpy
import psycopg2
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

ROWS, COLUMNS, RUNS = 1_000_000, 20, 5
NAMES = [f"x{j}" for j in range(1, COLUMNS + 1)]

warnings.simplefilter("ignore")
db = psycopg2.connect("")
db.autocommit = True
cursor = db.cursor()


def make_table():
    """Columns of different units, some related, a label that a line and a few products explain."""
    columns = ", ".join(f"{j} * (random() - 0.5) + CASE WHEN {j} % 4 = 0 THEN z ELSE 0 END AS x{j}"
                        for j in range(1, COLUMNS + 1))
    cursor.execute(f"""
        DROP SCHEMA IF EXISTS bench CASCADE;
        CREATE SCHEMA bench;
        SELECT setseed(0.1);
        CREATE TABLE bench.rows AS
        SELECT {columns}, NULL::boolean AS y FROM (SELECT random() AS z FROM generate_series(1, {ROWS})) s;
        CREATE TABLE bench.train AS
        SELECT {', '.join(NAMES)},
               random() < 1 / (1 + exp(-(x1 + x2 - 0.4 * x3 + 0.3 * x4 * x5 + 0.2 * x6 + sin(x7) - 0.1 * x12))) AS y
        FROM bench.rows;
        DROP TABLE bench.rows""")
    cursor.execute("VACUUM (ANALYZE, FREEZE) bench.train")


def export():
    """The table as (rows x columns) float64 and labels, through a file in memory where there is one: the fastest way of
    those tried, the others being a pipe through psql and psycopg2's copy_expert."""
    path = f"{'/dev/shm' if os.path.isdir('/dev/shm') else tempfile.gettempdir()}/longtail-bench-{os.getpid()}"
    try:
        cursor.execute(f"COPY bench.train TO '{path}' (FORMAT binary)")
        # A row: the number of fields, then each field's length and bytes; 19 bytes before the first, 2 after the last.
        field = [("length", ">i4"), ("value", ">f8")]
        row = numpy.dtype([("fields", ">i2"), ("x", field, COLUMNS), ("y_length", ">i4"), ("y", "u1")])
        rows = numpy.fromfile(path, row, offset=19, count=(os.path.getsize(path) - 21) // row.itemsize)
    finally:
        if os.path.exists(path):
            os.remove(path)
    return rows["x"]["value"].astype(float), rows["y"].astype(float)


def standardised(x):
    x -= x.mean(axis=0)
    x /= x.std(axis=0)
    return x


def ours(algorithm, options):
    """Seconds by the clock of the caller."""
    start = time.perf_counter()
    cursor.execute("SELECT loss FROM longtail.train('bench', 'bench.train', %s, label_column => 'y', options => %s)",
                   (algorithm, options))
    return time.perf_counter() - start


def our_loss():
    cursor.execute("SELECT longtail.log_loss(longtail.predict('bench', t), y) FROM bench.train t")
    return cursor.fetchone()[0]


def theirs(make):
    start = time.perf_counter()
    x, y = export()
    exported = time.perf_counter()
    x = standardised(x)
    model, x = make(x, y)
    end = time.perf_counter()
    return end - start, exported - start, log_loss(y, model.predict_proba(x)[:, 1])


def figures(seconds):
    return f"{statistics.median(seconds):7.2f} s  ({min(seconds):.2f} to {max(seconds):.2f})"


def compare(name, algorithm, options, make):
    own, peer, exports = [], [], []
    for _ in range(RUNS):
        own.append(ours(algorithm, options))
        seconds, exported, peer_loss = theirs(make)
        peer.append(seconds)
        exports.append(exported)
    print(f"{name}\n  longtail      {figures(own)}  log-loss {our_loss():.6f}\n"
          f"  scikit-learn  {figures(peer)}  log-loss {peer_loss:.6f}  of it the export {figures(exports)}\n"
          f"  ratio         {statistics.median(own) / statistics.median(peer):7.3f}", flush=True)


def main():
    cursor.execute("SHOW server_version")
    print(f"PostgreSQL {cursor.fetchone()[0]}, scikit-learn {sklearn.__version__}, numpy {numpy.__version__}; "
          f"{ROWS} rows x {COLUMNS} float8 columns, medians of {RUNS} (least to most)")
    make_table()
    compare("logistic", "logistic", '{"split": "none"}',
            lambda x, y: (LogisticRegression(C=1.0, solver="lbfgs").fit(x, y), x))
    compare("mlp 20-64-32-1", "mlp",
            '{"split": "none", "hidden": [64, 32], "epochs": 5, "batch_size": 256, "early_stopping": 0}',
            lambda x, y: (MLPClassifier((64, 32), batch_size=256, max_iter=5, tol=0, n_iter_no_change=1000,
                                        random_state=1).fit(x.astype(numpy.float32), y), x.astype(numpy.float32)))
    cursor.execute("DROP SCHEMA bench CASCADE")
    return 0


if __name__ == "__main__":
    sys.exit(main())
