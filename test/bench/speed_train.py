"""speed_train.py: the rows of speed.py about training.  Ours is always the call of longtail.train by the caller's
clock: read, encoded, fitted, measured, stored, committed."""
import subprocess

import numpy

import speed_data
from speed_base import (ROUNDS, THREADS, Peer, clocked, db, drop, interleave, median, row, scaled, scratch, skipped,
                        text, train)

MLP = {"hidden": [64, 32], "epochs": 5, "batch_size": 256, "early_stopping": 0, "seed": 1}
# What implicit minimises with alpha 1: pairs seen and not seen weigh 1, the penalty does not grow with the pairs.
ALS = {"factors": 64, "epochs": 15, "unobserved_weight": 1, "frequency_scaling": 0, "regularization": 0.01}
PAIR_ROLES = "user_column => 'user_id', item_column => 'item_id'"
K = 10


def test_loss(table, arguments="t"):
    return db.one(f"SELECT longtail.log_loss(longtail.predict('bench', {arguments}), y) FROM bench.{table} t")


def near(ours, theirs, share):
    """Whether a loss of ours is not above theirs by more than a share, and both as text."""
    return ours <= theirs * (1 + share), f"{ours:.5f} and {theirs:.5f}"


# ---- rows with labels ----

def logistic():
    reach, rows = 0.25, scaled(1_000_000, 2000)
    speed_data.dense(rows)
    phases, peers = [], []

    def ours():
        phases.append(train("logistic", "bench.dense", "label_column => 'y'", {}))
        return phases[-1]

    def theirs():
        peers.append(peer.call("logistic", table="bench.dense", columns=20))
        return peers[-1][0]

    with Peer(THREADS) as peer:
        took = interleave(ours=ours, theirs=theirs)
    same, quality = near(test_loss("dense"), peers[-1][2], 1e-4)
    drop("bench")
    yield row(f"logistic, {rows:,} x 20", took["ours"], took["theirs"], "scikit-learn lbfgs, COPY BINARY included:",
              reach, f"log-loss {quality}", same,
              f"fit {text([p[1] for p in phases])}; the peer's export {text([p[1] for p in peers])}; {phases[-1][2]}")


def svm_file(path, part, users):
    """The rows in liblinear's format; returns the labels."""
    user, item, y = part
    with open(path, "w") as out:
        out.writelines(f"{'+1' if label else '-1'} {u + 1}:1 {users + i + 1}:1\n"
                       for u, i, label in zip(user.tolist(), item.tolist(), y.tolist()))
    return y


def onehot():
    rows, users, items, reach = scaled(1_000_000, 2000), scaled(100_000, 100), scaled(10_000, 20), 0.7
    work = f"logistic, {rows * 9 // 10:,} rows, {users:,} users + {items:,} items one-hot"
    trained, held_out = speed_data.onehot(rows, users, items)
    phases = []

    def ours():
        phases.append(train("logistic", "bench.onehot", f"{PAIR_ROLES}, label_column => 'y'", {"id_features": "both"}))
        return phases[-1]

    try:
        subprocess.run("liblinear-train", stdout=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        yield skipped(work, reach, "there is no liblinear-train: apt-get install liblinear-tools")
        return
    svm_file(f"{scratch}/rows", trained, users)
    y = svm_file(f"{scratch}/test", held_out, users)
    command = ["liblinear-train", "-q", "-s", "0", "-c", "1", "-B", "1", f"{scratch}/rows", f"{scratch}/model"]
    took = interleave(ours=ours, theirs=lambda: clocked(command))
    clocked(["liblinear-predict", "-b", "1", f"{scratch}/test", f"{scratch}/model", f"{scratch}/out"])
    with open(f"{scratch}/out") as lines:
        place = lines.readline().split().index("1")  # which column is the positive label's
        p = numpy.array([float(line.split()[place]) for line in lines])
    theirs = float(-numpy.mean(numpy.log(numpy.where(y, p, 1 - p))))
    same, quality = near(test_loss("onehot_test", "user_id, item_id"), theirs, 2e-3)
    drop("bench")
    yield row(work, took["ours"], took["theirs"], "liblinear-train, file read included:", reach,
              f"test log-loss {quality}", same, f"fit {text([p[1] for p in phases])}; {phases[-1][2]}")


def mlp():
    rows, reach = scaled(1_000_000, 5000), 0.25
    work = f"mlp 20-64-32-1, 5 epochs, {rows * 9 // 10:,} rows"
    (x, y), (x_test, y_test) = speed_data.network(rows)
    numpy.savez(f"{scratch}/network.npz", x=x, y=y, x_test=x_test, y_test=y_test)
    del x, x_test
    phases, peers = [], {1: [], THREADS: []}

    def ours():
        phases.append(train("mlp", "bench.network", "label_column => 'y'", MLP))
        return phases[-1]

    def theirs(peer, threads):
        peers[threads].append(peer.call("mlp", epochs=5, batch=256, seed=1 + len(peers[threads])))
        return peers[threads][-1][0]

    with Peer(1) as one, Peer(THREADS) as all_threads:
        if one.call("versions")["torch"] is None:
            yield skipped(work, reach, "there is no PyTorch: apt-get install python3-torch")
            return
        for peer in (one, all_threads):
            peer.call("load_mlp", path=f"{scratch}/network.npz")
        took = interleave(min(ROUNDS, 3), ours=ours, one=lambda: theirs(one, 1),
                          more=lambda: theirs(all_threads, THREADS))
    faster = min(("one", 1), ("more", THREADS), key=lambda which: median(took[which[0]]))
    loss = float(numpy.mean([p[1] for ps in peers.values() for p in ps]))
    same, quality = near(test_loss("network_test"), loss, 0.01)
    drop("bench")
    yield row(work, took["ours"], took[faster[0]], f"PyTorch, fit only, {faster[1]} thread(s), the faster of both:",
              reach, f"held-out log-loss {quality}; the peer's accuracy {peers[1][-1][2]:.4f}", same,
              f"fit {text([p[1] for p in phases])}; PyTorch with {THREADS} threads {text(took['more'])}; "
              f"{phases[-1][2]}")


# ---- pairs ----

def ndcg(lists, held_out, users):
    """Mean over users of NDCG@K; lists: of each of them in turn."""
    wanted = {}
    for u, i in held_out.tolist():
        wanted.setdefault(u, set()).add(i)
    discount = 1 / numpy.log2(numpy.arange(2, K + 2))
    total = 0.0
    for u, items in zip(users, lists):
        gain = sum(discount[place] for place, i in enumerate(items) if i in wanted[u])
        total += gain / discount[:min(K, len(wanted[u]))].sum()
    return total / len(users)


def some_users(known, held_out, n=5000):
    users = numpy.intersect1d(known[:, 0], held_out[:, 0])
    return numpy.random.default_rng(1).permutation(users)[:n].tolist()


def our_lists(model, users):
    lists = {u: [] for u in users}
    for u, i in db.query("SELECT u, item_id::integer FROM unnest(%s) u, longtail.recommend(%s, u, %s)",
                         (users, model, K)):
        lists[u].append(i)
    return [lists[u] for u in users]


def als(name, data, reach=0.8, rounds=None):
    known, held_out = data()
    work = f"als, 64 factors, 15 sweeps, {len(known):,} pairs of {known[:, 0].max() + 1:,} x {known[:, 1].max() + 1:,}"
    numpy.save(f"{scratch}/pairs.npy", known)
    users = some_users(known, held_out)
    phases = []

    def ours():
        phases.append(train("als", f"bench.{name}", PAIR_ROLES, ALS))
        return phases[-1]

    with Peer(1, OMP_NUM_THREADS=str(THREADS)) as peer:
        if peer.call("versions")["implicit"] is None:
            yield skipped(work, reach, "python has no module implicit (PYTHONPATH may name where it is)")
            return
        peer.call("load_pairs", path=f"{scratch}/pairs.npy")
        took = interleave(rounds, ours=ours, theirs=lambda: peer.call(
            "als", threads=THREADS, iterations=ALS["epochs"], regularization=ALS["regularization"]))
        theirs = ndcg(peer.call("als_lists", users=users, k=K), held_out, users)
    own = ndcg(our_lists("bench", users), held_out, users)
    drop("bench")
    yield row(work, took["ours"], took["theirs"], f"implicit, conjugate gradient, fit only, {THREADS} threads:", reach,
              f"NDCG@{K} {own:.4f} and {theirs:.4f}", own >= 0.97 * theirs,
              f"fit {text([p[1] for p in phases])}; {phases[-1][2]}")


def als_1m():
    return als("pairs_1m", speed_data.pairs_1m)


def als_5m():
    return als("pairs_5m", speed_data.pairs_5m, rounds=min(ROUNDS, 3))


def ease():
    items, reach, regularization, kept = scaled(10_000, 100), 1.3, 200, 200
    known, held_out = speed_data.interactions("pairs_ease", 8, scaled(2_000_000), scaled(20_000, 200), items)
    numpy.save(f"{scratch}/pairs.npy", known)
    users = some_users(known, held_out, 1000)
    phases = []

    def ours():
        phases.append(train("ease", "bench.pairs_ease", PAIR_ROLES,
                            {"regularization": regularization, "neighbors": kept}))
        return phases[-1]

    with Peer(THREADS) as peer:
        peer.call("load_pairs", path=f"{scratch}/pairs.npy")
        peer.call("load_gramian", regularization=regularization)
        took = interleave(min(ROUNDS, 3), ours=ours, theirs=lambda: peer.call("inverse"))
        theirs = ndcg(peer.call("ease_lists", users=users, k=K, kept=kept), held_out, users)
    own = ndcg(our_lists("bench", users), held_out, users)
    n = db.one("SELECT items FROM longtail.model_versions WHERE model = 'bench' ORDER BY version DESC LIMIT 1")
    drop("bench")
    yield row(f"ease, {n:,} items, {len(known):,} pairs, read to stored", took["ours"], took["theirs"],
              f"spotrf + spotri of OpenBLAS, {THREADS} threads:", reach, f"NDCG@{K} {own:.4f} and {theirs:.4f}",
              own >= 0.98 * theirs, f"fit {text([p[1] for p in phases])}; {phases[-1][2]}")


# ---- two threads against one ----

def threads():
    """Each training with one thread and with two in turn: the whole call, and beside it the fit alone."""
    for name, algorithm, table, roles, options, make, rounds in (
            ("mlp", "mlp", "network", "label_column => 'y'", MLP,
             lambda: speed_data.network(scaled(1_000_000, 5000)), 3),
            ("als, 1 M pairs", "als", "pairs_1m", PAIR_ROLES, ALS, speed_data.pairs_1m, 5),
            ("als, 5 M pairs", "als", "pairs_5m", PAIR_ROLES, ALS, speed_data.pairs_5m, 2),
            ("logistic, dense", "logistic", "dense", "label_column => 'y'", {},
             lambda: speed_data.dense(scaled(1_000_000, 2000)), 5),
            ("logistic, one-hot", "logistic", "onehot", f"{PAIR_ROLES}, label_column => 'y'", {"id_features": "both"},
             lambda: speed_data.onehot(scaled(1_000_000, 2000), scaled(100_000, 100), scaled(10_000, 20)), 5)):
        make()
        fits = {1: [], 2: []}

        def ours(n):
            db.threads(n)
            whole, fit, _ = train(algorithm, f"bench.{table}", roles, options)
            fits[n].append(fit)
            return whole

        took = interleave(min(ROUNDS, rounds), one=lambda: ours(1), two=lambda: ours(2))
        db.threads(THREADS)
        drop("bench")
        whole, fit = median(took["one"]) / median(took["two"]), median(fits[1]) / max(1e-9, median(fits[2]))
        yield row(f"two threads against one: {name}", took["two"], took["one"], "one thread:", -1.7,
                  note=f"the fit alone {fit:.2f} times as fast, {text(fits[1], 'one thread ')}, "
                       f"{text(fits[2], 'two ')}")._replace(ratio=whole)
