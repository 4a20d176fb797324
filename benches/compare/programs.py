"""Servers that are measured: started on cores of their own, and asked the
system what they took."""

import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "target/release"
WORK = ROOT / "target/bench"
KEPT = WORK / "kept"
READY_WITHIN_S = 60
SERVER_CORE, LOAD_CORE = "0", "1"


class Program:
    """A running server, or whatever else is to end with the measurement."""

    running = []

    def __init__(self, name, command, core=SERVER_CORE, port=None, ready=r"^listening on (\S+)"):
        self.name = name
        self.out = WORK / f"{name}.out"
        with open(self.out, "w") as out, open(WORK / f"{name}.err", "w") as err:
            command = ["taskset", "-c", core, *map(str, command)]
            self.process = subprocess.Popen(command, stdout=out, stderr=err, cwd=WORK)
        Program.running.append(self)
        self.pid = self.process.pid
        self.address = self._await(port, ready)

    def _await(self, port, ready):
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                break
            if port is not None:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        return f"127.0.0.1:{port}"
            elif found := re.search(ready, self.out.read_text(), re.MULTILINE):
                return found.group(1) if found.groups() else None
            time.sleep(0.01)
        error = (WORK / f"{self.name}.err").read_text()
        raise SystemExit(f"scripts/bench: {self.name} did not start: {error[-2000:]}")

    def cpu_seconds(self):
        """CPU time of all its threads, to the nanosecond."""
        nanos = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            nanos += int((task / "schedstat").read_text().split()[0])
        return nanos / 1e9

    def resident_bytes(self):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self in Program.running:
            Program.running.remove(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def version(*command):
    try:
        said = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "not there"
    lines = (said.stdout + said.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def commit():
    """That of the sources, which were built just before."""
    return version("git", "-C", ROOT, "describe", "--always", "--dirty")


def stop_all():
    for program in list(Program.running):
        program.stop()


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def nanokv(name="nanokv", core=SERVER_CORE, more=()):
    return Program(name, [BUILT / "nanokv", "serve", "--listen", "127.0.0.1:0", "--log-level", "warn", *more], core)


def kept(name="nanokv", fresh=True):
    """A store in a directory, which is emptied first if it is to be fresh."""
    if fresh:
        subprocess.run(["rm", "-rf", KEPT], check=True)
    command = [BUILT / "nanokv", "serve", "--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir", KEPT,
               "--drain-grace-ms", "0"]
    program = Program(name, command)
    await_ready(program)
    return program


def await_ready(program):
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{program.address}/readyz", timeout=1):
                return
        except OSError:
            time.sleep(0.002)
    raise SystemExit(f"scripts/bench: {program.name} is not ready")


def floor(reply, name="floor"):
    path = WORK / f"{name}.reply"
    path.write_bytes(reply)
    return Program(name, [BUILT / "examples/floor", path])


def redis(*more, name="redis"):
    port = free_port()
    command = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", *more]
    return Program(name, command, port=port)


def memcached():
    port = free_port()
    return Program("memcached", ["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", port, "-m", "4096", "-t", "1"], port=port)


def go_store():
    return Program("go-store", [WORK / "go-store"])


def go_tutorial():
    return Program("go-tutorial", ["env", "GOMAXPROCS=1", WORK / "go-tutorial"])


def etcd():
    port, peers = free_port(), free_port()
    data = WORK / "etcd"
    subprocess.run(["rm", "-rf", data], check=True)
    url = f"http://127.0.0.1:{port}"
    command = ["etcd", "--data-dir", data, "--listen-client-urls", url, "--advertise-client-urls", url,
               "--listen-peer-urls", f"http://127.0.0.1:{peers}",
               "--initial-advertise-peer-urls", f"http://127.0.0.1:{peers}",
               "--initial-cluster", f"default=http://127.0.0.1:{peers}"]
    program = Program("etcd", command, port=port)
    time.sleep(2)  # Until it has elected itself.
    return program


def raise_open_files():
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


