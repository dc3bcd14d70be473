#!/usr/bin/python3
"""privacy.py: what differentially private training costs: AUC and log-loss of logistic and mlp by epsilon.

    make bench ONLY=privacy     on a private server, which this reaches through the PG* variables
    SEEDS=5                     splits (and noises) that means and standard deviations are of

Needs  apt-get install python3-sklearn python3-psycopg2  beside what the tests install.

Data: two sets that scikit-learn carries: breast cancer (569 rows, 30 numbers), and digits (1,797 images of 64 pixels,
the label being whether the digit is odd).  A seed's split keeps 30 % of the rows, of both classes alike, for the test;
the rest is trained on with split none, delta 1e-4.  Options are the same for all epsilons and both sets, and were not
chosen by these figures: logistic has its defaults; mlp, whose defaults are for large tables, one hidden layer of 16,
batches of half the rows or so (256) and more epochs.  Off is the same options without dp_epsilon, for logistic its
usual solver, converged.
"""
import os
import sys

import numpy
import psycopg2
from psycopg2.extras import execute_values
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

EPSILONS = [0.5, 1, 2, 4, 8, 0]
MODELS = {"logistic": {}, "mlp": {"hidden": [16], "epochs": 60, "optimizer": "momentum", "learning_rate": 0.05}}
SEEDS = int(os.environ.get("SEEDS", 5))


def data():
    cancer, digits = load_breast_cancer(return_X_y=True), load_digits(return_X_y=True)
    return {"breast cancer": cancer, "digits": (digits[0], digits[1] % 2)}


def main():
    connection = psycopg2.connect("")
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute("SET client_min_messages = error; DROP SCHEMA IF EXISTS bench CASCADE; CREATE SCHEMA bench")
    for name, (x, y) in data().items():
        print(f"**{name}**: {len(y)} rows, {x.shape[1]} columns, {y.mean():.1%} positive\n")
        print("| epsilon | logistic AUC | logistic log-loss | mlp AUC | mlp log-loss |\n|---|---|---|---|---|", flush=True)
        figures = {}
        for seed in range(SEEDS):
            train, test = train_test_split(numpy.arange(len(y)), test_size=0.3, stratify=y, random_state=seed)
            for part, rows in (("train", train), ("test", test)):
                cursor.execute(f"CREATE TABLE bench.{part} (id int, x float8[], y boolean)")
                execute_values(cursor, f"INSERT INTO bench.{part} VALUES %s",
                               [(int(i), x[i].tolist(), bool(y[i])) for i in rows])
            for algorithm, fixed in MODELS.items():
                for epsilon in EPSILONS:
                    options = {**fixed, "split": "none", "features": ["-id"], "dp_delta": 1e-4, "dp_epsilon": epsilon}
                    cursor.execute("SELECT longtail.train('bench', 'bench.train', %s, label_column => 'y', options => %s)",
                                   (algorithm, psycopg2.extras.Json(options)))
                    cursor.execute("SELECT y, longtail.predict('bench', t) FROM bench.test t")
                    truth, p = map(numpy.array, zip(*cursor.fetchall()))
                    figures.setdefault((epsilon, algorithm), []).append((roc_auc_score(truth, p), log_loss(truth, p)))
            cursor.execute("DROP TABLE bench.train, bench.test")
        for epsilon in EPSILONS:
            cells = []
            for algorithm in MODELS:
                mean, sd = numpy.mean(figures[epsilon, algorithm], axis=0), numpy.std(figures[epsilon, algorithm], axis=0, ddof=1)
                cells += [f"{m:.3f} ± {s:.3f}" for m, s in zip(mean, sd)]
            print(f"| {epsilon or 'off'} | " + " | ".join(cells) + " |", flush=True)
        print()
    cursor.execute("SELECT longtail.drop_model('bench'); DROP SCHEMA bench CASCADE")


if __name__ == "__main__":
    sys.exit(main())
