"""speed_growth.py: how time grows with rows, items and k: the points of speed.py's curves, as a table and a picture.

The picture is drawn by the library's own charts (growth.c), which `make` builds as it builds the library.
"""
import os
import subprocess
import time

import speed_data
from speed_base import HERE, db, drop, median, scaled, train
from speed_serve import latency, model, recommend_script
from speed_train import ALS, MLP, PAIR_ROLES

TRAINING, ITEMS, NUMBER = "rows trained on", "items of the catalogue", "k, of 100,000 items"


def clock(work):
    """The median of three, or of one where that takes seconds."""
    def once():
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    first = once()
    return first if first > 2 else median([first, once(), once()])


def training():
    rows = scaled(1_000_000, 10_000)
    speed_data.dense(rows)
    speed_data.network(rows)
    pairs, _ = speed_data.pairs_5m()
    for name, algorithm, source, roles, options, sizes in (
            ("logistic, 20 numbers", "logistic", "dense", "label_column => 'y'", {}, (10, 31.6, 100, 316, 1000)),
            ("mlp 20-64-32-1, 5 epochs", "mlp", "network", "label_column => 'y'", MLP, (10, 31.6, 100, 316, 900)),
            ("als, 64 factors, 15 sweeps", "als", "pairs_5m", PAIR_ROLES, ALS, (10, 31.6, 100, 316, 1000, 5000))):
        for n in sorted({scaled(1000 * thousands, 1000) for thousands in sizes}):
            db.query("DROP TABLE IF EXISTS bench.part")
            db.query(f"CREATE TABLE bench.part AS SELECT * FROM bench.{source} LIMIT {n}")
            speed_data.finish("part")
            n = db.one("SELECT count(*) FROM bench.part")  # fewer where the table has no more
            yield TRAINING, name, n, clock(lambda: train(algorithm, "bench.part", roles, options))
            drop("bench")


def catalogues():
    for size in (1000, 10_000, 100_000, 1_000_000):
        items = scaled(size, size // 100)
        name, users = model(items)
        yield ITEMS, "recommend, k = 10", items, latency(recommend_script(name, users), 0.5)
        if size <= 100_000:
            seconds = clock(lambda: db.query(f"SELECT count(*) FROM longtail.recommend_all('{name}', 10)"))
            yield ITEMS, "recommend_all, 1,000 users", items, seconds * 1000 / users
    for items in sorted({scaled(size, 50) for size in (500, 1000, 2000, 5000, 10_000)}):
        speed_data.interactions("part", 9, max(50_000, 20 * items), max(2000, 2 * items), items)
        items = db.one("SELECT count(DISTINCT item_id) FROM bench.part")
        yield ITEMS, "ease, training", items, clock(lambda: train("ease", "bench.part", PAIR_ROLES, {}))
        drop("bench")


def lengths():
    name, users = model(scaled(100_000, 1000))
    for k in (1, 10, 100, 1000):
        yield NUMBER, "recommend", k, latency(recommend_script(name, users, k), 0.5)
    for k in (1, 10, 100):
        seconds = clock(lambda: db.query(f"SELECT count(*) FROM longtail.recommend_all('{name}', {k})"))
        yield NUMBER, "recommend_all, 1,000 users", k, seconds * 1000 / users


def points():
    return [*training(), *catalogues(), *lengths()]


def seconds_text(seconds):
    return f"{seconds:.3g} s" if seconds >= 0.1 else f"{1000 * seconds:.3g} ms"


def table(found):
    """Markdown: a line a curve, its points in a row."""
    lines = ["| time against | at |", "|---|---|"]
    for panel, curve in dict.fromkeys((p, c) for p, c, _, _ in found):
        at = ", ".join(f"{x:,}: {seconds_text(s)}" for p, c, x, s in found if (p, c) == (panel, curve))
        lines.append(f"| {panel}: {curve} | {at} |")
    return "\n".join(lines)


def picture(found, path):
    """The curves as SVG in a file; False where the program that draws cannot be built."""
    top = os.path.dirname(os.path.dirname(HERE))
    built = subprocess.run(["make", "-s", "-f", f"{top}/Makefile", "build/test/bench/growth"],
                           cwd=os.environ.get("BUILD", top), check=False)
    if built.returncode != 0:
        return False
    lines = "".join(f"{panel}\t{curve}\t{x}\t{seconds}\n" for panel, curve, x, seconds in found)
    drawn = subprocess.run(["build/test/bench/growth"], cwd=os.environ.get("BUILD", top), input=lines, text=True,
                           capture_output=True, check=True)
    with open(path, "w") as out:
        out.write(drawn.stdout)
    return True
