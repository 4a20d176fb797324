"""Loads on core 1, and what each came to: a rate, and the CPU time that it cost
the server."""

import json
import re
import socket
import subprocess
from dataclasses import dataclass, field
from statistics import median

from programs import BUILT, LOAD_CORE, WORK

GET, SET, LIST = (f"/nanokv.v1.KvService/{name}" for name in ("Get", "Set", "List"))
CALIBRATION_CALLS = 20_000


@dataclass
class Sample:
    """One round: operations a second, and the server's CPU microseconds for each."""

    rate: float
    cpu_us: float
    more: dict = field(default_factory=dict)


def measured(program, operations_of, run):
    before = program.cpu_seconds()
    rate, operations, more = operations_of(run())
    return Sample(rate, (program.cpu_seconds() - before) / operations * 1e6, more)


def output(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"scripts/bench: {' '.join(map(str, command))}: {done.stderr[-2000:]}{done.stdout[-2000:]}")
    return done.stdout


class H2load:
    """The neutral load: so many calls as a round of `seconds` takes."""

    scheme, headers = "http", ()

    def __init__(self, program, path, body, connections, streams, seconds, scheme="http", headers=()):
        self.program, self.seconds = program, seconds
        self.scheme, self.headers = scheme, headers
        self.file = WORK / f"{program.name}{path.replace('/', '-')}.body"
        self.file.write_bytes(body)
        self.shape = (connections, streams)
        self.path = path
        self.calls = max(CALIBRATION_CALLS // 10, connections)
        self.calls = max(int(self().rate * 0.3), self.calls)
        self.calls = max(int(self().rate * seconds), connections)

    def command(self):
        connections, streams = self.shape
        return ["taskset", "-c", LOAD_CORE, "h2load", "-n", self.calls, "-c", connections, "-m", streams,
                "-d", self.file, "-H", "content-type: application/grpc", "-H", "te: trailers",
                *(word for header in self.headers for word in ("-H", header)),
                f"{self.scheme}://{self.program.address}{self.path}"]

    def __call__(self):
        def said(text):
            if " 0 failed, 0 errored" not in text:
                raise SystemExit(f"scripts/bench: {self.program.name}: {text}")
            rate = float(re.search(r"finished in .*?, ([0-9.]+) req/s", text).group(1))
            return rate, self.calls, {}

        return measured(self.program, said, lambda: output(self.command()))


class Bench:
    """`nanokv bench` on core 1."""

    def __init__(self, program, *arguments, seconds=1.5, core=LOAD_CORE):
        self.program, self.core = program, core
        self.arguments = [*arguments, "--warm-up", "0s", "--duration", f"{int(seconds * 1000)}ms"]

    def command(self):
        return ["taskset", "-c", self.core, BUILT / "nanokv", "bench", "--address", self.program.address,
                "--json", *self.arguments]

    def __call__(self):
        def said(text):
            told = json.loads(text)
            return told["operations_per_second"], max(told["operations"], 1), told

        return measured(self.program, said, lambda: output(self.command()))


class RedisBenchmark:
    """redis-benchmark on core 1, over the same keys."""

    def __init__(self, program, pipeline, seconds, connections=50):
        self.program, self.pipeline, self.connections = program, pipeline, connections
        self.operations = 100_000
        self.operations = int(self().rate * seconds)

    def command(self):
        port = self.program.address.rpartition(":")[2]
        return ["taskset", "-c", LOAD_CORE, "redis-benchmark", "-p", port, "-c", self.connections,
                "-P", self.pipeline, "-n", self.operations, "-r", 10_000, "-q", "GET", "key:__rand_int__"]

    def __call__(self):
        def said(text):
            rates = re.findall(r": ([0-9.]+) requests per second", text)
            return float(rates[-1]), self.operations, {}

        return measured(self.program, said, lambda: output(self.command()))


def alternate(rounds, **loads):
    """Rounds in which each load has its turn."""
    samples = {name: [] for name in loads}
    for _ in range(rounds):
        for name, load in loads.items():
            samples[name].append(load())
    return samples


def rate(samples):
    return median(sample.rate for sample in samples)


def cpu_us(samples):
    return median(sample.cpu_us for sample in samples)


def ratio(ours, theirs, of=lambda sample: sample.rate):
    return median(of(a) / of(b) for a, b in zip(ours, theirs))


def prefill(program, keys, *arguments):
    """Stores so many keys of 16 bytes with values of 64."""
    output(["taskset", "-c", LOAD_CORE, BUILT / "nanokv", "bench", "--address", program.address, "--prefill",
            "--keys", keys, "--count", 1, "--warm-up", "0s", "--timeout-ms", 60_000, *arguments])


def store_one(program, path, body, scheme="http", headers=()):
    H2load.__call__(_once(program, path, body, scheme, headers))


def _once(program, path, body, scheme, headers):
    load = H2load.__new__(H2load)
    load.scheme, load.headers = scheme, headers
    load.program, load.path, load.shape, load.calls = program, path, (1, 1), 1
    load.file = WORK / f"{program.name}{path.replace('/', '-')}.once"
    load.file.write_bytes(body)
    return load


def fill_redis(program, keys, ttl_s=None):
    expiry = b"" if ttl_s is None else b"$2\r\nEX\r\n$%d\r\n%d\r\n" % (len(str(ttl_s)), ttl_s)
    count = 3 if ttl_s is None else 5
    command = b"*%d\r\n$3\r\nSET\r\n$16\r\nkey:%%012d\r\n$64\r\n%s\r\n%s" % (count, b"v" * 64, expiry)
    _pipe(program, (command % number for number in range(keys)), keys, b"+OK\r\n")


def fill_memcached(program, keys, ttl_s):
    command = b"set key:%%012d 0 %d 64\r\n%s\r\n" % (ttl_s, b"v" * 64)
    _pipe(program, (command % number for number in range(keys)), keys, b"STORED\r\n")


def _pipe(program, commands, count, answer):
    host, _, port = program.address.partition(":")
    with socket.create_connection((host, int(port))) as link:
        stored = 0
        while stored < count:
            some = [command for _, command in zip(range(1000), commands)]
            link.sendall(b"".join(some))
            want, got = len(some) * len(answer), b""
            while len(got) < want:
                got += link.recv(1 << 16)
            if got != answer * len(some):
                raise SystemExit(f"scripts/bench: {program.name} did not store: {got[:200]!r}")
            stored += len(some)


