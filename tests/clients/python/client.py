"""Every kind of call that nanokv takes, from Python."""

import sys
import time
from datetime import timedelta
from pathlib import Path

import grpc

import checks
from calls import (
    DEADLINE_S,
    STREAM_DEADLINE_S,
    Calls,
    data,
    expect_error,
    get_operation,
    increment_operation,
    number,
    set_operation,
    text,
)
from checks import equal, holds, refused, show
from connection import connect
from mirror import Mirror
from nanokv.v1 import entry_pb2, kv_pb2

# How long an entry may take to expire, beyond its ttl, in seconds.
EXPIRY_CEILING_S = 10


class Client(Calls):
    """The steps. Each says what it saw, or raises."""

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
            set_operation(key, "a"),
            get_operation(key),
            increment_operation(key, 1),
            kv_pb2.Operation(delete=kv_pb2.DeleteRequest(key=key)),
            get_operation(key),
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

    def transact(self) -> str:
        source, target = self.key("alice"), self.key("bob")
        seen = self.put("alice", number(100))
        before = self.put("bob", number(0))
        condition = entry_pb2.Condition(version=seen.version)
        move = kv_pb2.TransactRequest(
            checks=[kv_pb2.Check(key=source, condition=condition)],
            operations=[
                increment_operation(source, -30),
                increment_operation(target, 30),
                get_operation(target),
            ],
        )
        reply = self.kv.Transact(move, timeout=DEADLINE_S)
        equal("results", len(reply.results), 3)
        paid, received, read = reply.results
        equal("numbers", [paid.increment.number, received.increment.number], [70, 30])
        # Reads see the state before, and versions follow each other.
        equal("what was read", read.get.entry.version, before.version)
        versions = [paid.increment.version, received.increment.version]
        equal("versions", versions, [reply.version - 1, reply.version])
        error = refused(lambda: self.kv.Transact(move, timeout=DEADLINE_S))
        expect_error(
            error,
            grpc.StatusCode.ABORTED,
            "CHECK_FAILED",
            {"check_index": "0", "key": source, "current_version": str(reply.version - 1)},
        )
        after = [self.get("alice").entry, self.get("bob").entry]
        equal("versions afterwards", [entry.version for entry in after], versions)
        equal("values afterwards", [entry.value.number for entry in after], [70, 30])
        return error.details()

    def request_id(self) -> str:
        once = self.key("request")
        first = self.increment("once", request_id=once)
        equal("the reply to a repeat", self.increment("once", request_id=once), first)
        equal("value", self.get("once").entry.value, number(1))
        error = refused(lambda: self.increment("once", delta=2, request_id=once))
        expect_error(error, grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED", {})
        return error.details()

    def pipeline(self) -> str:
        key = self.key("pipeline")
        too_many = [get_operation(key)] * 1025
        lists = [
            kv_pb2.PipelineRequest(
                id=7, operations=[set_operation(key, "first"), get_operation(key)]
            ),
            kv_pb2.PipelineRequest(id=-1, operations=too_many),
            kv_pb2.PipelineRequest(
                id=3, operations=[get_operation(key), set_operation(key, "second")]
            ),
            kv_pb2.PipelineRequest(id=5, operations=[get_operation(key)]),
        ]
        # Ends with OK once all is answered, or raises.
        replies = list(self.kv.Pipeline(iter(lists), timeout=STREAM_DEADLINE_S))
        equal("ids", [reply.id for reply in replies], [7, -1, 3, 5])
        written, refusal, read, last = replies
        failure = refusal.failure
        equal("code", failure.code, grpc.StatusCode.INVALID_ARGUMENT.value[0])
        equal("reason", failure.reason, "FIELD_TOO_LARGE")
        equal("limit", failure.metadata["limit"], "batch_operations_max")
        equal("results of a refused list", len(refusal.results), 0)
        equal("results", [len(reply.results) for reply in (written, read, last)], [2, 2, 1])
        seen = [written.results[1], read.results[0], last.results[0]]
        values = [result.get.entry.value.text for result in seen]
        equal("what later lists see", values, ["first", "first", "second"])
        return f"{len(replies)} lists answered in order, one of them refused"

    def watch_resume(self) -> str:
        for name in ["unchanged", "changed", "removed"]:
            self.put(f"watched/{name}", text("before"))
        watched = entry_pb2.Range(prefix=self.key("watched/"))
        mirror = Mirror()

        brief = self.key("watched/brief")
        with self.watch(ranges=[watched], snapshot=True) as stream:
            for reply in stream:
                mirror.take(reply)
                if reply.snapshot_complete:
                    self.put("watched/changed", text("while watched"))
                    self.put("watched/brief", text("expires"), ttl=timedelta(milliseconds=200))
                    self.delete("watched/removed")
                if any(
                    event.type == kv_pb2.EVENT_TYPE_EXPIRE and event.entry.key == brief
                    for event in reply.events
                ):
                    break

        # Nobody watches now.
        self.put("watched/new", text("unwatched"))
        last = self.put("watched/changed", text("unwatched"))
        resumed_after = mirror.resume_version
        with self.watch(ranges=[watched], after_version=resumed_after) as stream:
            for reply in stream:
                mirror.take(reply)
                if mirror.resume_version >= last.version:
                    break
        page = self.kv.List(kv_pb2.ListRequest(range=watched), timeout=DEADLINE_S)
        equal("the mirror", mirror.entries, {entry.key: entry for entry in page.entries})

        with self.watch(ranges=[watched], after_version=2**63 - 1) as stream:
            error = refused(lambda: next(stream))
        expect_error(error, grpc.StatusCode.OUT_OF_RANGE, "VERSION_AHEAD", {})
        return f"resumed after {resumed_after}, and like List"

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
                ("transact", client.transact),
                ("request id", client.request_id),
                ("pipeline", client.pipeline),
                ("watch resume", client.watch_resume),
                ("list", client.list),
                ("too large", client.too_large),
                ("health", client.health_check),
            ]
        )


if __name__ == "__main__":
    sys.exit(main())
