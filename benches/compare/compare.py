"""Debits of Coffer beside what one would build instead, on this machine, in one run: PostgreSQL with a function, Redis with a script.

Each side checks an idempotency key, checks and takes credits, and writes a ledger row, durable before it answers (fsync, `appendfsync
always`, synchronous_commit), without pipelining. Sides take turns, round after round; the table has their medians and what they span.
PostgreSQL and Redis are asked by their own benchmark programs over Unix sockets, Coffer over HTTP by wrk: the comparison is unfair to Coffer
by the cost of HTTP, and by all that it does beyond the others (decimals, several tranches, ends, scopes, a hash chain).

Usage: compare.py COFFER [--rounds N] [--seconds N] [--connections 64] [--dir DIR] [--json]
"""

import argparse
import glob
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
WALLETS = 1000


def program(name):
    """The path of a program that must be there."""
    found = shutil.which(name) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None)
    return found or sys.exit(f"{name} is not installed")


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


class Postgres:
    """A cluster of its own. It may not be run by root, who runs it as `nobody`."""

    def __init__(self, place):
        self.place = os.path.join(place, "postgres")
        os.mkdir(self.place)
        self.user = {}
        if os.geteuid() == 0:
            os.chmod(place, 0o755)
            shutil.chown(self.place, "nobody")
            self.user = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        data = os.path.join(self.place, "data")
        run(program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", **self.user)
        with open(os.path.join(data, "postgresql.conf"), "a") as settings:
            settings.write("listen_addresses = ''\nmax_connections = 300\nshared_buffers = '1GB'\nmax_wal_size = '8GB'\n")
        command = [program("postgres"), "-D", data, "-k", self.place]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self.user)
        ready = [program("pg_isready"), "-h", self.place, "-t", "1"]
        while subprocess.run(ready, stdout=subprocess.DEVNULL).returncode != 0:
            if self.process.poll() is not None:
                sys.exit("PostgreSQL did not start")
        run(program("psql"), "-q", "-h", self.place, "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-f", os.path.join(HERE, "postgres.sql"))

    def measure(self, script, clients, seconds):
        said = run(
            program("pgbench"), "-n", "-M", "prepared", "-h", self.place, "-U", "postgres", "-c", str(clients), "-j", "2",
            "-T", str(seconds), "-f", os.path.join(HERE, script), "postgres",
        )
        return float(re.search(r"tps = ([0-9.]+)", said)[1])

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


class Redis:
    """A server of its own, with nothing but the append-only file."""

    def __init__(self, place):
        self.place = os.path.join(place, "redis")
        os.mkdir(self.place)
        self.socket = os.path.join(self.place, "redis.sock")
        command = [
            program("redis-server"), "--port", "0", "--unixsocket", self.socket, "--dir", self.place,
            "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0",
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while not os.path.exists(self.socket):
            if self.process.poll() is not None:
                sys.exit("Redis did not start")
        with open(os.path.join(HERE, "redis.lua")) as script:
            self.script = run(program("redis-cli"), "-s", self.socket, "script", "load", script.read()).strip()

    def measure(self, wallets, clients, seconds):
        # redis-benchmark counts requests, not seconds: a short run says how many.
        rate = self.requests(wallets, clients, 20_000)
        return self.requests(wallets, clients, int(rate * seconds))

    def rows(self):
        return int(run(program("redis-cli"), "-s", self.socket, "xlen", "entries"))

    def requests(self, wallets, clients, count):
        before = self.rows()
        said = run(
            program("redis-benchmark"), "-s", self.socket, "-c", str(clients), "-n", str(count), "-r", "1000000000", "-q", "--csv",
            "evalsha", self.script, "0", os.urandom(8).hex(), "__rand_int__", "__rand_int__", str(wallets),
        )
        # A key that was there already is answered without a write, and much sooner.
        written = self.rows() - before
        if written < count * 0.999:
            sys.exit(f"Redis wrote {written} rows for {count} debits")
        return float(said.strip().splitlines()[-1].split(",")[1].strip('"'))

    def stop(self):
        self.process.terminate()
        self.process.wait()


def coffer(binary, place, clients, seconds):
    """Spread and hot, from one short run of its own benchmark."""
    command = [
        binary, "bench", "--only", "http", "--json", "--rounds", "1", "--seconds", str(seconds), "--connections", str(clients),
        "--client", "wrk", "--dir", place,
    ]
    return {figure["name"]: figure["per_second"] for figure in json.loads(run(*command))["report"]["http"]}


def main():
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("coffer")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--seconds", type=int, default=3)
    asked.add_argument("--connections", type=int, default=64)
    asked.add_argument("--postgres-clients", type=int, nargs="+", default=[16, 32, 64], help="its best of these counts")
    asked.add_argument("--dir", help="on the disk to measure", default=tempfile.gettempdir())
    asked.add_argument("--json", action="store_true")
    args = asked.parse_args()
    rates = {}

    def note(name, rate):
        rates.setdefault(name, []).append(rate)
        print(f"{name}: {rate:,.0f}/s", file=sys.stderr)

    with tempfile.TemporaryDirectory(dir=args.dir) as place:
        postgres, redis = Postgres(place), Redis(place)
        try:
            for number in range(args.rounds):
                print(f"round {number + 1} of {args.rounds}", file=sys.stderr)
                figures = coffer(args.coffer, place, args.connections, args.seconds)
                for name, rate in figures.items():
                    note(f"coffer: {name}", rate)
                note("redis: spread", redis.measure(WALLETS, args.connections, args.seconds))
                note("redis: hot", redis.measure(1, args.connections, args.seconds))
                spread = [postgres.measure("postgres_spread.sql", clients, args.seconds) for clients in args.postgres_clients]
                note("postgres: spread", max(spread))
                hot = [postgres.measure("postgres_hot.sql", clients, args.seconds) for clients in args.postgres_clients]
                note("postgres: hot", max(hot))
        finally:
            redis.stop()
            postgres.stop()
    table = {
        name: {"median": statistics.median(found), "lowest": min(found), "highest": max(found)} for name, found in rates.items()
    }
    ratios = {
        f"coffer ÷ {other}, {ours}": table[f"coffer: {ours_called}"]["median"] / table[f"{other}: {ours}"]["median"]
        for other in ("redis", "postgres")
        for ours, ours_called in (("spread", "spread"), ("hot", "hot wallet"))
    }
    if args.json:
        print(json.dumps({"rates": table, "ratios": ratios}, indent=2))
        return
    print("| | a second | lowest – highest |\n|---|---|---|")
    for name, found in table.items():
        print(f"| {name} | {found['median']:,.0f} | {found['lowest']:,.0f} – {found['highest']:,.0f} |")
    print("\n| ratio | |\n|---|---|")
    for name, ratio in ratios.items():
        print(f"| {name} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
