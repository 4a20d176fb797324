"""What plain HTTP costs, beside the tutorial's design over the same HTTP/1.1."""

import re
import urllib.request

import programs
from loads import alternate, measured, output, ratio
from programs import LOAD_CORE
from row import Result, Row, bars, compared

KEY, VALUE = "greeting", "v" * 64


class Wrk:
    """wrk on core 1: 50 connections, each with one request at a time."""

    def __init__(self, program, path, seconds, connections=50):
        self.program, self.path = program, path
        self.seconds, self.connections = max(round(seconds), 1), connections

    def command(self):
        return ["taskset", "-c", LOAD_CORE, "wrk", "--threads", 1, "--connections", self.connections,
                "--duration", f"{self.seconds}s", f"http://{self.program.address}{self.path}"]

    def __call__(self):
        def said(text):
            if "Non-2xx" in text or "Socket errors" in text:
                raise SystemExit(f"scripts/bench: {self.program.name}: {text}")
            rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", text).group(1))
            return rate, int(re.search(r"(\d+) requests in", text).group(1)), {}

        return measured(self.program, said, lambda: output(self.command()))


def against_tutorial(plan):
    """Fiber on one thread, as both have one core, and a map under one lock."""
    with programs.nanokv() as ours, programs.go_tutorial() as tutorial:
        store(ours, "PUT", f"/v1/entries/{KEY}?ttl=10m", VALUE.encode())
        store(tutorial, "POST", f"/set/{KEY}/{VALUE}")
        samples = alternate(plan.rounds, nanokv=Wrk(ours, f"/v1/entries/{KEY}", plan.seconds),
                            tutorial=Wrk(tutorial, f"/get/{KEY}", plan.seconds))
    return Result(ratio(samples["nanokv"], samples["tutorial"]), compared(samples), bars=bars(samples))


def store(program, method, path, body=None):
    address = f"http://{program.address}{path}"
    request = urllib.request.Request(address, body, {"content-type": "text/plain"}, method=method)
    urllib.request.urlopen(request).read()


ROWS = [
    Row("get-http", "Get over HTTP/1.1 (wrk, 50 connections) against the tutorial's design: Fiber, a map under one lock",
        against_tutorial, 1.2, 1.5),
]
