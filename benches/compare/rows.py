"""What is measured: one function a row, each of which starts what it needs, and
says what was reached and how."""

import json
import socket
import subprocess
import threading
import time
from statistics import median

import messages
import programs
from loads import (GET, LIST, SET, Bench, H2load, RedisBenchmark, alternate, cpu_us, fill_memcached, fill_redis, output,
                   prefill, rate, ratio, store_one)
from programs import BUILT, LOAD_CORE, Program
from row import Result, Row, bars, compared, told


def unary(connections, streams, size=64, setting=False):
    """A call of its own against the floor that answers with the same bytes."""

    def measure(plan):
        reply = messages.set_reply() if setting else messages.get_reply(size)
        path, body = (SET, messages.set_(size)) if setting else (GET, messages.get())
        with programs.nanokv() as ours, programs.floor(reply) as floor:
            store_one(ours, SET, messages.set_(size))
            samples = alternate(
                plan.rounds,
                nanokv=H2load(ours, path, body, connections, streams, plan.seconds),
                floor=H2load(floor, path, body, connections, streams, plan.seconds),
            )
        return Result(ratio(samples["nanokv"], samples["floor"]), compared(samples), bars=bars(samples))

    return measure


def against_redis(plan):
    with programs.nanokv() as ours, programs.redis() as redis:
        store_one(ours, SET, messages.set_(64))
        fill_redis(redis, 10_000)
        samples = alternate(plan.rounds, nanokv=H2load(ours, GET, messages.get(), 8, 32, plan.seconds),
                            redis=RedisBenchmark(redis, 1, plan.seconds))
    return Result(ratio(samples["nanokv"], samples["redis"]), compared(samples), bars=bars(samples))


def against_go(plan):
    with programs.nanokv() as ours, programs.go_store() as go:
        loads = {}
        for name, program in (("nanokv", ours), ("grpc-go", go)):
            store_one(program, SET, messages.set_(64))
            loads[name] = H2load(program, GET, messages.get(), 8, 32, plan.seconds)
        samples = alternate(plan.rounds, **loads)
    return Result(ratio(samples["nanokv"], samples["grpc-go"]), compared(samples), bars=bars(samples))


def against_etcd(plan):
    with programs.nanokv() as ours, programs.etcd() as etcd:
        store_one(ours, SET, messages.set_(64))
        store_one(etcd, "/etcdserverpb.KV/Put", messages.etcd_put(64))
        samples = alternate(plan.rounds, nanokv=H2load(ours, GET, messages.get(), 8, 32, plan.seconds),
                            etcd=H2load(etcd, "/etcdserverpb.KV/Range", messages.etcd_range(), 8, 32, plan.seconds))
    return Result(ratio(samples["nanokv"], samples["etcd"]), compared(samples), bars=bars(samples))


def lists(*arguments):
    """Lists of 64 against Redis P=64, by operations a server CPU second."""

    def measure(plan):
        with programs.nanokv() as ours, programs.redis() as redis:
            prefill(ours, 10_000)
            fill_redis(redis, 10_000)
            samples = alternate(plan.rounds, nanokv=Bench(ours, *arguments, seconds=plan.seconds),
                                redis=RedisBenchmark(redis, 64, plan.seconds))
        value = ratio(samples["nanokv"], samples["redis"], lambda sample: 1 / sample.cpu_us)
        return Result(value, compared(samples), bars=bars(samples))

    return measure


def two_cores(plan):
    with programs.nanokv("one") as one, programs.nanokv("two", "0,1") as two:
        for program in (one, two):
            store_one(program, SET, messages.set_(64))
        samples = alternate(plan.rounds, one=H2load(one, GET, messages.get(), 8, 32, plan.seconds),
                            two=H2load(two, GET, messages.get(), 8, 32, plan.seconds))
    value = 2 * ratio(samples["one"], samples["two"], lambda sample: sample.cpu_us)
    return Result(value, f"{told('one thread', samples['one'])}; {told('two', samples['two'])}, with the load on one of "
                  "their cores: so by CPU time, not by rate")


def memory(plan):
    """RSS of servers with the same keys, and the engine's own account of them."""
    keys, payload = plan.keys // 5, 80
    beyond = {}
    fills = {
        "nanokv": (programs.nanokv, lambda program: prefill(program, keys, "--ttl", "1h")),
        "redis": (programs.redis, lambda program: fill_redis(program, keys, 3600)),
        "memcached": (programs.memcached, lambda program: fill_memcached(program, keys, 3600)),
    }
    for name, (start, fill) in fills.items():
        with start() as program:
            before = program.resident_bytes()
            fill(program)
            beyond[name] = (program.resident_bytes() - before) / keys - payload
    engine = json.loads(output(["taskset", "-c", LOAD_CORE, BUILT / "examples/engine", "grow", keys]))
    account, rss = engine["beyond_payload_by_account"], engine["beyond_payload_by_rss"]
    off = abs(account - rss) / (rss + payload) * 100
    text = "; ".join(f"{name} {value:.1f} B" for name, value in beyond.items())
    return Result(beyond["nanokv"], f"{text}, by RSS at {keys:,} keys; the engine alone {account} B by its account, "
                  f"{rss} B by RSS, which differ by {off:.1f} % of all its bytes", bars={k: [v, 0] for k, v in beyond.items()})


def scale(plan):
    with programs.nanokv("few") as few, programs.nanokv("many") as many:
        prefill(few, 10_000, "--ttl", "1h")
        prefill(many, plan.keys, "--ttl", "1h")
        pipe = ["--pipeline", "64", "--connections", "8", "--streams", "4"]
        samples = alternate(plan.rounds, few=Bench(few, *pipe, "--keys", "10000", seconds=plan.seconds),
                            many=Bench(many, *pipe, "--keys", plan.keys, seconds=plan.seconds))
    by_cpu = ratio(samples["many"], samples["few"], lambda sample: 1 / sample.cpu_us)
    by_rate = ratio(samples["many"], samples["few"])
    return Result(by_cpu, f"by operations a server CPU second; by rate {by_rate:.2f}; "
                  f"{told('10 thousand keys', samples['few'])}; {told(f'{plan.keys:,} keys', samples['many'])}")


def expiring(plan):
    """p99 of Gets at a fixed rate in a quiet window, and in one in which keys expire."""
    rounds = []
    for _ in range(plan.rounds):
        with programs.nanokv() as ours:
            prefill(ours, 10_000)
            gets = Bench(ours, "--rate", "20000", seconds=3.0)
            quiet = gets().more["latency_us"]
            began = time.monotonic()
            prefill(ours, plan.expiring, "--ttl", "5s", "--key-prefix", "gone:")
            took = time.monotonic() - began
            time.sleep(max(0.0, began + 4.5 - time.monotonic()))
            busy = gets().more["latency_us"]
            rounds.append((busy["p99"] / quiet["p99"], quiet["p99"], busy["p99"], busy["max"], took))
    middle = [median(column) for column in zip(*rounds)]
    return Result(middle[0], f"quiet {middle[1]:.0f} us, meanwhile {middle[2]:.0f} us, slowest {middle[3] / 1e3:.1f} ms; "
                  f"20,000 Gets/s; {plan.expiring:,} keys that were stored, and so expired, within {middle[4]:.1f} s")


def growth(plan):
    command = ["taskset", "-c", LOAD_CORE, BUILT / "examples/engine", "grow", plan.keys]
    slowest = sorted(json.loads(output(command))["slowest_set_us"] / 1e3 for _ in range(plan.rounds))
    return Result(median(slowest), f"the engine alone, {plan.keys:,} keys with a TTL; {slowest[0]:.2f}-{slowest[-1]:.2f} ms")


def first_call(plan):
    """From before fork to the first bytes of an answered Get, over a socket of this program."""
    times = []
    for _ in range(max(plan.rounds, 5) * 2):
        port = programs.free_port()
        began = time.perf_counter()
        command = ["taskset", "-c", "0", BUILT / "nanokv", "serve", "--listen", f"127.0.0.1:{port}", "--log-level", "warn"]
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
        try:
            times.append((answered(port) - began) * 1e3)
        finally:
            process.kill()
            process.wait()
    return Result(median(times), f"fork, exec and connecting included; {min(times):.1f}-{max(times):.1f} ms")


def answered(port):
    """When a Get was answered: a HEADERS frame of its stream has come."""
    deadline = time.monotonic() + programs.READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port)) as link:
                link.sendall(messages.http2_get())
                got = b""
                while some := link.recv(4096):
                    got += some
                    if answers_get(got):
                        return time.perf_counter()
        except ConnectionRefusedError:
            time.sleep(0.0005)
    raise SystemExit("scripts/bench: nanokv did not answer its first call")


def answers_get(got):
    while len(got) >= 9:
        size, kind, stream = int.from_bytes(got[:3], "big"), got[3], int.from_bytes(got[5:9], "big")
        if kind == 1 and stream == 1:
            return True
        got = got[9 + size:]
    return False


def idle(plan):
    each = []
    for _ in range(3):
        with programs.nanokv() as ours:
            before = ours.resident_bytes()
            load = Bench(ours, "--connections", plan.idle, "--streams", "1", "--rate", "100", seconds=6.0)
            running = threading.Thread(target=load)
            running.start()
            while connections(ours) < plan.idle and running.is_alive():
                time.sleep(0.1)
            time.sleep(1)
            each.append((ours.resident_bytes() - before) / plan.idle)
            running.join()
    return Result(median(each), f"bytes of RSS each, {plan.idle:,} connections that have said hello and are quiet")


def connections(program):
    links = subprocess.run(["ls", f"/proc/{program.pid}/fd"], capture_output=True, text=True, check=True)
    return len(links.stdout.split())


def by_connections(plan):
    curve = []
    with programs.nanokv() as ours:
        store_one(ours, SET, messages.set_(64))
        for count in (1, 4, 16, 64, 256, 1024):
            samples = alternate(plan.rounds, nanokv=H2load(ours, GET, messages.get(), count, 8, plan.seconds / 2))
            curve.append([count, rate(samples["nanokv"]), cpu_us(samples["nanokv"])])
    return Result(None, curve_text(curve, "connections x 8"), curve)


def by_keys(plan):
    curve, keys = [], 1000
    while keys <= plan.keys:
        with programs.nanokv() as ours:
            prefill(ours, keys, "--ttl", "1h")
            load = Bench(ours, "--pipeline", "64", "--streams", "4", "--keys", keys, seconds=plan.seconds / 2)
            samples = alternate(plan.rounds, nanokv=load)["nanokv"]
            curve.append([keys, rate(samples), cpu_us(samples)])
        keys *= 10
    return Result(None, curve_text(curve, "keys, Gets in lists of 64"), curve)


def by_watchers(plan):
    curve = []
    for count in (0, 1, 10, 100, 1000, 10_000):
        with programs.nanokv() as ours:
            watchers = None
            if count:
                command = [BUILT / "examples/watchers", ours.address, count]
                watchers = Program("watchers", command, LOAD_CORE, ready=r"^watching")
            load = H2load(ours, SET, messages.set_(64), 8, 32, plan.seconds / 2)
            samples = alternate(plan.rounds, nanokv=load)["nanokv"]
            curve.append([count, rate(samples), cpu_us(samples)])
            if watchers:
                watchers.stop()
    return Result(None, curve_text(curve, "watches of other prefixes, Sets 8 x 32"), curve)


def curve_text(curve, what):
    points = ", ".join(f"{x:,}: {k / 1e3:,.0f} k/s ({us:.2f} us)" for x, k, us in curve)
    return f"{what}: {points}"


ROWS = [
    Row("get-8x32", "unary Get 64 B against the floor, 8 x 32", unary(8, 32), 0.93, 1.05),
    Row("get-10x100", "unary Get 64 B against the floor, 10 x 100", unary(10, 100), 0.93, 1.05),
    Row("get-50x1", "unary Get 64 B against the floor, 50 x 1", unary(50, 1), 0.95, 1.0),
    Row("get-512", "unary Get 512 B, 8 x 32, against the plain floor with the same reply", unary(8, 32, 512), 2.3, 3.0),
    Row("get-4096", "unary Get 4 KiB, 8 x 32, against the plain floor with the same reply", unary(8, 32, 4096), 1.8, 2.3),
    Row("set-8x32", "unary Set 64 B against the floor, 8 x 32", unary(8, 32, setting=True), 0.9, 1.0),
    Row("get-redis", "multiplexed unary Get (8 x 32) against Redis unpipelined (50 connections)", against_redis, 3.0, 4.0),
    Row("get-grpc-go", "multiplexed unary Get (8 x 32) against grpc-go", against_go, 3.5, 4.0),
    Row("get-etcd", "multiplexed unary Get (8 x 32) against etcd's Range", against_etcd),
    Row("pipeline-64", "Pipeline, 64 Gets a list: operations per server CPU second against Redis P=64",
        lists("--pipeline", "64", "--connections", "8", "--streams", "4"), 2.0, 2.8),
    Row("batch-64", "Batch of 64 Gets, 8 x 4, the same",
        lists("--batch", "64", "--connections", "8", "--streams", "4"), 1.2, 1.8),
    Row("two-cores", "two cores: 2 x (CPU us an operation on one thread) / (the same on two)", two_cores, 1.8, 1.95),
    Row("memory", "bytes beyond payload per key with TTL (16 B key, 64 B value)", memory, 64, 56, less=True, unit=" B"),
    Row("scale", "Get throughput at 10 million keys against 10 thousand, through Pipeline", scale, 0.6, 0.8),
    Row("expiring", "Get p99 while 1 million keys expire within a second, against quiet", expiring, 2.0, 1.3, less=True, unit="x"),
    Row("growth", "slowest Set in the engine while growing to 10 million keys", growth, 2.0, 0.6, less=True, unit=" ms", quick=False),
    Row("first-call", "start to first answered call, empty store", first_call, 50, 20, less=True, unit=" ms"),
    Row("idle", "an idle connection, of 10,000", idle, less=True, unit=" B", quick=False),
    Row("by-connections", "Get as connections grow", by_connections, quick=False),
    Row("by-keys", "Get as keys grow", by_keys, quick=False),
    Row("by-watchers", "Set as watches grow", by_watchers, quick=False),
]
