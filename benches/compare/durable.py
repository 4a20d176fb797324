"""What a store that is kept takes: beside etcd on the same disk, each change on
it before it is acknowledged, and by itself."""

import signal
import time
from pathlib import Path
from statistics import median

import messages
import programs
from loads import GET, SET, Bench, H2load, alternate, prefill, ratio, store_one
from row import Result, Row, bars, compared

PUT = "/etcdserverpb.KV/Put"
LISTS = ["--pipeline", "64", "--connections", "8", "--streams", "4"]


def against_etcd(connections, streams):
    """Sets against Puts, each a call of its own."""

    def measure(plan):
        with programs.kept() as ours, programs.etcd() as etcd:
            samples = alternate(
                plan.rounds,
                nanokv=H2load(ours, SET, messages.set_(64), connections, streams, plan.seconds),
                etcd=H2load(etcd, PUT, messages.etcd_put(64), connections, streams, plan.seconds),
            )
        return Result(ratio(samples["nanokv"], samples["etcd"]), compared(samples), bars=bars(samples))

    return measure


def lists(plan):
    with programs.kept() as ours, programs.etcd() as etcd:
        samples = alternate(
            plan.rounds,
            nanokv=Bench(ours, "--mix", "set", *LISTS, seconds=plan.seconds),
            etcd=H2load(etcd, PUT, messages.etcd_put(64), 10, 100, plan.seconds),
        )
    return Result(ratio(samples["nanokv"], samples["etcd"]), compared(samples), bars=bars(samples))


def reads(plan):
    """Gets of a store that is kept and to which nobody writes, against one in memory."""
    with programs.kept() as kept, programs.nanokv("memory") as memory:
        loads = {}
        for name, program in (("nanokv", kept), ("memory", memory)):
            store_one(program, SET, messages.set_(64))
            loads[name] = H2load(program, GET, messages.get(), 8, 32, plan.seconds)
        samples = alternate(plan.rounds, **loads)
    return Result(ratio(samples["nanokv"], samples["memory"]), compared(samples))


def slowest(plan):
    with programs.kept() as ours:
        load = Bench(ours, "--mix", "set", "--keys", 1_000_000, seconds=plan.soak_seconds)
        sample = load()
    latency = sample.more["latency_us"]
    return Result(latency["max"] / 1e3, f"{plan.soak_seconds} s of Sets 8 x 32 over a million keys, {sample.rate / 1e3:,.0f} k/s; "
                  f"p99 {latency['p99'] / 1e3:.1f} ms, p99.9 {latency['p99_9'] / 1e3:.1f} ms, by the client")


def reopening(plan):
    """From before fork to ready, of a store that was ended in order."""
    keys, times = plan.keys // 10, []
    with programs.kept() as ours:
        prefill(ours, keys, "--ttl", "1h")
        end(ours)
    for _ in range(plan.rounds):
        began = time.perf_counter()
        with programs.kept(fresh=False) as ours:
            times.append(time.perf_counter() - began)
            end(ours)
    return Result(median(times), f"{keys:,} keys, read from the system's cache; {min(times):.2f}-{max(times):.2f} s")


def end(program):
    program.process.send_signal(signal.SIGINT)
    program.process.wait()


def disk(plan):
    keys, most = plan.keys // 10, 0
    with programs.kept() as ours:
        for _ in range(10):
            prefill(ours, keys)
            most = max(most, on_disk_bytes())
        prefill(ours, keys // 2, "--ttl", "1s")
        time.sleep(5)
        used = on_disk_bytes()
    return Result(used / 2**20, f"{keys:,} keys stored eleven times, half of them gone by then; "
                  f"{most / 2**20:,.0f} MiB at most in between")


def on_disk_bytes():
    files = [path for path in Path(programs.KEPT).rglob("*") if path.is_file()]
    return sum(path.stat().st_blocks * 512 for path in files)


ROWS = [
    Row("durable-1x1", "durable unary Set, 1 x 1, against etcd's Put", against_etcd(1, 1), 1.5, 2.0),
    Row("durable-8x32", "durable unary Set, 8 x 32, against etcd's Put", against_etcd(8, 32), 5.0, 8.0),
    Row("durable-10x100", "durable unary Set, 10 x 100, against etcd's Put", against_etcd(10, 100), 5.0, 8.0),
    Row("durable-lists", "durable Sets in lists of 64, in operations, against etcd's Put (10 x 100)", lists, 20.0, 40.0),
    Row("get-kept", "Get with a journal while nobody writes, 8 x 32, against the engine in memory", reads, 0.95, 1.0),
    Row("slowest-write", "slowest durable Set of a minute of full load", slowest, 100, 20, less=True, unit=" ms", quick=False),
    Row("reopening", "reopening 1 million keys", reopening, 1.5, 0.7, less=True, unit=" s"),
    Row("disk", "disk used by 1 million keys after ten overwrites, half of them expired", disk, 1024, 512, less=True,
        unit=" MiB", quick=False),
]
