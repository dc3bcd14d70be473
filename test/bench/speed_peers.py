"""speed_peers.py: the peers of speed.py, in a process that gets calls as lines of JSON and answers with lines of JSON.

Each peer is what its documentation recommends for speed; the settings stand here.  Data that several calls need are
loaded once, before any clock runs.
"""
import json
import os
import sys
import tempfile
import time
import warnings

import numpy

warnings.simplefilter("ignore")
held = {}


def export(table, columns):
    """The table as (rows x columns) float64 and labels, through a file in memory where there is one: the fastest way of
    those tried, the others being a pipe through psql and psycopg2's copy_expert."""
    if "cursor" not in held:
        import psycopg2
        held["connection"] = psycopg2.connect("")
        held["cursor"] = held["connection"].cursor()
    path = f"{'/dev/shm' if os.path.isdir('/dev/shm') else tempfile.gettempdir()}/longtail-bench-{os.getpid()}"
    try:
        held["cursor"].execute(f"COPY {table} TO '{path}' (FORMAT binary)")
        held["connection"].commit()
        # A row: the number of fields, then each field's length and bytes; 19 bytes before the first, 2 after the last.
        field = [("length", ">i4"), ("value", ">f8")]
        row = numpy.dtype([("fields", ">i2"), ("x", field, columns), ("y_length", ">i4"), ("y", "u1")])
        rows = numpy.fromfile(path, row, offset=19, count=(os.path.getsize(path) - 21) // row.itemsize)
    finally:
        if os.path.exists(path):
            os.remove(path)
    return rows["x"]["value"].astype(float), rows["y"].astype(float)


def logistic(table, columns):
    """COPY BINARY, standardise, LogisticRegression(C=1, solver='lbfgs'): seconds, seconds of the export, log-loss."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    start = time.perf_counter()
    x, y = export(table, columns)
    exported = time.perf_counter()
    x -= x.mean(axis=0)
    x /= x.std(axis=0)
    model = LogisticRegression(C=1.0, solver="lbfgs").fit(x, y)
    end = time.perf_counter()
    return end - start, exported - start, log_loss(y, model.predict_proba(x)[:, 1])


def load_mlp(path):
    import torch
    data = numpy.load(path)
    mean, deviation = data["x"].mean(axis=0), data["x"].std(axis=0)
    for part in ("", "_test"):
        held["x" + part] = torch.from_numpy((data["x" + part] - mean) / deviation)
        held["y" + part] = torch.from_numpy(data["y" + part].astype(numpy.float32))


def mlp(epochs, batch, seed):
    """Adam at 0.001 over 20-64-32-1 relu, the rows shuffled before each epoch: seconds, held-out log-loss, accuracy."""
    import torch
    from torch import nn
    torch.manual_seed(seed)
    x, y = held["x"], held["y"]
    start = time.perf_counter()
    net = nn.Sequential(nn.Linear(x.shape[1], 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    loss = nn.BCEWithLogitsLoss()
    for _ in range(epochs):
        order = torch.randperm(len(x))
        shuffled, labels = x[order], y[order]
        for begin in range(0, len(x), batch):
            optimizer.zero_grad(set_to_none=True)
            loss(net(shuffled[begin:begin + batch]).squeeze(1), labels[begin:begin + batch]).backward()
            optimizer.step()
    seconds = time.perf_counter() - start
    with torch.no_grad():
        logit = net(held["x_test"]).squeeze(1)
        accuracy = ((logit > 0) == (held["y_test"] > 0)).float().mean().item()
        return seconds, loss(logit, held["y_test"]).item(), accuracy


def load_pairs(path):
    import scipy.sparse
    rows = numpy.load(path)
    users, items = int(rows[:, 0].max()) + 1, int(rows[:, 1].max()) + 1
    held["pairs"] = scipy.sparse.csr_matrix((numpy.ones(len(rows), numpy.float32), (rows[:, 0], rows[:, 1])),
                                            (users, items))


def als(threads, iterations, regularization, seed=1):
    """implicit, solver conjugate gradient with its 3 steps, from the matrix in memory: seconds of fit."""
    import implicit.cpu.als
    model = implicit.cpu.als.AlternatingLeastSquares(
        factors=64, regularization=regularization, alpha=1.0, iterations=iterations, use_cg=True, num_threads=threads,
        random_state=seed)
    start = time.perf_counter()
    model.fit(held["pairs"], show_progress=False)
    seconds = time.perf_counter() - start
    held["model"] = model
    return seconds


def als_lists(users, k):
    """Lists of items for these users, those of training left out."""
    ids, _ = held["model"].recommend(numpy.array(users), held["pairs"][users], N=k)
    return ids.tolist()


def factors(users, items):
    """Other factors than those of als, from files, for als_all."""
    import implicit.cpu.als
    held["model"] = implicit.cpu.als.AlternatingLeastSquares(factors=64)
    held["model"].user_factors, held["model"].item_factors = numpy.load(users), numpy.load(items)


def als_all(threads, k, save=None):
    """Lists for all users, seen items excluded: seconds; the lists to a file, where one is named."""
    model, n = held["model"], held["pairs"].shape[0]
    model.num_threads = threads
    users = numpy.arange(n)
    start = time.perf_counter()
    ids, _ = model.recommend(users, held["pairs"], N=k)
    seconds = time.perf_counter() - start
    if save:
        numpy.save(save, ids)
    return seconds


def load_gramian(regularization):
    gramian = (held["pairs"].T @ held["pairs"]).toarray(order="F").astype(numpy.float32)
    gramian[numpy.diag_indices_from(gramian)] += regularization
    held["gramian"] = gramian


def inverse():
    """spotrf and spotri of LAPACK, in place, of the matrix that ease inverts: seconds; the copy beforehand is not
    counted."""
    from scipy.linalg import lapack
    matrix = held["gramian"].copy(order="F")
    start = time.perf_counter()
    matrix, wrong = lapack.spotrf(matrix, lower=1, clean=0, overwrite_a=1)
    matrix, wrong_too = lapack.spotri(matrix, lower=1, overwrite_c=1)
    seconds = time.perf_counter() - start
    if wrong or wrong_too:
        raise ValueError("the matrix is not positive definite")
    held["inverse"] = matrix
    return seconds


def ease_lists(users, k, kept):
    """Lists of ease for these users from the inverse: weights -P[i][j] / P[j][j], 0 on the diagonal, of each column the
    `kept` of the largest magnitude."""
    lower = numpy.tril(held["inverse"])
    weights = lower + numpy.tril(lower, -1).T
    weights /= -numpy.diag(weights).copy()
    numpy.fill_diagonal(weights, 0)
    if kept < len(weights):
        size = numpy.abs(weights)
        weights[size < numpy.partition(size, -kept, axis=0)[-kept]] = 0
    rows = held["pairs"][users]
    scores = rows @ weights
    scores[rows.nonzero()] = -numpy.inf
    return numpy.argsort(-scores, axis=1, kind="stable")[:, :k].tolist()


def load_items(path):
    held["items"] = numpy.load(path)
    held["random"] = numpy.random.default_rng(1)


def gemv(seconds):
    """sgemv, the matrix of items by a vector, again and again for so long: the seconds of each."""
    matrix, took = held["items"], []
    vectors = held["random"].standard_normal((16, matrix.shape[1])).astype(numpy.float32)
    out = numpy.empty(len(matrix), numpy.float32)
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        vector = vectors[len(took) % 16]
        start = time.perf_counter()
        numpy.dot(matrix, vector, out=out)
        took.append(time.perf_counter() - start)
    return took


def versions():
    """Versions of what there is, and which kernel each BLAS uses."""
    found = {}
    for name in ("numpy", "scipy", "sklearn", "torch", "implicit"):
        try:
            found[name] = getattr(__import__(name), "__version__")
        except ImportError:
            found[name] = None
    try:
        import threadpoolctl
        found["blas"] = ", ".join(sorted({f"{p['internal_api']} {p['version']} {p.get('architecture', '')}".strip()
                                          for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"}))
    except ImportError:
        found["blas"] = None
    return found


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    functions = {f.__name__: f for f in (logistic, load_mlp, mlp, load_pairs, als, als_lists, factors, als_all,
                                         load_gramian, inverse, ease_lists, load_items, gemv, versions)}
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = {"value": functions[name](**arguments)}
        except Exception as error:  # the caller decides what it means
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
