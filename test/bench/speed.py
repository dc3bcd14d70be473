#!/usr/bin/python3
"""speed.py: training and serving beside what others reach, as ratios measured side by side in one run.

    make bench ONLY=speed                  on a private server, which this reaches through the PG* variables
    make bench ONLY=speed RESULTS=test/bench/RESULTS.md
                                           also writes the section `speed` there, and growth.svg beside it
    ROWS=als_1m,ease                       these rows alone: logistic, onehot, mlp, als_1m, als_5m, ease,
                                           recommend_100k, recommend_1m, connection, recommend_all, memory, threads,
                                           growth
    SCALE=0.1                              a tenth of the data, to try it
    ROUNDS=5                               rounds (at most 3 for what takes longer than some seconds)
    THREADS=2                              longtail.threads, and the threads of the peers

Needs  apt-get install python3-sklearn python3-psycopg2  and, for some peers,  python3-torch liblinear-tools  and the
extension vector on the server (postgresql-NN-pgvector where the distribution has it); implicit is in no distribution:
it is measured where python can import it, through PYTHONPATH for instance.  A row whose peer is not there says so.

Ours and the peer work in turn, round by round; a figure is the median over rounds, with the least and the most behind
it, and the ratio is that of the medians.  Training is the call of longtail.train by the caller's clock: read, encoded,
fitted, measured, stored, committed.  Quality is measured on both sides beside the time: a row whose quality is not the
same says `not comparable`.  The tolerances: log-loss of one convex problem within 1e-4 of itself where both stop at
their own tolerance, 2e-3 on held-out rows; of networks, which differ by their seeds, 1 %; NDCG of factors from other
beginnings no more than 3 % below, and 2 % for ease, of which both keep 200 weights an item.

The data are made up (speed_data.py), the training rows are in speed_train.py, the serving ones in speed_serve.py, the
peers with their settings in speed_peers.py, the curves in speed_growth.py.

The private server gets shared_buffers of a quarter of the memory, 4 GB at most, as PostgreSQL's documentation suggests;
all else is as it comes.  No process has OPENBLAS_CORETYPE or OPENBLAS_L2_SIZE set.
"""
import os
import signal
import subprocess
import sys
import time
import traceback

for variable in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(variable, None)

import speed_growth
import speed_serve
import speed_train
from speed_base import HERE, ROUNDS, SCALE, THREADS, Peer, clean_up, db

WORK = {
    "logistic": speed_train.logistic,
    "onehot": speed_train.onehot,
    "mlp": speed_train.mlp,
    "als_1m": speed_train.als_1m,
    "als_5m": speed_train.als_5m,
    "ease": speed_train.ease,
    "recommend_100k": speed_serve.recommend_100k,
    "recommend_1m": speed_serve.recommend_1m,
    "connection": speed_serve.connection,
    "recommend_all": speed_serve.recommend_all,
    "memory": speed_serve.memory,
    "threads": speed_train.threads,
    "growth": None,
}
SETTINGS = ("shared_buffers", "work_mem", "max_parallel_workers_per_gather", "max_parallel_workers", "jit", "fsync",
            "wal_level", "shared_preload_libraries")


def chosen():
    names = os.environ.get("ROWS")
    if not names:
        return list(WORK)
    unknown = set(names.split(",")) - set(WORK)
    if unknown:
        sys.exit(f"ROWS: there is no {', '.join(sorted(unknown))}; there are {', '.join(WORK)}")
    return [name for name in WORK if name in names.split(",")]


def output(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def tune():
    """More shared_buffers for a private server; what is set back at the end."""
    if not os.environ.get("LONGTAIL_SERVER"):
        return {}
    with open("/proc/meminfo") as lines:
        megabytes = int(lines.readline().split()[1]) // 1024
    speed_serve.restart({"shared_buffers": f"'{min(4096, megabytes // 4)}MB'"})
    return {"shared_buffers": None}


def environment():
    with open("/proc/cpuinfo") as lines:
        cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")
    with Peer(THREADS) as peer:
        versions = peer.call("versions")
    build = ", ".join(f"{name} {value}" for name, value in db.query("SELECT name, value FROM longtail.build_info()"))
    settings = ", ".join(f"{name} {db.one(f'SHOW {name}')}" for name in SETTINGS)
    liblinear = output("dpkg-query", "-W", "-f", "${Version}", "liblinear-tools")
    peers = ", ".join([*(f"{name} {version}" for name, version in versions.items() if version and name != "blas"),
                       *([f"liblinear {liblinear}"] if liblinear else []), versions["blas"] or ""])
    commit = output("git", "-C", HERE, "describe", "--always", "--dirty") or "unknown"
    print(f"* {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}, {cpu}, {os.cpu_count()} processors, load average "
          f"at the start {os.getloadavg()[0]:.2f}, commit {commit}\n"
          f"* {build}\n* PostgreSQL {db.one('SHOW server_version')}: {settings}\n* peers: {peers}\n"
          f"* {ROUNDS} rounds, ours and the peer in turn, medians (least to most); {THREADS} threads"
          f"{'' if SCALE == 1 else f'; sizes times {SCALE:g}, so that no figure counts'}\n", flush=True)


def verdict(row):
    """Whether the row is met; a limit below 0 is what is to be reached at least."""
    if row.ratio is None:
        return ""
    if row.same is False:
        return "not comparable"
    return "yes" if (row.ratio <= row.reach if row.reach >= 0 else row.ratio >= -row.reach) else "**no**"


def line(row):
    reach = f"at most {row.reach:g}" if row.reach >= 0 else f"at least {-row.reach:g}"
    ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
    return f"| {row.work} | {row.ours} | {row.peer} | {ratio} | {reach} | {verdict(row) or row.note} |"


def main():
    names = chosen()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("speed.py: ended"))  # by way of what is below
    reset = tune()
    rows, good = [], True
    try:
        environment()
        print("| work | ours | peer | ratio | to reach | met? |\n|---|---|---|---|---|---|", flush=True)
        for name in names:
            if WORK[name] is None:
                continue
            try:
                for row in WORK[name]():
                    rows.append(row)
                    print(line(row), flush=True)
            except Exception as error:  # the other rows are still worth their time
                good = False
                traceback.print_exc()
                print(f"| {name} | | | | | failed: {str(error).splitlines()[0]} |", flush=True)
                db.reconnect()  # it may have been the server
        notes = [f"* {row.work}: {'; '.join(filter(None, (row.quality, row.note)))}" for row in rows
                 if row.ratio is not None and (row.quality or row.note)]
        if notes:
            print("\nThe quality (ours, then the peer's), and where the time goes:\n", *notes, sep="\n", flush=True)
        if "growth" in names:
            found = speed_growth.points()
            results = os.environ.get("RESULTS")
            print("\nWhat size costs:\n", speed_growth.table(found), sep="\n", flush=True)
            if results and speed_growth.picture(found, f"{os.path.dirname(os.path.abspath(results))}/growth.svg"):
                print("\n![time against rows, items and k](growth.svg)", flush=True)
        db.query("DROP SCHEMA IF EXISTS bench CASCADE")
        for (model,) in db.query("SELECT model FROM longtail.models WHERE model LIKE 'bench%'"):
            db.query("SELECT longtail.drop_model(%s)", (model,))
    finally:
        clean_up()
        if reset:
            speed_serve.restart(reset)
    return not good


if __name__ == "__main__":
    sys.exit(main())
