"""A cache that is full: the reads that hit, and what making room costs."""

import json
from statistics import median

import programs
from loads import output
from programs import BUILT, LOAD_CORE
from row import Result, Row


def evicting(plan):
    memory_max = 12 << 20
    requests = max(1_000_000, plan.keys // 2)
    evict = lambda policy: ["--maxmemory", memory_max, "--maxmemory-policy", policy]
    with programs.redis(*evict("allkeys-lru"), name="redis-lru") as lru:
        with programs.redis(*evict("allkeys-lfu"), name="redis-lfu") as lfu:
            ports = [redis.address.rpartition(":")[2] for redis in (lru, lfu)]
            told = output(["taskset", "-c", LOAD_CORE, BUILT / "examples/evicting", "hits", memory_max, requests, *ports])
    shares = [json.loads(line) for line in told.splitlines()]
    texts = [f"zipf {some['zipf']}{' and scans' * some['scans']}: " + ", ".join(
        f"{name.replace('_', ' ')} {some[name]:.3f}" for name in ("nanokv", "exact_lru", "redis_lru", "redis_lfu"))
        for some in shares]
    command = ["taskset", "-c", LOAD_CORE, BUILT / "examples/evicting", "cost", max(200_000, plan.keys // 10)]
    costs = [json.loads(output(command)) for _ in range(plan.rounds)]
    below, at = (median(cost[name] for cost in costs) for name in ("below_ns", "at_ns"))
    least = min(some["nanokv"] / some["exact_lru"] for some in shares)
    return Result(least, f"the least of four; a million keys, {memory_max >> 20} MiB; {'; '.join(texts)}; a Set of a new key, in the "
                  f"engine, {below:.0f} ns below memory_max, {at:.0f} ns at it ({at / below:.2f})")


ROWS = [
    Row("evicting", "reads that hit in a full cache, against exact LRU with as many entries", evicting, 1.0, 1.01),
]
