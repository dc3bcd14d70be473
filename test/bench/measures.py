#!/usr/bin/python3
"""measures.py: every measure beside a second implementation, in numpy, on public data.

    make bench ONLY=measures        on a private server, which this reaches through the PG* variables
    LONGTAIL_DATASETS, SETS         see datasets.py; movietweetings and retail are measured

Needs  apt-get install python3-sklearn python3-psycopg2  beside what the tests install.

The functions of the first part follow the papers' definitions and the text of doc/reference.md, one list and one user
at a time.  They have nothing from the library but lists, the test, and the catalogue's counts and segments as
longtail.item_stats has them, once those are found right.  The lists are not those that longtail.evaluate makes for
itself but those of longtail.recommend_all, and of longtail.recommend for users who came after training.  Where
scikit-learn or scipy has a measure, theirs is the second one.

A difference is relative to the larger figure, or to 0.001; above LIMIT it fails the script, as do a measure that only
one side has, and another number of users.  Of cases beyond the first, and of single users, the worst is shown.  The
bootstrap is random on both sides: of 10,000 samples each, ends may differ by 0.15 of the standard error.
"""
import datetime
import itertools
import json
import math
import sys
from collections import Counter, defaultdict, namedtuple

import numpy
import scipy.spatial.distance
import scipy.stats
import sklearn.calibration
import sklearn.metrics

from datasets import PROTOCOL, drop, load, query, sets, train

LIMIT = 1e-9
SINGLE = 1e-6  # of predictions, which networks make in single precision, many rows at once in another order
SEGMENTS = ("head", "mid", "tail")
NAN = math.nan
failures = 0

# Sets of items, and the list.  excluded: what the user has, or nothing, where that is ranked as well; candidates: the
# only items ranked, or None.
User = namedtuple("User", "relevant had excluded candidates listed")


# ---- a user's list ----

def accuracy(user, k):
    ranks = [rank for rank, item in enumerate(user.listed[:k], 1) if item in user.relevant]
    hits, most = len(ranks), min(k, len(user.relevant))
    precision, recall = hits / k, hits / len(user.relevant)
    return {
        "hit_rate": float(hits > 0),
        "precision": precision,
        "recall": recall,
        "recall_capped": hits / most,
        "f1": 2 * precision * recall / (precision + recall) if hits else 0,
        "ndcg": sum(1 / math.log2(r + 1) for r in ranks) / sum(1 / math.log2(r + 1) for r in range(1, most + 1)),
        "map": sum(n / r for n, r in enumerate(ranks, 1)) / most,
        "mrr": 1 / ranks[0] if hits else 0,
    }


def share_out(items, values):
    """A distribution over values: each item counts 1, an equal part of it for each of its values."""
    amounts = Counter()
    for item in items:
        for value in values.get(item, ()):
            amounts[value] += 1 / len(values[item])
    total = sum(amounts.values())
    return {value: amount / total for value, amount in amounts.items()}


def kl(p, q):
    return sum(p[v] * math.log2(p[v] / q[v]) for v in p)


def js(p, q):
    middle = {v: (p.get(v, 0) + q.get(v, 0)) / 2 for v in {*p, *q}}
    return kl(p, middle) / 2 + kl(q, middle) / 2


def beyond_accuracy(user, k, shop, values, alike):
    listed = user.listed[:k]
    of = dict.fromkeys(("arp", "novelty", "diversity", "upd", "taste_kl", "taste_js"), NAN)
    tail = sum(shop.segment[item] == "tail" for item in listed)
    of["aclt"], of["aplt"] = tail, tail / len(listed) if listed else 0
    if listed:
        of["arp"] = sum(shop.popularity[item] for item in listed) / len(listed)
        of["novelty"] = sum(shop.novelty[item] for item in listed) / len(listed)
    if len(listed) > 1 and alike:
        of["diversity"] = numpy.mean([1 - alike(a, b) for a, b in itertools.combinations(listed, 2)])
    popular = itertools.islice((item for item in shop.by_popularity if item not in user.excluded
                                and (user.candidates is None or item in user.candidates)), k)
    of["serendipity"] = len(user.relevant.intersection(listed).difference(popular)) / k
    p, q = share_out(user.had, shop.segments), share_out(listed, shop.segments)
    if p and q:
        of["upd"] = js(p, q)
    p, q = share_out(user.had, values), share_out(listed, values)
    if p and q:  # Steck 2018, equation 5: a hundredth of p mixed into q
        of["taste_kl"] = kl(p, {v: 0.99 * q.get(v, 0) + 0.01 * p[v] for v in p})
        of["taste_js"] = js(p, q)
    return of


# ---- all lists ----

def gini(amounts):
    """By its definition: the mean difference of all pairs over twice the mean."""
    x = numpy.array(list(amounts), float)
    return sum(abs(x - a).sum() for a in x) / (2 * len(x) * x.sum())


def spread(figures):
    return numpy.std(figures) / numpy.mean(figures) if numpy.any(figures) else NAN


def fairness(users, k, shop, values):
    """REO and RSP over groups of items, which may overlap (Zhu, Wang and Caverlee 2020): each group's hits of what is
    relevant in it, and places of those that it could have had.  Groups that could have none are left out."""
    relevant, hits, possible, shown = counts = [Counter() for _ in range(4)]
    for user in users:
        relevant.update(user.relevant)
        hits.update(user.relevant.intersection(user.listed[:k]))
        shown.update(user.listed[:k])
        possible.update(() if user.candidates is None else user.candidates - user.excluded)
    whole = [user.excluded for user in users if user.candidates is None]
    taken = Counter(item for excluded in whole for item in excluded)
    possible.update({item: len(whole) - taken[item] for item in shop.segment if whole})
    groups = [Counter() for _ in counts]
    for item in shop.segment:
        for value in values.get(item, ()):
            for of_group, count in zip(groups, counts):
                of_group[value] += count[item]
    relevant, hits, possible, shown = groups
    return (spread([hits[g] / n for g, n in relevant.items() if n]),
            spread([shown[g] / n for g, n in possible.items() if n]))


def of_all(users, k, shop, values):
    shown = Counter(item for user in users for item in user.listed[:k])
    amounts = numpy.array([shown[item] for item in shop.segment], float)
    of = {"catalogue_coverage": len(shown) / len(shop.segment),
          "tail_coverage": len(shown.keys() & shop.of_segment["tail"]) / len(shop.of_segment["tail"]),
          "gini": gini(amounts),
          "entropy": scipy.stats.entropy(amounts, base=2),
          "exposure_mad": abs(amounts - amounts.mean()).mean() / len(users),
          "exposure_cv": scipy.stats.variation(amounts)}
    for segment in SEGMENTS:
        of[f"exposure_{segment}"] = sum(shown[item] for item in shop.of_segment[segment]) / amounts.sum()
    of["popreo"], of["poprsp"] = fairness(users, k, shop, shop.segments)
    if values is not shop.segments:
        of["reo"], of["rsp"] = fairness(users, k, shop, values)
    return of


def of_groups(of_user, group_of, attribute):
    """NDCG and recall, by user, of each group of users, and how far apart the groups are."""
    found = {}
    for metric, values in of_user.items():
        groups = defaultdict(list)
        for user, value in values.items():
            if user in group_of:
                groups[group_of[user]].append(value)
        for group, members in groups.items():
            found[f"{metric} of {attribute}={group}"] = numpy.mean(members), len(members)
        found[f"{metric}_spread"] = (spread([numpy.mean(members) for members in groups.values()]),
                                     sum(len(members) for members in groups.values()))
    return found


# ---- what is there to measure ----

class Shop:
    """The catalogue of model bench."""
    def __init__(self):
        rows = query("SELECT item_id, interactions, segment FROM longtail.item_stats('bench') ORDER BY popularity_rank")
        total = sum(row[1] for row in rows)
        self.by_popularity = [row[0] for row in rows]
        self.popularity = {row[0]: row[1] for row in rows}
        self.novelty = {row[0]: -math.log2(max(row[1], 1) / total) for row in rows}
        self.segment = {row[0]: row[2] for row in rows}
        self.segments = {item: {segment} for item, segment in self.segment.items()}
        self.of_segment = {s: {item for item in self.segment if self.segment[item] == s} for s in SEGMENTS}


def pairs(relation):
    found = defaultdict(set)
    for user, item in query(f"SELECT DISTINCT user_id::text, item_id::text FROM {relation}"):
        found[user].add(item)
    return found


def make_lists(users, known, k, method, strength, options, candidates):
    """Of recommend_all for users whom training knew; of recommend for others, and where each has own candidates."""
    own = {key: options[key] for key in ("seed", "then", "variant", "attribute", "attributes", "similarity")
           if key in options}
    seen = options.get("exclude_seen", True)
    lists = {user: [] for user in users}
    rows = [] if candidates else query(
        "SELECT user_id, item_id FROM longtail.recommend_all('bench', %s, %s, %s, %s, options => %s) "
        "WHERE user_id = ANY (%s) ORDER BY user_id, rank",
        (k, method, strength, seen, json.dumps(own), [user for user in users if user in known]))
    for user in users:
        if candidates or user not in known:
            rows += query("SELECT %s, item_id FROM longtail.recommend('bench', %s, %s, %s, %s, %s, %s, options => %s) "
                          "ORDER BY rank", (user, user, k, method, strength, seen,
                                            list(candidates[user]) if candidates else None, json.dumps(own)))
    for user, item in rows:
        lists[user].append(item)
    return lists


def second(source, test, ks, method, strength, options, values, alike, group_of):
    """By (measure, k): the value of each user, or a figure and the number of users."""
    shop, trained = Shop(), pairs(source)
    values = values or shop.segments
    relevant, excluded, candidates = {}, {}, None
    for user, items in pairs(test).items():
        excluded[user] = trained[user] if options.get("exclude_seen", True) else set()
        items = items - excluded[user]
        if options.get("unknown_items") == "drop":
            items = items & shop.segment.keys()
        if items and (trained[user] or options.get("users") != "known"):
            relevant[user] = items
    if "negatives" in options:
        negatives = pairs(options["negatives"])
        candidates = {user: (negatives[user] | items) & shop.segment.keys() for user, items in relevant.items()}
    known = {user for user, items in trained.items() if items}
    lists = make_lists(list(relevant), known, max(ks), method, strength, options, candidates)
    users = {user: User(items, trained[user], excluded[user], candidates and candidates[user], lists[user])
             for user, items in relevant.items()}
    found = {}
    for k in ks if users else ():
        of_user = defaultdict(dict)
        for user, of in users.items():
            for metric, value in {**accuracy(of, k), **beyond_accuracy(of, k, shop, values, alike)}.items():
                if not math.isnan(value):
                    of_user[metric][user] = value
        of = {**of_user, **{m: (value, len(users)) for m, value in of_all(users.values(), k, shop, values).items()}}
        if group_of:
            of.update(of_groups({m: of_user[m] for m in ("ndcg", "recall")}, group_of, options["user_attribute"]))
        found.update({(metric, k): value for metric, value in of.items()})
    return found


# ---- comparing ----

def difference(a, b):
    if a is None or b is None or math.isnan(a) or math.isnan(b):
        return 0 if a is None and (b is None or math.isnan(b)) else math.inf
    return 0 if a == b else abs(a - b) / max(abs(a), abs(b), 0.001)


def show(name, ours, theirs, limit=LIMIT, unit=None):
    """A line; unit: what the difference is divided by, instead."""
    global failures
    off = abs(ours - theirs) / unit if unit else difference(ours, theirs)
    shown = ["-" if f is None or math.isnan(f) else f"{f:.7g}" for f in (ours, theirs)]
    failures += not off <= limit
    print(f"  {name:60} {shown[0]:>13} {shown[1]:>13}  {off:8.2g}  limit {limit:g}  "
          f"{'ok' if off <= limit else 'NOT MET'}", flush=True)


def show_worst(name, compared):
    """One line for many: that of the worst, or those beyond the limit.  compared: (name, longtail's, numpy's)."""
    bad = [line for line in compared if difference(*line[1:]) > LIMIT]
    for what, ours, theirs in bad[:40]:
        show(f"{name}: {what}", ours, theirs)
    if not bad:
        worst = max(compared, key=lambda line: difference(*line[1:]))
        show(f"{name}: worst of {len(compared)}", *worst[1:])


def figure(of):
    """The mean over users and their number."""
    if isinstance(of, dict):
        return (numpy.mean(list(of.values())) if of else None, len(of))
    return of


def check(name, test="bench.test", source="bench.both", ks=(10, 20), method="none", strength=0, options=None,
          values=None, alike=None, group_of=None, every=False):
    options = options or {}
    own = second(source, test, ks, method, strength, options, values, alike, group_of)
    call = (test, list(ks), method, strength, json.dumps(options))
    theirs = {(metric, k): (value, n) for metric, k, value, n in
              query("SELECT * FROM longtail.evaluate('bench', %s, %s, %s, %s, %s) WHERE metric <> 'auc'", call)}
    compared = []
    for key in [*theirs, *(own.keys() - theirs.keys())]:
        (a, n), (b, m) = theirs.get(key, (NAN, 0)), figure(own.get(key, (None, 0)))
        if every and key[1] == max(ks):
            show(f"{key[0]}, k {key[1]}", a, b)
        compared += [(f"{key[0]}, k {key[1]}", a, b), (f"{key[0]}, k {key[1]}, users", n, m)]
    show_worst(name, compared)
    rows = query("SELECT metric, user_id, value FROM longtail.evaluate_users('bench', %s, %s, %s, %s, %s) "
                 "WHERE metric <> 'auc'", (test, max(ks), method, strength, json.dumps(options)))
    theirs = {(metric, user): value for metric, user, value in rows}
    own = {(metric, user): value for (metric, k), of in own.items() if k == max(ks) and isinstance(of, dict)
           for user, value in of.items()}
    if own or theirs:
        show_worst(f"{name}, each user", [(f"{key[0]} of {key[1]}", theirs.get(key, NAN), own.get(key))
                                          for key in theirs.keys() | own.keys()])


def check_catalogue(name, source="bench.both"):
    """Counts; the head: the most popular, until they have a fifth of all interactions; the tail: those after four."""
    rows = query("SELECT item_id, interactions, segment, novelty FROM longtail.item_stats('bench') "
                 "ORDER BY popularity_rank")
    counts = dict(query(f"SELECT item_id::text, count(DISTINCT user_id) FROM {source} GROUP BY 1"))
    total, before, compared = sum(counts.values()), 0, [("items", len(rows), len(counts))]
    for (item, n, segment, novelty), rank in zip(rows, sorted(counts.values(), reverse=True)):
        own = 0 if before < 0.2 * total else 1 if before < 0.8 * total else 2
        compared += [(f"interactions of {item}", n, counts[item]), (f"rank of {item}", n, rank),
                     (f"novelty of {item}", novelty, -math.log2(counts[item] / total)),
                     (f"segment of {item}", SEGMENTS.index(segment), own)]
        before += n
    show_worst(f"{name}: item_stats", compared)


def check_auc(name):
    """Of whole rankings, which recommend gives: for some users."""
    query("CREATE OR REPLACE VIEW bench.few AS SELECT * FROM bench.test WHERE user_id IN "
          "(SELECT user_id FROM bench.test GROUP BY user_id ORDER BY md5(user_id::text) LIMIT 60)")
    trained, wanted = pairs("bench.both"), pairs("bench.few")
    areas = []
    for user, items in wanted.items():
        rows = query("SELECT item_id, score FROM longtail.recommend('bench', %s, 1000000)", (user,))
        relevant = [item in items - trained[user] for item, _ in rows]
        if any(relevant):
            areas.append(sklearn.metrics.roc_auc_score(relevant, [score for _, score in rows]))
    value, n = query("SELECT value, n FROM longtail.evaluate('bench', 'bench.few') WHERE metric = 'auc'")[0]
    show_worst(f"{name}: auc of {len(areas)} users", [("auc", value, numpy.mean(areas)), ("users", n, len(areas))])


def check_compare(name, a, b):
    """Means by evaluate_users; the interval by scipy's bootstrap, and the p-value by its definition over that."""
    samples = 10000
    sides = []
    for side in (a, b):
        rows = query("SELECT metric, user_id, value FROM longtail.evaluate_users('bench', 'bench.test', 10, %s, %s)",
                     (side.get("method", "none"), side.get("strength", 0)))
        sides.append({(metric, user): value for metric, user, value in rows})
    metrics = ["ndcg", "aplt", "upd", "novelty"]
    rows = query("SELECT * FROM longtail.compare('bench', 'bench.test', %s, %s, options => %s)",
                 (json.dumps(a), json.dumps(b), json.dumps({"metrics": metrics, "samples": samples})))
    for metric, mean_a, mean_b, mean, lower, upper, p_value, n in rows:
        both = [key for key in sides[0] if key in sides[1] and key[0] == metric]
        first, other = (numpy.array([side[key] for key in both]) for side in sides)
        d = first - other
        show_worst(f"{name}: {metric}", [("a", mean_a, first.mean()), ("b", mean_b, other.mean()),
                                         ("difference", mean, d.mean()), ("users", n, len(both))])
        found = scipy.stats.bootstrap((d,), numpy.mean, n_resamples=samples, method="percentile", random_state=1,
                                      batch=100)
        error = d.std() / math.sqrt(n)
        show(f"{name}: {metric}, lower end", lower, found.confidence_interval.low, 0.15, error)
        show(f"{name}: {metric}, upper end", upper, found.confidence_interval.high, 0.15, error)
        means = found.bootstrap_distribution
        p = min(1, 2 * (1 + min((means <= 0).sum(), (means >= 0).sum())) / (samples + 1))
        show(f"{name}: {metric}, p-value", p_value, p, 0.04, 1)


def measured(metrics, method, strength, options):
    value = dict(query("SELECT metric, value FROM longtail.evaluate('bench', 'bench.test', '{10}', %s, %s, %s)",
                       (method, strength, json.dumps(options))))
    return [value[metric] for metric in metrics]


def check_tradeoff(name, options):
    metrics = ["ndcg", "recall", "hit_rate", "aplt", "tail_coverage", "catalogue_coverage", "gini", "novelty",
               "diversity"]
    rows = query("SELECT * FROM longtail.tradeoff('bench', 'bench.test', 10, 'xquad', '{0,0.2,0.6}', %s)",
                 (json.dumps(options),))
    show_worst(f"{name}: tradeoff beside evaluate",
               [(f"{metric} at {row[0]}", a, b) for row in rows
                for metric, a, b in zip(metrics, row[1:], measured(metrics, "xquad", row[0], options))])
    metrics = ["ndcg", "recall", "aplt", "tail_coverage", "catalogue_coverage", "gini"]
    for budget in (0, 0.03):
        rows = query("SELECT method, strength, ndcg, recall, aplt, tail_coverage, catalogue_coverage, gini, "
                     "ndcg_change, chosen "
                     "FROM longtail.autotune('bench', 'bench.test', 10, '{popularity,calibrated}', %s, "
                     "'{0.05,0.2,0.5}', %s)", (budget, json.dumps(options)))
        own = [measured(metrics, row[0], row[1], options) for row in rows]
        compared = [(f"{metric} of {row[0]} {row[1]}", a, b)
                    for row, of in zip(rows, own) for metric, a, b in zip(metrics, row[2:], of)]
        plain = own[0][0]
        compared += [(f"change of {row[0]} {row[1]}", row[8], of[0] / plain - 1) for row, of in zip(rows, own)]
        within = [of for of in own if of[0] >= (1 - budget) * plain]
        best = max(within, key=lambda of: of[2]) if budget else max(own, key=lambda of: of[0])
        compared.append(("the choice", [row[9] for row in rows].index(True), own.index(best)))
        show_worst(f"{name}: autotune within {budget:g} beside evaluate", compared)


def check_exposure(values):
    """A log of what recommend_all lists, over ten weeks, with items that nobody knows, none, and no time."""
    query("""CREATE TABLE bench.log AS
        SELECT item_id, timestamptz '2026-01-01 UTC' + hashtext(user_id || item_id) % 840 * interval '1 hour' AS at
        FROM longtail.recommend_all('bench', 5)
        UNION ALL SELECT i::text, NULL FROM generate_series(-3, 99) AS i UNION ALL SELECT NULL, '2026-01-01 UTC'""")
    query("SET timezone = 'UTC'")
    shop = Shop()
    segment_of = {item: shop.segment.get(item, "unknown") for item, in query("SELECT item_id FROM bench.log") if item}
    catalogue = defaultdict(set)
    for item, segment in shop.segment.items():
        for value in values.get(item, {None}):
            catalogue[segment, value].add(item)
    shown = defaultdict(Counter)
    for item, at in query("SELECT item_id, at FROM bench.log WHERE item_id IS NOT NULL"):
        week = at and at.date() - datetime.timedelta(days=at.weekday())
        shown[week][item] += 1
    own = {}
    for week, counts in shown.items():
        groups = {group: Counter({item: 0 for item in items}) for group, items in catalogue.items()}
        for item, n in counts.items():
            for value in values.get(item, {None}):
                groups.setdefault((segment_of[item], value), Counter())[item] += n
        for (segment, value), items in groups.items():
            n, there = sum(items.values()), sum(count > 0 for count in items.values())
            of_items = len(items), there / len(items), gini(items.values()) if n else None
            own[week, segment, value] = (n, n / sum(counts.values()), there,
                                         *(of_items if segment != "unknown" else [None] * 3))
    theirs = {(row[0] and row[0].date(), row[1], row[2]): row[3:] for row in query(
        "SELECT * FROM longtail.exposure('bench', 'bench.log', time_column => 'at', attribute => 'genre', "
        "attributes => 'bench.facets')")}
    names = ("impressions", "share", "items shown", "items", "coverage", "gini")
    show_worst("exposure()", [(f"{what} of {key}", a, b) for key in own.keys() | theirs.keys()
                              for what, a, b in zip(names, theirs.get(key, [NAN] * 6), own.get(key, [NAN] * 6))])


# ---- predictions, and the aggregates ----

def check_predictions():
    """Models of the rows' own columns, and a recommender with labels: beside scikit-learn on longtail.predict."""
    query("""CREATE TABLE bench.rows AS
        SELECT user_id, item_id, rating >= 8 AS liked, rating, (hashint4(item_id) & 3) + rating::integer / 4 AS visits,
               extract(hour FROM to_timestamp(ts))::integer AS hour, genres, year::integer AS year, line % 4 = 0 AS held
        FROM bench.lines JOIN bench.items USING (item_id)""")
    for part, condition in (("training", "NOT held"), ("test", "held")):
        query(f"CREATE VIEW bench.rows_{part} AS SELECT * FROM bench.rows WHERE {condition}; "
              f"CREATE VIEW bench.pairs_{part} AS SELECT user_id, item_id, liked FROM bench.rows WHERE {condition}")
    features = {"features": ["hour", "genres", "year"], "split": "none"}
    small = {"hidden": [4], "epochs": 1}
    for name, algorithm, label, options in (("liked", "logistic", "liked", features),
                                            ("rating", "mlp", "rating", {**features, **small}),
                                            ("visits", "mlp", "visits", {**features, **small, "loss": "poisson"}),
                                            ("pairs", "logistic", "liked", {"split": "none"})):
        pair = name == "pairs"
        part = "pairs" if pair else "rows"
        query(f"SELECT longtail.train('bench', 'bench.{part}_training', %s, %s, %s, %s, options => %s)",
              (algorithm, "user_id" if pair else None, "item_id" if pair else None, label,
               json.dumps({**options, "promote": "always"})))
        call = "user_id, item_id" if pair else "r"
        p, y = map(numpy.array, zip(*query(f"SELECT longtail.predict('bench', {call}), {label}::integer::float8 "
                                           f"FROM bench.{part}_test AS r")))
        own = {"rmse": sklearn.metrics.mean_squared_error(y, p, squared=False),
               "mae": sklearn.metrics.mean_absolute_error(y, p), "r2": sklearn.metrics.r2_score(y, p)}
        if name == "visits":
            own["poisson_deviance"] = sklearn.metrics.mean_poisson_deviance(y, p)
        if label == "liked":
            own = {"log_loss": sklearn.metrics.log_loss(y, p), "accuracy": sklearn.metrics.accuracy_score(y, p > 0.5),
                   "label_auc" if pair else "auc": sklearn.metrics.roc_auc_score(y, p)}
        rows = query("SELECT metric, value, n FROM longtail.evaluate('bench', %s, '{}')", (f"bench.{part}_test",))
        for metric, value, n in rows:
            if not pair or metric != "auc":  # that of rankings: check_auc
                show(f"predictions of {name}: {metric}", value, own.get(metric) if n == len(y) else NAN, SINGLE)
        if name == "liked":
            check_aggregates(p, y > 0)
        drop()


def check_aggregates(p, y):
    """p: probabilities of the labels y."""
    n = len(p)
    p = p.round(3)  # with ties
    weight = numpy.arange(n) % 5 + 0.5
    query("CREATE TABLE bench.scored (p float8, y boolean, w float8)")
    for start in range(0, n, 1000):
        values = zip(p[start:start + 1000], y[start:start + 1000], weight[start:start + 1000])
        query("INSERT INTO bench.scored VALUES " + ",".join(f"({a}, {bool(b)}, {w})" for a, b, w in values))
    second = {"auc": sklearn.metrics.roc_auc_score, "log_loss": sklearn.metrics.log_loss,
              "average_precision": sklearn.metrics.average_precision_score}
    for name, function in second.items():
        for call, w in (("p, y", None), ("p, y::integer", None), ("p, y, w", weight), ("p, y::integer, w", weight)):
            show(f"{name}({call})", query(f"SELECT longtail.{name}({call}) FROM bench.scored")[0][0],
                 function(y, p, sample_weight=w))
    arrays = "FROM (SELECT array_agg(p) AS p, array_agg(y) AS y FROM bench.scored) AS a,"
    rows = numpy.array(query(f"SELECT r.* {arrays} longtail.roc_curve(p, y) AS r"), float)
    false, true, threshold = sklearn.metrics.roc_curve(y, p, drop_intermediate=False)
    own = numpy.column_stack((threshold, false, true))
    rows, own = rows[-len(own) + 1:], own[1:]  # both begin at (0, 0), at a threshold that is a matter of taste
    show_worst("roc_curve", [(f"{i}", a, b) for i, (a, b) in enumerate(zip(rows.ravel(), own.ravel()))])
    rows = query(f"SELECT mean_predicted, observed {arrays} longtail.calibration_curve(p, y, 20)")
    observed, predicted = sklearn.calibration.calibration_curve(y, p, n_bins=20)
    show_worst("calibration_curve", [("bins", len(rows), len(observed))] + [
        (f"{i}", a, b) for i, row in enumerate(zip(rows, predicted, observed)) for a, b in zip(row[0], row[1:])])
    row = query(f"SELECT c.* {arrays} longtail.confusion(p, y, 0.6) AS c")[0]
    ((tn, fp), (fn, tp)), said = sklearn.metrics.confusion_matrix(y, p >= 0.6), p >= 0.6
    own = (tp, fp, tn, fn, sklearn.metrics.precision_score(y, said), sklearn.metrics.recall_score(y, said),
           sklearn.metrics.f1_score(y, said), sklearn.metrics.accuracy_score(y, said), tn / (tn + fp))
    show_worst("confusion", [(f"{i}", a, b) for i, (a, b) in enumerate(zip(row, own))])

    counts = "SELECT CASE WHEN item_id % 3 = 0 THEN 0 ELSE count(*) END AS n FROM bench.rows GROUP BY item_id"
    amounts = numpy.array(query(counts), float).ravel()
    for name, own in (("gini", gini(amounts)), ("entropy", scipy.stats.entropy(amounts, base=2)),
                      ("mean_absolute_deviation", abs(amounts - amounts.mean()).mean()),
                      ("coefficient_of_variation", scipy.stats.variation(amounts))):
        show(name, query(f"SELECT longtail.{name}(n) FROM ({counts}) AS a")[0][0], own)
    p, q = numpy.array(query("SELECT count(*) FILTER (WHERE liked), count(*) FILTER (WHERE hour > 11) FROM bench.rows "
                             "GROUP BY genres HAVING count(*) FILTER (WHERE hour > 11) > 0"), float).T
    kl_of, js_of = query("SELECT longtail.kl_divergence(p, q), longtail.js_divergence(p, q) "
                         "FROM unnest(%s, %s) AS u (p, q)", (list(p), list(q)))[0]
    show("kl_divergence", kl_of, scipy.stats.entropy(p, q, base=2))
    show("js_divergence", js_of, scipy.spatial.distance.jensenshannon(p, q, base=2) ** 2)

    users = query("SELECT array_agg(rating::float8 ORDER BY hour, item_id) FROM bench.rows GROUP BY user_id "
                  "HAVING count(*) > 12 LIMIT 200")
    graded, binary = [], []
    for number, (gain,) in enumerate(users):
        rank = list(range(1, 11)) + [None] * (len(gain) - 10)  # the others were not listed
        score = [-1000 if r is None else -r for r in rank]
        liked = [g >= 9 for g in gain]
        of_gains, of_liked = query(
            "SELECT longtail.ndcg(rank, gain, 8), longtail.ndcg(rank, liked, 8) "
            "FROM unnest(%s::bigint[], %s::float8[], %s::boolean[]) AS u (rank, gain, liked)", (rank, gain, liked))[0]
        graded.append((f"{number}", of_gains, sklearn.metrics.ndcg_score([gain], [score], k=8)))
        if any(liked):
            binary.append((f"{number}", of_liked, sklearn.metrics.ndcg_score([liked], [score], k=8)))
    show_worst("ndcg(rank, gain, k)", graded)
    show_worst("ndcg(rank, relevant, k)", binary)


# ---- the data sets ----

def measure_movietweetings():
    """als; genres, of which a film has several; co-rated films are alike; people by how much they rated."""
    query("""
        CREATE TABLE bench.facets AS SELECT item_id, string_to_array(genres, '|') AS genre FROM bench.items;
        ALTER TABLE bench.facets ADD PRIMARY KEY (item_id);
        CREATE TABLE bench.people AS
            SELECT user_id, CASE WHEN count(*) = 1 THEN 'one' WHEN count(*) < 20 THEN 'few' ELSE 'many' END AS activity
            FROM bench.both WHERE user_id % 10 > 0 GROUP BY user_id;
        CREATE TABLE bench.counts AS SELECT item_id, count(*) AS n FROM bench.both GROUP BY item_id;
        CREATE TABLE bench.alike AS -- rounded to what single precision has exactly
            SELECT a.item_id AS item, b.item_id AS other,
                   round(1024 * count(*) / sqrt(max(p.n) * max(q.n))) / 1024 AS alike
            FROM bench.both AS a JOIN bench.both AS b ON a.user_id = b.user_id AND a.item_id < b.item_id
                 JOIN bench.counts AS p ON p.item_id = a.item_id JOIN bench.counts AS q ON q.item_id = b.item_id
            GROUP BY 1, 2 HAVING count(*) > 2""")
    train("als", "both", False, {"split": "none"})
    check_catalogue("als")
    genres = {item: set(genre) for item, genre in query("SELECT item_id::text, genre FROM bench.facets") if genre}
    pair = {(a, b): s for a, b, s in query("SELECT item::text, other::text, alike FROM bench.alike")}
    alike = lambda a, b: pair.get((a, b), pair.get((b, a), 0))  # noqa: E731
    group_of = dict(query("SELECT user_id::text, activity FROM bench.people"))
    more = {"attribute": "genre", "attributes": "bench.facets", "similarity": "bench.alike",
            "user_attribute": "activity", "user_attributes": "bench.people"}
    beside = {"values": genres, "alike": alike, "group_of": group_of}
    films = {"attribute": "genre", "attributes": "bench.facets", "values": ["Documentary", "Music"]}
    check("als", options=more, every=True, **beside)
    check("als, known users and items", options={**more, **PROTOCOL}, **beside)
    check("als, what users have ranked as well", options={**more, "exclude_seen": False}, **beside)
    check("als, calibrated to genres, then random", method="calibrated", strength=0.5, **beside,
          options={**more, "users": "known", "seed": 5, "then": [{"method": "random", "strength": 0.2}]})
    check("als, mmr, then quota", method="mmr", strength=0.3, **beside,
          options={**more, **PROTOCOL, "then": [{"method": "quota", "strength": 0.2, **films}]})
    check_auc("als")
    check_compare("compare", {}, {"method": "popularity", "strength": 0.2})
    check_tradeoff("als", {**PROTOCOL, "similarity": "bench.alike"})
    check_exposure(genres)
    drop()
    check_predictions()


def measure_retail():
    """item_knn; then of the 30 best sellers, all others hidden, so that lists end before k and one user has all."""
    query("""
        CREATE TABLE bench.alike AS -- of one range of products
            SELECT a.item_id AS item, b.item_id AS other, 0.5 AS alike
            FROM bench.items AS a JOIN bench.items AS b ON left(a.item_id, 3) = left(b.item_id, 3)
            WHERE a.item_id < b.item_id;
        CREATE TABLE bench.negatives AS
            SELECT user_id, i.item_id FROM (SELECT DISTINCT user_id FROM bench.test) AS u, bench.items AS i
            WHERE hashtext(user_id || i.item_id) % 80 = 0;
        CREATE TABLE bench.small AS SELECT user_id, item_id FROM bench.both WHERE item_id IN
            (SELECT item_id FROM bench.both GROUP BY item_id ORDER BY count(*) DESC, item_id LIMIT 30);
        INSERT INTO bench.small SELECT DISTINCT -1, item_id FROM bench.small;
        CREATE TABLE bench.small_test AS SELECT user_id, item_id FROM bench.test UNION ALL VALUES (-1, 'not sold here')
            UNION ALL SELECT user_id, item_id FROM bench.both WHERE user_id % 50 = 0; -- pairs of the training
        CREATE VIEW bench.nothing AS SELECT * FROM bench.test WHERE false""")
    same = {"similarity": "bench.alike"}
    beside = {"alike": lambda a, b: 0.5 * (a[:3] == b[:3])}
    train("item_knn", "both", False, {"split": "none"})
    check_catalogue("item_knn")
    check("item_knn", options=same, every=True, **beside)
    check("item_knn, popularity", method="popularity", strength=0.3, options={**same, **PROTOCOL}, **beside)
    check("item_knn, binary xquad, then quota", method="xquad", strength=0.4, **beside,
          options={**same, "variant": "binary", "then": [{"method": "quota", "strength": 0.3}]})
    check("item_knn, given negatives", options={**same, "negatives": "bench.negatives", "users": "known"}, **beside)
    check("item_knn, an empty test", test="bench.nothing", options=same, **beside)
    check_auc("item_knn")
    drop()
    train("item_knn", "small", False, {"split": "none", "domain": {"source": "bench.both"}})
    check_catalogue("30 items", "bench.small")
    for more in ({}, {"unknown_items": "drop"}, {"exclude_seen": False}):
        check(f"30 items, {more or 'others hidden'}", test="bench.small_test", source="bench.small", ks=(5, 50),
              options={**same, **more}, **beside)
    drop()


def main():
    print(f"  {'':60} {'longtail':>13} {'beside it':>13}  difference")
    query("SET client_min_messages = error; SET statement_timeout = 0")
    there = sets()
    for name, measure in (("movietweetings", measure_movietweetings), ("retail", measure_retail)):
        if name in there:
            print(f"{name}:")
            drop()
            load(name)
            measure()
    query("DROP SCHEMA IF EXISTS bench CASCADE")
    print("all within their limits" if failures == 0 else f"{failures} NOT MET")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
