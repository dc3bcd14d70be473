#!/usr/bin/python3
"""debias.py: what inverse-propensity weights, negatives by popularity and the logQ correction do to lists.

    make bench ONLY=debias          on a private server, which this reaches through the PG* variables
    LONGTAIL_DATASETS=/some/folder  has the data sets: datasets.py, where their parts stand as well
    SETS=goodbooks                  this data set alone (retail and goodbooks)
    MODELS=als,mlp                  these algorithms alone

Needs  apt-get install python3-psycopg2  beside what the tests install.

Each row is one training on the training and the validation part with split none, measured on the test part.  What is not
debiasing is fixed in FIXED: for als, bpr and ease what quality.py chose on the validation part, for mlp what it has.
Nothing is chosen here, so nothing is chosen on the test.  The test part was met as the training part was, popular items
more: a method that undoes that bias pays for it here in accuracy, what it gains is in the other columns.
Recall is over all of a user's pairs, NDCG's gains are binary.  APLT: the share of recommended items beyond the first 80 %
of interactions in descending popularity.  Coverage: the share of the catalogue that is in anybody's list.
"""
import json
import sys
import time

from datasets import drop, load, measure, query, sets, train, wanted

K = 20
MLP = {"factors": 32, "hidden": [32], "epochs": 10}

# By algorithm and data set.
FIXED = {
    "als": {"retail": {"factors": 64, "regularization": 0.05, "unobserved_weight": 1, "frequency_scaling": 0.7},
            "goodbooks": {"factors": 64, "regularization": 0.003, "unobserved_weight": 0.4, "frequency_scaling": 1}},
    "ease": {"retail": {"regularization": 500, "neighbors": 100},
             "goodbooks": {"regularization": 50, "neighbors": 20}},
    "bpr": {"retail": {"factors": 64, "regularization": 0.01},
            "goodbooks": {"factors": 64, "regularization": 0.01}},
    "mlp": {"retail": MLP, "goodbooks": MLP},
}

WEIGHTS = [("inverse propensity 0.25", {"propensity_exponent": 0.25}),
           ("inverse propensity 0.5", {"propensity_exponent": 0.5})]
NEGATIVES = [(f"negatives by popularity {e}", {"negative_exponent": e}) for e in (0.5, 0.75, 1)]
# Drawn alike, items have nothing to be corrected for.
SOFTMAX = [("softmax", {"loss": "softmax"})] + [
    (f"softmax, negatives by popularity {e}, logQ {'on' if on else 'off'}",
     {"loss": "softmax", "negative_exponent": e, "sampling_correction": on}) for e in (0.5, 1) for on in (True, False)]
ROWS = {"als": WEIGHTS, "ease": WEIGHTS, "bpr": WEIGHTS + NEGATIVES, "mlp": WEIGHTS + NEGATIVES + SOFTMAX}


def main():
    models = wanted("MODELS", FIXED)
    query("SET client_min_messages = error; SET statement_timeout = 0")
    for name in sets():
        if name not in FIXED["als"]:
            continue
        timed = load(name)
        print(f"**{name}**\n")
        print(f"| algorithm | debiasing | recall@{K} | NDCG@{K} | APLT | coverage | seconds |\n"
              "|---|---|---|---|---|---|---|", flush=True)
        for algorithm in models:
            fixed = FIXED[algorithm][name]
            for label, options in [("none", {})] + ROWS[algorithm]:
                start = time.perf_counter()
                train(algorithm, "both", timed, {"split": "none", **fixed, **options})
                seconds = time.perf_counter() - start
                (recall, ndcg, aplt, coverage), _ = measure("test", K, ["recall", "ndcg", "aplt", "catalogue_coverage"])
                drop()
                print(f"| {algorithm} | {label} | {recall:.4f} | {ndcg:.4f} | {aplt:.3f} | {coverage:.3f} "
                      f"| {seconds:.1f} |", flush=True)
        print("\nFixed: " + "; ".join(f"{a} `{json.dumps(FIXED[a][name])}`" for a in models) + "\n")
    query("DROP SCHEMA IF EXISTS bench CASCADE")


if __name__ == "__main__":
    sys.exit(main())
