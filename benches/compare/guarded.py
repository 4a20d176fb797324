"""What it costs to let in only some, to hold them to limits and to watch over it
all: Get with each of these, to Get without, in the same rounds."""

import hashlib
import subprocess

import messages
import programs
from loads import GET, SET, H2load, alternate, cpu_us, rate, ratio, store_one
from programs import WORK
from row import Result, Row

TOKEN = "token-of-the-benchmark"


def tls():
    cert, key = WORK / "guarded.pem", WORK / "guarded.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return ["--tls-cert", cert, "--tls-key", key], {"scheme": "https"}


def tokens(*lines):
    file = WORK / "guarded.toml"
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    file.write_text("\n".join(["[[identity]]", 'name = "bench"', *lines, "[[identity.token]]", f'sha256 = "{digest}"',
                               "[[identity.grant]]", 'prefix = ""', 'rights = ["read", "write"]']))
    return ["--identities", file], {"headers": [f"authorization: Bearer {TOKEN}"]}


def metrics():
    return ["--metrics-listen", "127.0.0.1:0"], {}


def spans():
    return [], {"levels": "warn,nanokv::gate=debug"}


def limits():
    return ["--calls-per-second-max", "1048576", "--bytes-per-second-max", "4GiB"], {}


def audit():
    return ["--audit"], {}


def beside_plain(name, guard, path=GET, body=None):
    """The rate with `guard` to the one without; and the CPU time of both."""
    body = body or messages.get()

    def measure(plan):
        more, said = guard()
        command = [programs.BUILT / "nanokv", "serve", "--listen", "127.0.0.1:0"]
        command += ["--log-level", said.pop("levels", "warn"), *more]
        with programs.nanokv() as plain, programs.Program(name, command) as guarded:
            store_one(plain, SET, messages.set_(64))
            store_one(guarded, SET, messages.set_(64), **said)
            samples = alternate(
                plan.rounds,
                **{name: H2load(guarded, path, body, 8, 32, plan.seconds, **said)},
                plain=H2load(plain, path, body, 8, 32, plan.seconds),
            )
        costs = ratio(samples["plain"], samples[name], lambda sample: sample.cpu_us)
        told = "; ".join(f"{who} {rate(some) / 1e3:,.1f} k/s ({cpu_us(some):.2f} us)" for who, some in samples.items())
        return Result(ratio(samples[name], samples["plain"]), f"{told}; by CPU time {costs:.2f}")

    return measure


ROWS = [
    Row("get-tls", "Get 8 x 32 through TLS, to plain", beside_plain("tls", tls), quick=False),
    Row("get-tokens", "Get 8 x 32 with tokens and rights, to plain", beside_plain("tokens", tokens), quick=False),
    Row("get-metrics", "Get 8 x 32 with metrics on, to plain", beside_plain("metrics", metrics), quick=False),
    Row("get-limits", "Get 8 x 32 with calls_per_second_max and bytes_per_second_max, to plain",
        beside_plain("limits", limits), quick=False),
    Row("set-audit", "Set 8 x 32 with a line a change in the log, to plain",
        beside_plain("audit", audit, SET, messages.set_(64)), quick=False),
    Row("get-spans", "Get 8 x 32 with a line a call in the log, to plain, which has no spans",
        beside_plain("spans", spans), quick=False),
]
