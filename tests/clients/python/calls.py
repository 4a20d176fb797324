"""The calls that the steps make, over one connection, on keys that no other run
has."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from checks import CheckFailed, equal, holds
from connection import error_info
from nanokv.v1 import admin_pb2, admin_pb2_grpc, entry_pb2, kv_pb2, kv_pb2_grpc

# How long one call may take, with all its retries, in seconds.
DEADLINE_S = 5
# How long a stream may take, in seconds. A program would let a Watch go on
# until it is cancelled.
STREAM_DEADLINE_S = 15


class Calls:
    """Each call with its deadline. A name is a key without the prefix."""

    def __init__(self, channel: grpc.Channel):
        self.kv = kv_pb2_grpc.KvServiceStub(channel)
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)
        self.health = health_pb2_grpc.HealthStub(channel)
        self.prefix = f"python/{secrets.token_hex(4)}/"

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

    def delete(self, name: str) -> kv_pb2.DeleteResponse:
        return self.kv.Delete(kv_pb2.DeleteRequest(key=self.key(name)), timeout=DEADLINE_S)

    @contextmanager
    def watch(self, **fields) -> Iterator[grpc.Call]:
        """A stream of replies, which is cancelled in the end."""
        stream = self.kv.Watch(kv_pb2.WatchRequest(**fields), timeout=STREAM_DEADLINE_S)
        try:
            yield stream
        finally:
            stream.cancel()

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


def get_operation(key: str) -> kv_pb2.Operation:
    return kv_pb2.Operation(get=kv_pb2.GetRequest(key=key))


def set_operation(key: str, value: str) -> kv_pb2.Operation:
    return kv_pb2.Operation(set=kv_pb2.SetRequest(key=key, value=text(value)))


def increment_operation(key: str, delta: int) -> kv_pb2.Operation:
    return kv_pb2.Operation(increment=kv_pb2.IncrementRequest(key=key, delta=delta))


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
