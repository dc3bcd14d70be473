#!/usr/bin/python3
"""quality.py: how good every recommender's lists are, on public data, with options chosen on a validation part.

    make bench ONLY=quality         on a private server, which this reaches through the PG* variables
    LONGTAIL_DATASETS=/some/folder  has the data sets, or those of them that are to be measured (needed): datasets.py
    SETS=goodbooks,retail           these data sets alone (all that are there)
    MODELS=ease,als                 these algorithms alone (all that longtail.algorithms() has)
    PROGRESS=1                      every option tried, with its figures, to stderr

Needs  apt-get install python3-psycopg2  beside what the tests install.

For each model every combination of its options below is trained on the training part and measured on the validation
part.  The one of the best NDCG@20 is trained on both, with split none, and measured once on the test part.  Lines
with a given exponent, as ease x pop^-0.1, have the same options.  A line with x pop^-y, where that is better on the
validation part, has the exponent chosen along with the options.
Data sets, parts and what is ranked stand at the head of datasets.py.  Recall is over all of a user's pairs, NDCG's
gains are binary.  APLT: the share of recommended items beyond the first 80 % of interactions in descending popularity.

The reference is plain numpy under the same protocol, its options chosen in the same way.  A line below it says by how
much, in recall or NDCG, whichever is farther; in NDCG by more than 2 %, about the standard error over users, the script
fails.
"""
import itertools
import json
import os
import sys
import time

from datasets import SETS, drop, load, measure, query, sets, train, wanted

K = 20
EXPONENTS = [0, 0.05, 0.1, 0.15, 0.2, 0.3]
SMALLEST = 5e-5   # the reference has four digits
TOLERANCE = 0.02  # of the reference; the standard error of NDCG over users is 1.3 % (goodbooks) to 3.8 %

# Name, algorithm, values of each option, whether it needs times.
MODELS = [
    ("popularity", "popularity", {}, False),
    ("popularity, decaying", "popularity", {"half_life": [1, 2, 4, 7, 14, 30, 90]}, True),
    ("item_knn", "item_knn", {"neighbors": [3, 5, 10, 20, 50, 200], "shrinkage": [0, 10, 30, 100]}, False),
    ("user_knn", "user_knn", {"neighbors": [20, 50, 100, 200], "shrinkage": [0, 10, 50]}, False),
    ("rp3beta", "rp3beta", {"neighbors": [5, 10, 20, 100, 500], "alpha": [0.4, 0.6, 0.8, 1], "beta": [0, 0.2, 0.4]},
     False),
    ("graph_filter", "graph_filter", {"neighbors": [3, 5, 10, 20, 50, 200, 1000, 0], "alpha": [0.5, 0.75, 1]},
     False),
    ("ease", "ease", {"regularization": [50, 200, 500, 1000], "neighbors": [0]}, False),
    ("ease, few weights kept", "ease", {"regularization": [50, 200, 500, 1000], "neighbors": [20, 50, 100, 200]},
     False),
    ("ease, trend", "ease", {"regularization": [500], "neighbors": [100], "trend_exponent": [0.75, 1],
                             "trend_half_life": [2, 7, 14], "trend_smoothing": [0.1, 1]}, True),
    ("als, 64 factors", "als", {"factors": [64], "regularization": [0.003, 0.005, 0.01, 0.02, 0.05],
                                "unobserved_weight": [0.2, 0.4, 1], "frequency_scaling": [0.7, 1]}, False),
    ("bpr, 64 factors", "bpr", {"factors": [64], "regularization": [0.003, 0.01, 0.03]}, False),
    ("markov", "markov", {"window": [3, 10, 30], "decay": [0.5, 0.8, 0.95], "half_life": [0, 30]}, True),
    ("content", "content", {"factors": [64], "regularization": [1, 10]}, False),
    ("mlp", "mlp", {"factors": [32], "hidden": [[32]], "epochs": [10]}, False),
    ("auto", "auto", {}, False),
]

# recall@20, ndcg@20 and aplt@20 of goodbooks, movietweetings and retail; None for the exponent chosen on validation.
REFERENCE = {
    ("popularity", 0): [(.0728, .0696, .000), (.1672, .0784, .000), (.0439, .0455, .000)],
    ("item_knn", 0): [(.1951, .1946, .078), (.1458, .0713, .070), (.0856, .0827, .016)],
    ("rp3beta", 0): [(.2012, .2013, .313), (.1737, .0822, .067), (.0861, .0829, .041)],
    ("graph_filter", 0): [(.2075, .2059, .166), (.1770, .0825, .029), (.0847, .0835, .039)],
    ("ease", 0): [(.2764, .2849, .027), (.1647, .0792, .016), (.1059, .1016, .008)],
    ("ease", 0.1): [(.2892, .3002, .054), (.1628, .0773, .026), (.1088, .1035, .013)],
    ("ease", 0.2): [(.2946, .3051, .100), (.1602, .0757, .046), (.1092, .1030, .022)],
    ("ease", 0.3): [(.2877, .2942, .178), (.1595, .0738, .085), (.1082, .1020, .039)],
    ("ease", 0.4): [(.2602, .2641, .296), (.1508, .0682, .175), (.1060, .1005, .075)],
    ("als, 64 factors", 0): [(.2242, .2224, .001), (.1739, .0810, .000), (.0907, .0891, .002)],
}


def accuracy(view, exponent):
    """recall, ndcg and aplt, and the number of users; exponent None is the model's own."""
    return measure(view, K, ["recall", "ndcg", "aplt"], {} if exponent is None else {"popularity_exponent": exponent})


def search(algorithm, grid, timed, exponents):
    """Figures on the validation part, by options (as JSON) and exponent."""
    found = {}
    for values in itertools.product(*grid.values()):
        options = dict(zip(grid, values))
        train(algorithm, "training", timed, {**options, "split": "none"})
        for exponent in exponents:
            found[json.dumps(options), exponent], _ = accuracy("validation", exponent)
        drop()
        if os.environ.get("PROGRESS"):
            for exponent in exponents:
                print(algorithm, json.dumps(options), exponent, figures(found[json.dumps(options), exponent]),
                      file=sys.stderr, flush=True)
    return found


def figures(of):
    return f"{of[0]:.4f} / {of[1]:.4f} / {of[2]:.3f}" if of else ""


def compare(name, place, label, algorithm, grid, timed):
    """Prints the lines of a model; whether each that has a reference comes near it."""
    good = True
    fixed = sorted(y for l, y in REFERENCE if l == label)
    # beta is an exponent of the same kind, and what is recent is not corrected for what is popular
    exponents = [0] if algorithm == "popularity" or "beta" in grid else sorted({*EXPONENTS, *fixed})
    start = time.perf_counter()
    if algorithm == "auto":  # chooses by itself, on a validation part of its own
        found = {("{}", None): None}
    else:
        found = search(algorithm, grid, timed, exponents)
    searched = time.perf_counter() - start
    lines = {}  # by what it is called: ((options, exponent), which reference)

    def better(key):
        return found[key][1] if found[key] else 0

    plain = max((key for key in found if not key[1]), key=better)
    lines[label] = plain, 0
    for exponent in fixed[1:]:  # of the reference, with the options chosen without
        lines[f"{label} x pop^-{exponent}"] = (plain[0], exponent), exponent
    best = max(found, key=better)
    if best[1]:
        lines[f"{label} x pop^-y"] = best, None
    trained = None
    for line, ((options, exponent), reference) in sorted(lines.items(), key=lambda item: item[1][0][0]):
        if trained != options:
            drop()
            start = time.perf_counter()
            train(algorithm, "both", timed, {**json.loads(options),
                                             **({} if algorithm == "auto" else {"split": "none"})})
            seconds = time.perf_counter() - start
            trained = options
        of, users = accuracy("test", exponent)
        expected = REFERENCE.get((label, reference), [None] * 3)[place]
        short = max(1 - (of[j] + SMALLEST) / expected[j] for j in (0, 1)) if expected else 0
        good = good and (not expected or of[1] >= (1 - TOLERANCE) * expected[1])
        shown = ", ".join(f"{option} {value}" for option, value in json.loads(options).items())
        shown += f"{', ' if shown else ''}y {exponent:g}" if line.endswith("-y") else ""
        verdict = f", {short:.1%} below" if short > 0 else ""
        lines[line] = (f"| {line} | {shown} | {figures(of)} | {figures(expected)}{verdict} | {users} "
                       f"| {seconds:.1f} | {searched:.0f} |")
    drop()
    for line in lines.values():
        print(line, flush=True)
    return good


def main():
    there = sets()
    known = {row[0] for row in query("SELECT name FROM longtail.algorithms()")}
    models = wanted("MODELS", [algorithm for _, algorithm, _, _ in MODELS])
    good = True
    query("SET client_min_messages = error; SET statement_timeout = 0")
    for algorithm in sorted(set(models) - known):
        print(f"{algorithm}: skipped; longtail.algorithms() has no such algorithm\n")
    for name in there:
        timed = load(name)
        rows = query("SELECT part, count(*) FROM bench.interactions GROUP BY part ORDER BY part DESC")
        print(f"**{name}** ({', '.join(f'{part} {n} pairs' for part, n in rows)})\n")
        print(f"| model | options chosen on validation | recall@{K} / NDCG@{K} / APLT on test | reference | users "
              "| seconds, final training | seconds, search |\n|---|---|---|---|---|---|---|", flush=True)
        for label, algorithm, grid, needs_time in MODELS:
            if algorithm not in models or algorithm not in known or (needs_time and not timed):
                continue
            good &= compare(name, list(SETS).index(name), label, algorithm, grid, timed)
        print()
    query("DROP SCHEMA IF EXISTS bench CASCADE")
    return not good


if __name__ == "__main__":
    sys.exit(main())
