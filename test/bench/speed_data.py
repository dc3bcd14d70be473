"""speed_data.py: the made-up data of speed.py, from fixed seeds, as arrays and as tables of schema bench.

    dense     1,000,000 rows of 20 numbers of different units and a boolean label that a line explains; the best
              log-loss is about 0.41
    onehot    1,000,000 rows of one of 100,000 users, one of 10,000 items and a label that effects of both explain:
              900,000 to train on, 100,000 held out; log-loss about 0.55
    network   1,000,000 rows of 20 numbers and a label that a network of 20-12-1 explains: 900,000 and 100,000;
              the best log-loss is about 0.21, at an accuracy of 0.91
    pairs     (user, item) with log-normal activity and popularity and taste in 8 dimensions: shaped like MovieLens 1M
              with 6,040 users and 3,706 items, or larger.  A tenth more than asked for is held out.
    catalog   pairs in which every one of n items occurs, for models to be served
"""
import io

import numpy

from speed_base import db, scaled, side

SEED = 11


def generator(of):
    return numpy.random.default_rng([SEED, of])


def copy(table, columns, arrays):
    """A table from arrays, through COPY ... (FORMAT binary); columns: (name, type); types: float8, integer, boolean."""
    size = {"float8": (8, ">f8"), "integer": (4, ">i4"), "boolean": (1, "u1")}
    fields = [("fields", ">i2")]
    for name, kind in columns:
        fields += [(f"length of {name}", ">i4"), (name, size[kind][1])]
    db.query("CREATE SCHEMA IF NOT EXISTS bench")
    db.query(f"DROP TABLE IF EXISTS bench.{table}")
    db.query(f"CREATE TABLE bench.{table} ({', '.join(f'{name} {kind}' for name, kind in columns)})")
    step = 1_000_000
    for begin in range(0, len(arrays[0]), step):
        part = [a[begin:begin + step] for a in arrays]
        rows = numpy.zeros(len(part[0]), fields)
        rows["fields"] = len(columns)
        for (name, kind), values in zip(columns, part):
            rows[f"length of {name}"] = size[kind][0]
            rows[name] = values
        data = b"PGCOPY\n\xff\r\n\0" + bytes(8) + rows.tobytes() + b"\xff\xff"
        db.cursor.copy_expert(f"COPY bench.{table} FROM STDIN (FORMAT binary)", io.BytesIO(data))


def finish(*tables):
    for table in tables:
        db.query(f"VACUUM (ANALYZE, FREEZE) bench.{table}")


def numbers(count):
    return [(f"x{j}", "float8") for j in range(1, count + 1)]


def drawn(random, logit):
    return random.random(len(logit)) < 1 / (1 + numpy.exp(-logit))


# ---- rows with labels ----

def dense(rows, columns=20, table="dense"):
    random = generator(1)
    z = random.standard_normal((rows, columns))
    z[:, 3::4] += z[:, :1]
    line = z @ random.standard_normal(columns)
    y = drawn(random, 2.43 / line.std() * line - 0.3)
    x = z * numpy.arange(1, columns + 1) + numpy.arange(columns)
    copy(table, numbers(columns) + [("y", "boolean")], [*x.T, y])
    finish(table)


def onehot(rows, users, items):
    """Tables onehot and onehot_test; returns (user, item, label) of both parts."""
    random = generator(2)
    user, item = random.integers(0, users, rows), (items * random.random(rows) ** 1.5).astype(int)
    y = drawn(random, 0.3 + random.normal(0, 1.15, users)[user] + random.normal(0, 1.2, items)[item])
    cut = rows * 9 // 10
    parts = []
    for table, part in (("onehot", slice(0, cut)), ("onehot_test", slice(cut, rows))):
        parts.append((user[part], item[part], y[part]))
        copy(table, [("user_id", "integer"), ("item_id", "integer"), ("y", "boolean")], parts[-1])
        finish(table)
    return parts


def network(rows, columns=20):
    """Tables network and network_test; returns ((x, y), (x, y)), x in float32."""
    random = generator(3)
    x = random.standard_normal((rows, columns))
    hidden = numpy.tanh(x @ random.normal(0, 0.6, (columns, 12)) + random.normal(0, 0.5, 12))
    y = drawn(random, 1.95 * (hidden @ random.normal(0, 0.9, 12)))
    cut = rows * 9 // 10
    for table, part in (("network", slice(0, cut)), ("network_test", slice(cut, rows))):
        copy(table, numbers(columns) + [("y", "boolean")], [*x[part].T, y[part]])
        finish(table)
    return tuple((x[part].astype(numpy.float32), y[part]) for part in (slice(0, cut), slice(cut, rows)))


# ---- pairs ----

def pairs(of, n, users, items, groups=1):
    """n distinct pairs, (n x 2) int32, in random order.  With groups, users take two thirds of their items from one of
    so many parts of the catalogue."""
    random = generator(of)
    activity, popularity = random.lognormal(0, 1.0, users), random.lognormal(0, 1.4, items)
    taste, kind = (random.standard_normal((k, 8)).astype(numpy.float32) for k in (users, items))
    activity, popularity = numpy.cumsum(activity / activity.sum()), numpy.cumsum(popularity / popularity.sum())
    bounds = numpy.r_[0, popularity][numpy.linspace(0, items, groups + 1).astype(int)]
    part = random.integers(0, groups, users)
    keys = numpy.empty(0, numpy.int64)
    while len(keys) < n:
        draws = max(1000, min(3 * n // 2, 4_000_000))
        u = numpy.minimum(numpy.searchsorted(activity, random.random(draws)), users - 1)
        own = random.random(draws) < 2 / 3
        low, high = numpy.where(own, bounds[part[u]], 0), numpy.where(own, bounds[part[u] + 1], 1)
        i = numpy.minimum(numpy.searchsorted(popularity, low + (high - low) * random.random(draws)), items - 1)
        like = drawn(random, 2 * numpy.einsum("nd,nd->n", taste[u], kind[i]))
        keys = numpy.unique(numpy.r_[keys, u[like].astype(numpy.int64) * items + i[like]])
    keys = random.permutation(keys)[:n]
    return numpy.c_[keys // items, keys % items].astype(numpy.int32)


def interactions(table, of, n, users, items, **more):
    """Table of n pairs, indexed by user; returns them and a tenth more, held out."""
    drawn_pairs = pairs(of, n + n // 10, users, items, **more)
    store(table, drawn_pairs[:n])
    return drawn_pairs[:n], drawn_pairs[n:]


def store(table, rows):
    copy(table, [("user_id", "integer"), ("item_id", "integer")], rows.T)
    db.query(f"CREATE INDEX ON bench.{table} (user_id, item_id)")
    finish(table)


def catalog(table, items, users):
    """20 pairs for each user; enough users that every item comes."""
    random = generator(5)
    users = max(users, -(-items // 10))
    user = numpy.repeat(numpy.arange(users), 20)
    item = (items * random.random(len(user)) ** 2).astype(numpy.int64)
    item[::2] = numpy.resize(random.permutation(items), len(item[::2]))
    keys = numpy.unique(user.astype(numpy.int64) * items + item)
    store(table, numpy.c_[keys // items, keys % items].astype(numpy.int32))
    return users


# What several rows use is made once.
made = {}


def once(name, make):
    if name not in made:
        made[name] = make()
    return made[name]


def pairs_1m():
    return once("pairs_1m", lambda: interactions("pairs_1m", 6, scaled(1_000_209), side(6040), side(3706)))


def pairs_5m():
    return once("pairs_5m", lambda: interactions("pairs_5m", 7, scaled(5_000_000), side(100_000),
                                                 side(50_000), groups=100))
