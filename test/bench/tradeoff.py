#!/usr/bin/python3
"""tradeoff.py: what each rerank method gains for the tail and costs in accuracy, on public data.

    make bench ONLY=tradeoff        on a private server, which this reaches through the PG* variables
    LONGTAIL_DATASETS, SETS         see datasets.py, which also says how data are split and what is ranked

Needs  apt-get install python3-psycopg2  beside what the tests install.

One model a data set: ease, its regularization (20 to 1000) that of the best NDCG@20 on the validation part, the rest as
it comes.  Every method at every strength below reorders its lists on the validation part; of each method the strength
is marked that has most of the tail (APLT) among those within BUDGET of the plain order's NDCG.  Then the model is
trained again on training and validation part, and all of it is measured on the test part, once.  What is printed is of
the test part; the marks are not.

The last rows are of recommend_all within bounds: these hold over the lists of all users, and the figures are of those
with a test, as all others are.
"""
import json

from datasets import PROTOCOL, load, measure, query, sets, train, drop

K = 20
BUDGET = 0.02
REGULARIZATION = [20, 50, 100, 200, 500, 1000]

# Method, what it is called here, strengths, its options; genres where the data set has them.
METHODS = [
    ("popularity", "popularity", [0.05, 0.1, 0.2, 0.3, 0.4], {}),
    ("xquad", "xquad, smooth", [0.1, 0.2, 0.3, 0.5, 0.8], {}),
    ("xquad", "xquad, binary", [0.1, 0.2, 0.3, 0.5, 0.8], {"variant": "binary"}),
    ("calibrated", "calibrated, head, mid and tail", [0.1, 0.3, 0.5, 0.7, 0.9], {}),
    ("calibrated", "calibrated, genres", [0.1, 0.3, 0.5, 0.7, 0.9], {"attribute": "genre", "attributes": "bench.genres"}),
    ("mmr", "mmr", [0.1, 0.2, 0.3, 0.5], {}),
    ("dpp", "dpp", [0.02, 0.05, 0.1, 0.2], {}),
    ("quota", "quota", [0.1, 0.2, 0.3, 0.4, 0.5], {}),
    ("random", "random", [0.02, 0.05, 0.1, 0.2], {}),
    ("popularity", "popularity, then random 0.05", [0.05, 0.1, 0.2],
     {"then": [{"method": "random", "strength": 0.05}]}),
]
BOUNDS = [("min_exposure 1", 1, None), ("min_exposure 3", 3, None), ("max_head_share 0.2", None, 0.2),
          ("max_head_share 0.1", None, 0.1), ("both: 3 and 0.1", 3, 0.1)]
COLUMNS = ["ndcg", "recall", "aplt", "tail_coverage", "catalogue_coverage", "gini", "diversity"]

WITH_GENRES = ("goodbooks", "movietweetings")


def tradeoff(view, method, strengths, options):
    return query(f"SELECT strength, {', '.join(COLUMNS)} "
                 "FROM longtail.tradeoff('bench', %s, %s, %s, %s::float8[], options => %s)",
                 (f"bench.{view}", K, method, strengths, json.dumps({**PROTOCOL, **options})))


def bounded(min_exposure, max_head_share):
    """COLUMNS of recommend_all's lists, but for diversity."""
    return query("""
        WITH stats AS (SELECT * FROM longtail.item_stats('bench')),
        truth AS (SELECT user_id::text, item_id::text FROM bench.test t
                  WHERE item_id::text IN (SELECT item_id FROM stats)
                    AND user_id IN (SELECT user_id FROM bench.both)
                    AND NOT EXISTS (SELECT FROM bench.both b WHERE (b.user_id, b.item_id) = (t.user_id, t.item_id))),
        lists AS (SELECT * FROM longtail.recommend_all('bench', %s, min_exposure => %s, max_head_share => %s)
                  WHERE user_id IN (SELECT user_id FROM truth)),
        users AS (SELECT longtail.ndcg(l.rank, true, %s) AS ndcg, count(l.rank)::float8 / count(*) AS recall
                  FROM truth LEFT JOIN lists l USING (user_id, item_id) GROUP BY user_id),
        shown AS (SELECT s.segment, count(l.item_id)::float8 AS places
                  FROM stats s LEFT JOIN lists l USING (item_id) GROUP BY s.item_id, s.segment)
        SELECT (SELECT avg(ndcg) FROM users), (SELECT avg(recall) FROM users),
               sum(places) FILTER (WHERE segment = 'tail') / sum(places),
               avg((places > 0)::int) FILTER (WHERE segment = 'tail'), avg((places > 0)::int), longtail.gini(places)
        FROM shown""", (K, min_exposure, max_head_share, K))[0]


def choose_regularization():
    best = None
    for regularization in REGULARIZATION:
        train("ease", "training", False, {"split": "none", "regularization": regularization})
        ndcg = measure("validation", K, ["ndcg"])[0][0]
        if best is None or ndcg > best[0]:
            best = (ndcg, regularization)
        drop()
    return best[1]


def chosen(rows, plain):
    """The strength of most tail within the budget; None: none is."""
    within = [row for row in rows if row[1] >= (1 - BUDGET) * plain[1]]
    return max(within, key=lambda row: row[3])[0] if within else None


def show(name, strength, row, mark):
    cells = " | ".join(f"{figure:.4f}" if column in ("ndcg", "recall") else f"{figure:.3f}"
                       for column, figure in zip(COLUMNS, row))
    print(f"| {name} | {strength}{' *' if mark else ''} | {cells} |{' |' * (len(COLUMNS) - len(row))}")


def run(name):
    load(name)
    drop()
    if name in WITH_GENRES:
        query("CREATE TABLE bench.genres AS SELECT item_id, string_to_array(genres, '|') AS genre FROM bench.items; "
              "ALTER TABLE bench.genres ADD PRIMARY KEY (item_id)")
    methods = [m for m in METHODS if "attribute" not in m[3] or name in WITH_GENRES]
    regularization = choose_regularization()
    options = {"split": "none", "regularization": regularization}
    train("ease", "training", False, options)
    plain = tradeoff("validation", "none", [0], {})[0]
    marks = {title: chosen(tradeoff("validation", method, strengths, own), plain)
             for method, title, strengths, own in methods}
    train("ease", "both", False, options)
    users = measure("test", K, ["ndcg"])[1]
    print(f"\n**{name}**: ease, regularization {regularization}; {users} users, lists of {K}\n")
    print("| method | strength | NDCG | recall | APLT | tail coverage | catalogue coverage | Gini | diversity |")
    print("|---|---|---|---|---|---|---|---|---|")
    row = tradeoff("test", "none", [0], {})[0]
    show("plain order", "", row[1:], False)
    for method, title, strengths, own in methods:
        for row in tradeoff("test", method, strengths, own):
            show(title, f"{row[0]:g}", row[1:], row[0] == marks[title])
    for title, min_exposure, max_head_share in BOUNDS:
        show("recommend_all", title, bounded(min_exposure, max_head_share), False)
    drop()


for data_set in sets():
    run(data_set)
