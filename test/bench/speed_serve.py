"""speed_serve.py: the rows of speed.py about serving.  Latencies are those that pgbench sees, one client, prepared
statements, the way to the server and back included; of each round the median."""
import io
import os
import subprocess
import time

import numpy

import speed_data
from speed_base import (ROUNDS, THREADS, Peer, connect, db, drop, interleave, median, pgbench, row, scaled, scratch,
                        skipped, text, train)
from speed_train import ALS, PAIR_ROLES, our_lists

K = 10
FACTORS = 64


def model(items):
    """A model of factors over so many items, bench_<items>, made once; returns (name, users)."""
    name = f"bench_{items}"

    def make():
        users = speed_data.catalog(f"catalog_{items}", items, 2000)
        train("als", f"bench.catalog_{items}", PAIR_ROLES, {**ALS, "epochs": 1}, model=name)
        return name, users

    return speed_data.once(name, make)


def vectors(query, values):
    """Rows of an integer and a real[] of FACTORS numbers, by COPY, in an order of the numbers: (numbers, matrix)."""
    out = io.BytesIO()
    db.cursor.copy_expert(f"COPY ({db.cursor.mogrify(query, values).decode()}) TO STDOUT (FORMAT binary)", out)
    value = [("length", ">i4"), ("value", ">f4")]  # after the array's length, dimensions, flags, type, size and begin
    row = numpy.dtype([("fields", ">i2"), ("id length", ">i4"), ("id", ">i4"), ("head", "V24"), ("x", value, FACTORS)])
    rows = numpy.sort(numpy.frombuffer(out.getbuffer()[19:-2], row), order="id")
    return rows["id"].astype(int), rows["x"]["value"].astype(numpy.float32)


def item_vectors(name):
    return vectors("SELECT item_id, embedding FROM longtail.item_embeddings(%s, item_type => NULL::integer)", (name,))


def user_vectors(name, users):
    return vectors("SELECT u, longtail.user_embedding(%s, u) FROM unnest(%s) u", (name, users))


def recommend_script(name, users, k=K):
    arguments = f", {k}" if k != 10 else ""
    return f"\\set u random(0, {users - 1})\nSELECT * FROM longtail.recommend('{name}', :u::integer{arguments});\n"


def latency(script, seconds=1.0):
    """The median of a second's calls, the first left out."""
    calls = pgbench(script, transactions=20)
    n = max(20, int(seconds / median(calls)))
    return median(pgbench(script, transactions=n, warm=10))


def exact(name, ids, matrix, users, table):
    """Of how many users recommend gives the list that sorting all products gives, as text and whether it is all."""
    users = sorted(users)
    right = 0
    for u, vector, items in zip(users, user_vectors(name, users)[1], our_lists(name, users)):
        scores = matrix @ vector
        seen = [r[0] for r in db.query(f"SELECT item_id FROM bench.{table} WHERE user_id = %s", (u,))]
        scores[numpy.isin(ids, seen)] = -numpy.inf
        least = numpy.partition(scores, -K)[-K]
        slack = 1e-5 * abs(least)  # the order in which a product is added up may differ
        places = numpy.searchsorted(ids, items)
        right += len(set(items)) == K and bool((scores[places] >= least - slack).all())
    return f"the best {K} of all products for {right} of {len(users)} users", right == len(users)


def store_vectors(name, users):
    """Tables of pgvector's type: bench.vectors and bench.user_vectors, (id, embedding)."""
    for table, query in (("vectors", "SELECT item_id AS id, embedding::vector(%s) "
                                     "FROM longtail.item_embeddings(%s, item_type => NULL::integer)"),
                         ("user_vectors", "SELECT id, longtail.user_embedding(%s, id)::vector(%s) AS embedding "
                                          f"FROM generate_series(0, {users - 1}) id")):
        db.query(f"DROP TABLE IF EXISTS bench.{table}")
        db.query(f"CREATE TABLE bench.{table} AS {query}",
                 (FACTORS, name) if table == "vectors" else (name, FACTORS))
    db.query("CREATE UNIQUE INDEX ON bench.user_vectors (id)")
    speed_data.finish("vectors", "user_vectors")


def recommend(items, beside_vector):
    """The row against sgemv, and that against pgvector where it is asked for."""
    name, users = model(items)
    ids, matrix = item_vectors(name)
    numpy.save(f"{scratch}/items.npy", matrix)
    some = numpy.random.default_rng(4).permutation(users)[:50].tolist()
    quality, same = exact(name, ids, matrix, some, f"catalog_{items}")
    work = f"recommend, k = {K}, {items:,} items x {FACTORS}"
    ours = recommend_script(name, users)
    kinds = {"ours": lambda: latency(ours)}
    vector = bool(db.query("SELECT 1 FROM pg_extension WHERE extname = 'vector'"))
    if vector and beside_vector:
        store_vectors(name, users)
        scan = (f"\\set u random(0, {users - 1})\nSELECT id FROM bench.vectors ORDER BY embedding <#> "
                f"(SELECT embedding FROM bench.user_vectors WHERE id = :u::integer) LIMIT {K};\n")
        kinds["vector"] = lambda: latency(scan)
        kinds["workers"] = lambda: workers(lambda: latency(scan))
    with Peer(1) as peer:
        peer.call("load_items", path=f"{scratch}/items.npy")
        kinds["gemv"] = lambda: median(peer.call("gemv", seconds=1.0))
        took = interleave(**kinds)
    if beside_vector:
        if vector:
            faster = min(("vector", "workers"), key=lambda kind: median(took[kind]))
            version = db.one("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
            yield row(work, took["ours"], took[faster], f"pgvector {version}, exact scan, the faster of with and "
                      f"without parallel workers:", 0.05, quality, same,
                      f"without workers {text(took['vector'])}, with up to 2 {text(took['workers'])}")
        else:
            yield skipped(work, 0.05, "the server has no extension vector")
        yield row(work, took["ours"], took["gemv"], "sgemv, 1 thread, + 0.3 ms:", 1, quality, same, more=0.0003)
    else:
        yield row(work, took["ours"], took["gemv"], "sgemv, 1 thread:", 1, quality, same)


def workers(measure):
    """A measure with parallel workers allowed in the sessions it starts and for scans of any size; otherwise there are
    none, so that nothing else is measured with them by chance."""
    previous = os.environ.get("PGOPTIONS")
    os.environ["PGOPTIONS"] = "-c max_parallel_workers_per_gather=2 -c min_parallel_table_scan_size=0"
    try:
        return measure()
    finally:
        if previous is None:
            del os.environ["PGOPTIONS"]
        else:
            os.environ["PGOPTIONS"] = previous


def recommend_100k():
    return recommend(scaled(100_000, 1000), True)


def recommend_1m():
    return recommend(scaled(1_000_000, 2000), False)


# ---- connections ----

def first_and_warm(call, users, connections=40):
    """Seconds of the first such query of each of so many connections, and of each the median of 20 more for the same
    user; then those of SELECT 1 before."""
    first, warm, one = [], [], []
    for c in range(connections):
        connection = connect()
        cursor = connection.cursor()
        took = []
        for query in ["SELECT 1"] + 21 * [call % (c * 37 % users)]:
            start = time.perf_counter()
            cursor.execute(query)
            cursor.fetchall()
            took.append(time.perf_counter() - start)
        connection.close()
        one.append(took[0])
        first.append(took[1])
        warm.append(median(took[2:]))
    return first, warm, one


def restart(settings):
    """The private server again with these settings (value NULL: as it was)."""
    for name, value in settings.items():
        db.query(f"ALTER SYSTEM RESET {name}" if value is None else f"ALTER SYSTEM SET {name} = {value}")
    subprocess.run([f"{os.environ['LONGTAIL_TOP']}/test/server", "restart", os.environ["LONGTAIL_SERVER"]], check=True,
                   stdout=subprocess.DEVNULL)
    db.reconnect()


def connection():
    items = scaled(10_000, 500)
    name, users = model(items)
    query = f"SELECT * FROM longtail.recommend('{name}', %s)"
    first, warm, one = first_and_warm(query, users)
    plain = first_and_warm(f"SELECT * FROM bench.catalog_{items} WHERE user_id = %s", users)
    note = (f"SELECT 1 before it {text(one)}; for scale, users' items by an index: {text(plain[0])} against "
            f"{text(plain[1])}, {median(plain[0]) / median(plain[1]):.2f} times")
    if os.environ.get("LONGTAIL_SERVER"):
        loaded = db.one("SHOW shared_preload_libraries")
        restart({"shared_preload_libraries": f"{loaded + ', ' if loaded else ''}longtail"})
        preloaded, preloaded_warm, _ = first_and_warm(query, users)
        restart({"shared_preload_libraries": None})
        note += (f"; with longtail in shared_preload_libraries {text(preloaded)} against {text(preloaded_warm)}, "
                 f"{median(preloaded) / median(preloaded_warm):.2f} times")
    yield row(f"recommend, {items:,} items, first call of a connection", first, warm, "the same, warm:", 3, note=note)


def pss(pids):
    """Bytes these processes have, what they share counted in parts."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as lines:
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    return total


def held_by(connections, query):
    """Bytes of so many connections after queries: query makes the text of the c-th one's i-th."""
    opened = [connect() for _ in range(connections)]
    for c, one in enumerate(opened):
        cursor = one.cursor()
        for i in range(5):
            cursor.execute(query(c, i))
            cursor.fetchall()
    total = pss([one.info.backend_pid for one in opened])
    for one in opened:
        one.close()
    return total


def memory():
    items, connections = scaled(100_000, 1000), 50
    work = f"memory of {connections} connections serving {items:,} items x {FACTORS}"
    name, users = model(items)
    table = f"catalog_{items}"
    try:
        plain = held_by(connections, lambda c, i: f"SELECT * FROM bench.{table} WHERE user_id = {(c + 50 * i) % users}")
    except PermissionError:
        yield skipped(work, 2, "the memory of the server's processes can be read by root alone")
        return
    # Whoever comes first after training makes the copy that all share: a session of its own, which does not stay.
    first_and_warm(f"SELECT * FROM longtail.recommend('{name}', %s)", users, connections=1)
    serving = held_by(connections, lambda c, i: f"SELECT * FROM longtail.recommend('{name}', {(c + 50 * i) % users})")
    weights = 4 * FACTORS * (items + users)
    stored = db.one("SELECT sum(octet_length(bytes)) FROM longtail.model_data d JOIN longtail.model m USING (model_id) "
                    "WHERE m.name = %s", (name,))
    yield row(work, [1.0], [1.0], "", 2)._replace(
        ours=f"{(serving - plain) / 1e6:.1f} MB", peer=f"one copy of the factors: {weights / 1e6:.1f} MB",
        ratio=(serving - plain) / weights,
        note=f"Pss of the {connections}: {serving / 1e6:.1f} MB, of {connections} after a plain query "
             f"{plain / 1e6:.1f} MB; stored {stored / 1e6:.1f} MB")


# ---- batch ----

def recommend_all():
    known, _ = speed_data.pairs_5m()
    users, items = (int(n) + 1 for n in known.max(axis=0))
    reach, work = 1, f"recommend_all, {users:,} users x {items:,} items x {FACTORS}, k = {K}, seen excluded"
    numpy.save(f"{scratch}/pairs.npy", known)
    train("als", "bench.pairs_5m", PAIR_ROLES, {**ALS, "epochs": 2}, model="bench_all")
    lists = f"{scratch}/lists.npy"

    def ours():
        db.query("DROP TABLE IF EXISTS bench.lists")
        start = time.perf_counter()
        db.query(f"CREATE TABLE bench.lists AS SELECT * FROM longtail.recommend_all('bench_all', {K})")
        return time.perf_counter() - start

    def counted():
        start = time.perf_counter()
        db.query(f"SELECT count(*) FROM longtail.recommend_all('bench_all', {K})")
        return time.perf_counter() - start

    with Peer(1, OMP_NUM_THREADS=str(THREADS)) as peer:
        if peer.call("versions")["implicit"] is None:
            yield skipped(work, reach, "python has no module implicit (PYTHONPATH may name where it is)")
            return
        peer.call("load_pairs", path=f"{scratch}/pairs.npy")
        item_ids, own = item_vectors("bench_all")  # the same factors on both sides
        matrix = numpy.zeros((items, FACTORS), numpy.float32)
        matrix[item_ids] = own
        there, own = user_vectors("bench_all", numpy.unique(known[:, 0]).tolist())
        rows = numpy.zeros((users, FACTORS), numpy.float32)
        rows[there] = own
        numpy.save(f"{scratch}/item_factors.npy", matrix)
        numpy.save(f"{scratch}/user_factors.npy", rows)
        peer.call("factors", users=f"{scratch}/user_factors.npy", items=f"{scratch}/item_factors.npy")
        took = interleave(min(ROUNDS, 3), ours=ours, counted=counted,
                          theirs=lambda: peer.call("als_all", threads=THREADS, k=K, save=lists))
    theirs = numpy.load(lists)
    some = numpy.random.default_rng(5).permutation(there)[:2000].tolist()
    own = {u: set() for u in some}
    for u, i in db.query("SELECT user_id::integer, item_id::integer FROM bench.lists "
                         "WHERE user_id::integer = ANY (%s)", (some,)):
        own[u].add(i)
    alike = float(numpy.mean([len(own[u] & set(theirs[u].tolist())) / K for u in some]))
    quality, same = f"{alike:.2%} of the lists' items alike, from the same factors", alike >= 0.999
    drop("bench_all")
    yield row(work, took["ours"], took["theirs"], f"implicit, in memory, {THREADS} threads:", reach, quality, same,
              f"into a table; count(*) of it {text(took['counted'])}")
