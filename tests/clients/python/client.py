"""Every kind of call that nanokv takes, from Python."""

import secrets
import sys
import time
from datetime import timedelta
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

import checks
from checks import CheckFailed, equal, holds, refused, show
from connection import connect, error_info
from nanokv.v1 import admin_pb2, admin_pb2_grpc, entry_pb2, kv_pb2, kv_pb2_grpc

# How long one call may take, with all its retries, in seconds.
DEADLINE_S = 5
# How long an entry may take to expire, beyond its ttl, in seconds.
EXPIRY_CEILING_S = 10


class Client:
    """Steps over one connection, on keys that no other run has."""

    def __init__(self, channel: grpc.Channel):
        self.kv = kv_pb2_grpc.KvServiceStub(channel)
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)
        self.prefix = f"python/{secrets.token_hex(4)}/"

    def set(self) -> str:
        reply = self.put("greeting", text("hello"))
        holds(f"version {reply.version}", reply.version > 0)
        entry = self.get("greeting").entry
        equal("key", entry.key, self.key("greeting"))
        equal("value", entry.value, text("hello"))
        equal("version", entry.version, reply.version)
        holds("the entry expires, and no ttl was given", not entry.HasField("expire_time"))
        return f"version {reply.version}"

    def get_with_ttl(self) -> str:
        ttl = timedelta(hours=1)
        before = self.server_time()
        reply = self.put("session", data(b"\x00\xff"), ttl=ttl)
        after = self.server_time()
        entry = self.get("session").entry
        equal("value", entry.value, data(b"\x00\xff"))
        holds("expire_time is absent", entry.HasField("expire_time"))
        equal("expire_time", entry.expire_time, reply.expire_time)
        expire_time = entry.expire_time.ToDatetime()
        # A deadline is rounded up to whole milliseconds.
        latest = after + ttl + timedelta(milliseconds=1)
        holds(f"{expire_time} is not an hour from {before}", before + ttl <= expire_time <= latest)
        return f"expires at {entry.expire_time.ToJsonString()}"

    def miss(self) -> str:
        reply = self.get("nobody")
        holds(f"expected no entry, got {show(reply.entry)}", not reply.HasField("entry"))
        return "no entry, and no error"

    def miss_after_ttl(self) -> str:
        reply = self.put("blink", text("gone soon"), ttl=timedelta(milliseconds=200))
        holds("expire_time is absent", reply.HasField("expire_time"))
        give_up = time.monotonic() + EXPIRY_CEILING_S
        while self.get("blink").HasField("entry"):
            holds(f"still there after {EXPIRY_CEILING_S} s", time.monotonic() < give_up)
            time.sleep(0.02)
        return "no entry, and no error"

    def condition_absent(self) -> str:
        absent = entry_pb2.Condition(absent=True)
        first = self.put("lock", text("mine"), condition=absent)
        error = refused(lambda: self.put("lock", text("yours"), condition=absent))
        expect_error(
            error,
            grpc.StatusCode.ALREADY_EXISTS,
            "KEY_EXISTS",
            {"key": self.key("lock"), "current_version": str(first.version)},
        )
        equal("value", self.get("lock").entry.value, text("mine"))
        return error.details()

    def condition_version(self) -> str:
        first = self.put("document", text("one"))
        seen = entry_pb2.Condition(version=first.version)
        second = self.put("document", text("two"), condition=seen)
        error = refused(lambda: self.put("document", text("three"), condition=seen))
        expect_error(
            error,
            grpc.StatusCode.ABORTED,
            "VERSION_MISMATCH",
            {"key": self.key("document"), "current_version": str(second.version)},
        )
        equal("value", self.get("document").entry.value, text("two"))
        return error.details()

    def counter(self) -> str:
        equal("created", self.increment("counter").number, 1)
        equal("increased", self.increment("counter", delta=41).number, 42)
        error = refused(lambda: self.increment("counter", max=42))
        expect_error(
            error,
            grpc.StatusCode.FAILED_PRECONDITION,
            "COUNTER_OUT_OF_BOUNDS",
            {"key": self.key("counter"), "number": "42", "max": "42"},
        )
        equal("value", self.get("counter").entry.value, number(42))
        return error.details()

    def exact_numbers(self) -> str:
        exact = [-(2**63), 2**53 + 1, 2**63 - 1]
        for value in exact:
            self.put("exact", number(value))
            equal("value", self.get("exact").entry.value, number(value))
        self.put("exact", number(2**53))
        equal("increased", self.increment("exact").number, 2**53 + 1)
        return ", ".join(str(value) for value in exact)

    def batch(self) -> str:
        key = self.key("batch")
        operations = [
            kv_pb2.Operation(set=kv_pb2.SetRequest(key=key, value=text("a"))),
            kv_pb2.Operation(get=kv_pb2.GetRequest(key=key)),
            kv_pb2.Operation(increment=kv_pb2.IncrementRequest(key=key)),
            kv_pb2.Operation(delete=kv_pb2.DeleteRequest(key=key)),
            kv_pb2.Operation(get=kv_pb2.GetRequest(key=key)),
        ]
        request = kv_pb2.BatchRequest(operations=operations)
        results = self.kv.Batch(request, timeout=DEADLINE_S).results
        kinds = [result.WhichOneof("kind") for result in results]
        equal("results", kinds, ["set", "get", "failure", "delete", "get"])
        equal("what the second saw", results[1].get.entry.value, text("a"))
        failure = results[2].failure
        equal("code", failure.code, grpc.StatusCode.FAILED_PRECONDITION.value[0])
        equal("reason", failure.reason, "WRONG_KIND")
        equal("metadata", failure.metadata["kind"], "text")
        holds(f"no reason first: {failure.message}", failure.message.startswith(failure.reason))
        equal("deleted", results[3].delete.deleted, True)
        holds("the last found what was deleted", not results[4].get.HasField("entry"))
        return f"{len(results)} results, the third {failure.message}"

    def list(self) -> str:
        names = ["list/1", "list/2", "list/3", "list/4", "list/5"]
        for name in reversed(names):
            self.put(name, text(name))
        request = kv_pb2.ListRequest(range=entry_pb2.Range(prefix=self.key("list/")), page_size=2)
        keys, pages = [], 0
        while True:
            reply = self.kv.List(request, timeout=DEADLINE_S)
            pages += 1
            holds(f"a page of {len(reply.entries)} entries", len(reply.entries) <= 2)
            holds(f"no end after {pages} pages", pages <= 2 * len(names))
            keys += [entry.key.removeprefix(self.prefix) for entry in reply.entries]
            if not reply.next_page_token:
                break
            request.page_token = reply.next_page_token
        equal("keys", keys, names)
        return f"{len(keys)} keys on {pages} pages"

    def too_large(self) -> str:
        error = refused(lambda: self.put("large", data(bytes(5 * 1024 * 1024))))
        expect_error(
            error,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "MESSAGE_TOO_LARGE",
            {"limit": "message_bytes_max"},
        )
        return error.details()

    def health_check(self) -> str:
        for service in ["", "nanokv.v1.KvService"]:
            equal(f"status of {service!r}", self.check(service), "SERVING")
        error = refused(lambda: self.check("nobody"))
        equal("code", error.code().name, "NOT_FOUND")
        return "SERVING, and NOT_FOUND for an unknown service"

    def key(self, name: str) -> str:
        return self.prefix + name

    def get(self, name: str) -> kv_pb2.GetResponse:
        return self.kv.Get(kv_pb2.GetRequest(key=self.key(name)), timeout=DEADLINE_S)

    def put(self, name: str, value: entry_pb2.Value, **fields) -> kv_pb2.SetResponse:
        request = kv_pb2.SetRequest(key=self.key(name), value=value, **fields)
        return self.kv.Set(request, timeout=DEADLINE_S)

    def increment(self, name: str, **fields) -> kv_pb2.IncrementResponse:
        request = kv_pb2.IncrementRequest(key=self.key(name), **fields)
        return self.kv.Increment(request, timeout=DEADLINE_S)

    def server_time(self):
        reply = self.admin.Describe(admin_pb2.DescribeRequest(), timeout=DEADLINE_S)
        return reply.server_time.ToDatetime()

    def check(self, service: str) -> str:
        request = health_pb2.HealthCheckRequest(service=service)
        reply = self.health.Check(request, timeout=DEADLINE_S)
        return health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)


def text(value: str) -> entry_pb2.Value:
    return entry_pb2.Value(text=value)


def data(value: bytes) -> entry_pb2.Value:
    return entry_pb2.Value(data=value)


def number(value: int) -> entry_pb2.Value:
    return entry_pb2.Value(number=value)


def expect_error(error: grpc.RpcError, code: grpc.StatusCode, reason: str, metadata: dict) -> None:
    """Fails the step unless the error says this, in every way it can."""
    equal("code", error.code().name, code.name)
    info = error_info(error)
    if info is None:
        raise CheckFailed(f"no ErrorInfo with {error.details()!r}")
    equal("domain", info.domain, "nanokv")
    equal("reason", info.reason, reason)
    for name, value in metadata.items():
        equal(f"metadata {name}", info.metadata.get(name), value)
    holds(f"no reason first: {error.details()}", error.details().startswith(reason))


def main() -> int:
    if len(sys.argv) != 3:
        print("usage: client.py SERVICE_CONFIG ADDRESS", file=sys.stderr)
        return 2
    with connect(Path(sys.argv[1]), sys.argv[2]) as channel:
        client = Client(channel)
        return checks.run(
            [
                ("set", client.set),
                ("get with ttl", client.get_with_ttl),
                ("miss", client.miss),
                ("miss after ttl", client.miss_after_ttl),
                ("condition absent", client.condition_absent),
                ("condition version", client.condition_version),
                ("counter", client.counter),
                ("exact numbers", client.exact_numbers),
                ("batch", client.batch),
                ("list", client.list),
                ("too large", client.too_large),
                ("health", client.health_check),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
