"""docs/benchmarks.md with its pictures, and the figures in README.md, of what was measured."""

import platform
import re
import subprocess
from pathlib import Path

from programs import ROOT, version
from row import Source
from table import ROWS

PAGE = ROOT / "docs/benchmarks.md"
PICTURES = ROOT / "docs/benchmarks"
README = ROOT / "README.md"
REASONS = Path(__file__).with_name("reasons.md")

HEAD = """# Benchmarks

Written by `scripts/bench`: do not edit. One row: `scripts/bench get-8x32`; a first look in under three minutes: `scripts/bench --quick`.

Everything is a ratio measured on one machine, both sides of a row in one run and by turns: server on one core, load on the other, medians of the rounds, beside each rate the server's CPU microseconds per operation by the system's account. The binary is the one that `cargo build --release` makes, with default settings; its allocator is jemalloc, that of the floor, bare hyper with a canned reply (`benches/floor.rs`), the system's. Rates of other machines differ; ratios differ less.

"""


def machine():
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text()).group(1)
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text()).group(1)) / 2**20
    cores = subprocess.run(["nproc"], capture_output=True, text=True, check=True).stdout.strip()
    versions = [
        version("rustc", "--version"), version("redis-server", "--version").split(" sha")[0],
        version("memcached", "--version"), version("etcd", "--version"), version("go", "version"),
        version("h2load", "--version"),
    ]
    return f"{cores} cores of {cpu}, {memory:.0f} GiB, Linux {platform.release()}. {'; '.join(versions)}."


def sources(results):
    """What the rows were measured of: that of most, then the rows that have another."""
    groups = {}
    for row in ROWS:
        if row.name in results:
            source = Source(**results[row.name].get("source", {}))
            groups.setdefault(source, []).append(row.name)
    most, *others = sorted(groups.items(), key=lambda group: -len(group[1])) or [(Source(), [])]
    text = f"Rows are of {told(most[0])}"
    if others:
        text += ", but " + "; ".join(f"{', '.join(names)} of {told(source)}" for source, names in others)
    return f"{text}."


def told(source):
    if source.commit is None:
        return "a commit and rounds that were not noted"
    return f"nanokv at {source.commit}, {source.date}, medians of {source.rounds} rounds of {source.seconds} s"


def page(results):
    reasons = dict(re.findall(r"^## (\S+)\n+(.*?)(?=\n## |\Z)", REASONS.read_text(), re.M | re.S))
    text = HEAD + f"{machine()} {sources(results)}\n\n## Goals\n\n"
    text += "| row | what | goal | beyond | measured | reached |\n|---|---|---|---|---|---|\n"
    goals = [row for row in ROWS if row.goal is not None]
    for row in goals:
        result = results.get(row.name)
        value = f"**{number(result['value'])}{row.unit}**" if result else "not measured"
        reached = row.reached(result["value"]) if result else ""
        text += f"| {row.name} | {row.what} | {row.goal}{row.unit} | {row.beyond}{row.unit} | {value} | {reached} |\n"
    missed = [row for row in goals if row.name in results and row.reached(results[row.name]["value"]) == "no"]
    if missed:
        text += "\n## Goals that were missed\n\n"
        for row in missed:
            text += f"- **{row.name}**: {reasons.get(row.name, 'not looked into yet.').strip()}\n"
    text += "\n## What was measured\n\n| row | medians (server CPU us an operation), lowest and highest ratio |\n|---|---|\n"
    for row in ROWS:
        if row.name in results:
            value = "" if row.goal is not None or results[row.name]["value"] is None else f"{number(results[row.name]['value'])}{row.unit}: "
            text += f"| {row.name} | {value}{results[row.name]['detail']} |\n"
    text += "\n" + "".join(f"![{alt}](benchmarks/{name}.svg)\n\n" for name, alt in ALT.items() if (PICTURES / f"{name}.svg").exists())
    return text.rstrip() + "\n"


def number(value):
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"


ALT = {
    "unary": "Unary Gets a second on one core, 8 connections x 32",
    "lists": "Gets in lists of 64: operations a server CPU second",
    "memory": "Bytes beyond payload per key with a TTL",
    "by-connections": "Server CPU of a Get as connections grow",
    "by-keys": "Server CPU of a Get in lists of 64 as keys grow",
    "by-watchers": "Server CPU of a Set as watches grow",
}


def draw(results):
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "nanokv", "svg.fonttype": "none", "font.size": 11})
    from matplotlib import pyplot

    def save(name, figure):
        PICTURES.mkdir(exist_ok=True)
        figure.savefig(PICTURES / f"{name}.svg", metadata={"Date": None}, bbox_inches="tight", transparent=False)
        pyplot.close(figure)

    def bar(name, values, unit):
        if not values:
            return
        figure, axes = pyplot.subplots(figsize=(7, 0.5 * len(values) + 1.2))
        shown = axes.barh(list(values), list(values.values()),
                          color=["#1f77b4" if key.startswith("nanokv") else "#b0b0b0" for key in values])
        axes.bar_label(shown, fmt="{:,.0f}", padding=3)
        axes.invert_yaxis()
        axes.set_xlabel(unit)
        axes.set_title(ALT[name], loc="left", fontsize=11)
        axes.spines[["top", "right"]].set_visible(False)
        save(name, figure)

    def of(row, key, at):
        return results.get(row, {}).get("bars", {}).get(key, [None, None])[at]

    unary = {"nanokv": of("get-8x32", "nanokv", 0), "floor (bare hyper)": of("get-8x32", "floor", 0),
             "Redis, not pipelined": of("get-redis", "redis", 0), "grpc-go": of("get-grpc-go", "grpc-go", 0),
             "etcd Range": of("get-etcd", "etcd", 0)}
    bar("unary", {key: value / 1e3 for key, value in unary.items() if value}, "thousand a second")
    lists = {"nanokv Pipeline": of("pipeline-64", "nanokv", 1), "nanokv Batch": of("batch-64", "nanokv", 1),
             "Redis P=64": of("pipeline-64", "redis", 1)}
    bar("lists", {key: 1e3 / value for key, value in lists.items() if value}, "thousand a server CPU second")
    memory = results.get("memory", {}).get("bars", {})
    bar("memory", {key: value[0] for key, value in memory.items()}, "bytes")
    for name, axis in (("by-connections", "connections, 8 calls under way on each"), ("by-keys", "keys"),
                       ("by-watchers", "watches")):
        if name in results:
            figure, axes = pyplot.subplots(figsize=(7, 3))
            points = results[name]["curve"]
            axes.plot([x for x, _, _ in points], [us for _, _, us in points], marker="o")
            axes.set_xscale("symlog" if name == "by-watchers" else "log", **({"linthresh": 1} if name == "by-watchers" else {}))
            axes.set_ylim(bottom=0)
            axes.set_xlabel(axis)
            axes.set_ylabel("us an operation")
            axes.set_title(ALT[name], loc="left", fontsize=11)
            axes.spines[["top", "right"]].set_visible(False)
            save(name, figure)


# What README.md names in the last cell but one of a line, and the row whose ratio stands in the last.
README_ROWS = {
    "bare hyper with a canned reply": "get-8x32",
    "grpc-go, generated stubs over a locked map": "get-grpc-go",
    "Redis, not pipelined": "get-redis",
    "etcd's Range": "get-etcd",
    "Redis, pipelined by 64": "pipeline-64",
}


def readme(text, results):
    """README.md with the figures of the rows that were measured."""
    for against, row in README_ROWS.items():
        if row in results:
            text = replaced(rf"(?m)^(\|.*\| {re.escape(against)} \|) \S+ \|$", rf"\1 {results[row]['value']:.2g} |", text)
    if "memory" in results:
        ours, redis, memcached = (f"{results['memory']['bars'][name][0]:.0f}" for name in ("nanokv", "redis", "memcached"))
        text = replaced(r"takes \d+ bytes beside key and value; in Redis \d+, in memcached \d+",
                        f"takes {ours} bytes beside key and value; in Redis {redis}, in memcached {memcached}", text)
    return text


def replaced(pattern, by, text):
    text, count = re.subn(pattern, by, text)
    if count != 1:
        raise SystemExit(f"scripts/bench: README.md has {count} places like {pattern}, not one")
    return text


def write(results):
    draw(results)
    PAGE.write_text(page(results))
    README.write_text(readme(README.read_text(), results))
