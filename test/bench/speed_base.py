"""speed_base.py: what the rows of speed.py share: server, interleaved rounds, peers in processes of their own, results.

A peer runs in a process of its own (speed_peers.py), because how many threads BLAS and OpenMP take is read from the
environment once.  It waits, blocked, while the others are measured.
"""
import collections
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import psycopg2

HERE = os.path.dirname(os.path.abspath(__file__))
SCALE = float(os.environ.get("SCALE", "1"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
THREADS = int(os.environ.get("THREADS", "2"))

# What is known of a line of the table.  note: what else was seen; same: whether the quality is the same (None: nothing
# to compare), said by quality.
Row = collections.namedtuple("Row", "work ours peer ratio reach quality same note")

# Exports that are read back at once: in memory where there is one.
scratch = tempfile.mkdtemp(prefix="longtail-speed-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None)
os.chmod(scratch, 0o777)  # the server's user writes there, too


def scaled(n, least=1):
    return max(least, int(n * SCALE))


def side(n):
    """Of a matrix of users by items, so that a scaled number of pairs is as dense in it."""
    return int(n * SCALE ** 0.5)


# ---- the server ----

def connect():
    connection = psycopg2.connect("")
    connection.autocommit = True
    return connection


class Database:
    """One connection, made again after a restart of the server."""

    def __init__(self):
        self.reconnect()

    def reconnect(self):
        self.connection = connect()
        self.cursor = self.connection.cursor()
        self.query("SET client_min_messages = warning; SET statement_timeout = 0")
        self.query("LOAD 'longtail'")
        self.threads(THREADS)

    def query(self, text, values=None):
        self.cursor.execute(text, values)
        return self.cursor.fetchall() if self.cursor.description else None

    def one(self, text, values=None):
        return self.query(text, values)[0][0]

    def threads(self, n):
        self.query(f"SET longtail.threads = {n}")


db = Database()


def train(algorithm, source, columns, options, model="bench"):
    """Seconds by the caller's clock, and of them those of the phase in which the algorithm runs.  columns: those of the
    roles, as SQL."""
    notices = db.connection.notices
    del notices[:]
    db.query("SET client_min_messages = debug1")
    start = time.perf_counter()
    db.query(f"SELECT * FROM longtail.train(%s, %s, %s, {columns}, options => %s)",
             (model, source, algorithm, json.dumps({"split": "none", "promote": "always", **options})))
    end = time.perf_counter() - start
    db.query("SET client_min_messages = warning")
    begun = [(float(m.group(2)), m.group(1)) for m in
             (re.search(r'"[^"]*": (.*), from ([0-9.]+) s on', text) for text in notices) if m]
    begun = begun + [(end, "")]
    fit = sum(after - at for (at, phase), (after, _) in zip(begun, begun[1:]) if phase.endswith("training"))
    return end, fit, "; ".join(f"{phase} {after - at:.2f}" for (at, phase), (after, _) in zip(begun, begun[1:]))


def drop(*models):
    for model in models:
        db.query("SELECT longtail.drop_model(%s) WHERE EXISTS (SELECT FROM longtail.models WHERE model = %s)",
                 (model, model))


# ---- peers ----

class Peer:
    """Calls to functions of speed_peers.py in a process with so many threads for BLAS and OpenMP."""

    def __init__(self, threads, **environment):
        variables = {**os.environ, "OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads),
                     **environment}
        for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
            variables.pop(name, None)
        self.process = subprocess.Popen([sys.executable, "-B", f"{HERE}/speed_peers.py"], env=variables, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def call(self, function, **arguments):
        print(json.dumps([function, arguments]), file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{function} ended its process")
        answer = json.loads(answer)
        if "error" in answer:
            raise RuntimeError(f"{function}: {answer['error']}")
        return answer["value"]


def clocked(*arguments, **more):
    """Seconds a command takes; it must succeed."""
    start = time.perf_counter()
    subprocess.run(*arguments, check=True, stdout=subprocess.DEVNULL, **more)
    return time.perf_counter() - start


# ---- rounds ----

def interleave(rounds=None, **work):
    """Each piece of work in turn, rounds times: lists of seconds by name.  A piece returns its seconds, or a tuple that
    begins with them."""
    took = {name: [] for name in work}
    for _ in range(rounds or ROUNDS):
        for name, piece in work.items():
            seconds = piece()
            took[name].append(seconds[0] if isinstance(seconds, tuple) else seconds)
    return took


def median(seconds):
    return statistics.median(seconds)


def text(seconds, name=""):
    """The median with the least and the most, in a unit that shows three digits of it."""
    unit, factor = ("s", 1) if median(seconds) >= 0.1 else ("ms", 1000)

    def figure(value):
        value *= factor
        return f"{value:.{max(0, 2 - max(0, len(str(int(value))) - 1))}f}" if value >= 1 else f"{value:.3f}"

    return f"{name}{figure(median(seconds))} {unit} ({figure(min(seconds))} to {figure(max(seconds))})"


def row(work, ours, peer, peer_name, reach, quality="", same=None, note="", more=0.0):
    """more: seconds the peer is allowed beside its own."""
    return Row(work, text(ours), text(peer, peer_name + " "), median(ours) / (median(peer) + more), reach, quality,
               None if same is None else bool(same), note)


def skipped(work, reach, why):
    return Row(work, "", "", None, reach, "", None, f"skipped: {why}")


# ---- clients ----

def pgbench(script, transactions=None, seconds=None, warm=0):
    """Latencies in seconds of a script's transactions, by one client, prepared; those of the first `warm` left out."""
    folder = tempfile.mkdtemp(dir=scratch)
    try:
        with open(f"{folder}/script", "w") as out:
            out.write(script)
        length = ["-t", str(transactions + warm)] if transactions else ["-T", str(seconds)]
        done = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", "1", *length, "-l", "-f", "script"], cwd=folder,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().splitlines()[-1])
        lines = []
        for name in os.listdir(folder):
            if name.startswith("pgbench_log"):
                with open(f"{folder}/{name}") as log:
                    lines += [int(line.split()[2]) / 1e6 for line in log]
        return lines[warm:]
    finally:
        shutil.rmtree(folder)


def clean_up():
    shutil.rmtree(scratch, ignore_errors=True)
