"""The shipped service config against a server that can be told to be away."""

import unittest
from concurrent import futures
from pathlib import Path

import grpc

from connection import connect
from nanokv.v1 import admin_pb2, kv_pb2

SERVICE_CONFIG = Path(__file__).parents[3] / "proto/nanokv/v1/service_config.json"
CEILING_S = 30
ATTEMPTS_MAX = 5

GET = "/nanokv.v1.KvService/Get"
RETRIED = {GET, "/nanokv.v1.KvService/List", "/nanokv.v1.AdminService/Describe"}


class Server(grpc.GenericRpcHandler):
    """Answers every method with a code as often as it is told, then with OK."""

    def __init__(self, code: grpc.StatusCode, failures: int, pushback: str | None = None):
        self.code = code
        self.failures = failures
        self.pushback = pushback
        self.attempts = 0

    def service(self, _):
        return grpc.unary_unary_rpc_method_handler(self.answer)

    def answer(self, _: bytes, context: grpc.ServicerContext) -> bytes:
        self.attempts += 1
        if self.attempts <= self.failures:
            if self.pushback:
                context.set_trailing_metadata([("grpc-retry-pushback-ms", self.pushback)])
            context.abort(self.code, "as told")
        return b""

    def call(self, method: str, deadline_s: float = CEILING_S) -> tuple[str, int]:
        """Starts the server and calls the method once. An empty message is a
        request and a reply of any method. Gives the code that the caller saw,
        and the attempts that the server saw."""
        server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[self])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with connect(SERVICE_CONFIG, f"127.0.0.1:{port}") as channel:
                channel.unary_unary(method)(b"", timeout=deadline_s)
                return "OK", self.attempts
        except grpc.RpcError as error:
            return error.code().name, self.attempts
        finally:
            server.stop(grace=None).wait()


class Retry(unittest.TestCase):
    def test_only_get_list_and_describe_are_retried(self):
        services = [
            kv_pb2.DESCRIPTOR.services_by_name["KvService"],
            admin_pb2.DESCRIPTOR.services_by_name["AdminService"],
        ]
        methods = [
            f"/{service.full_name}/{method.name}"
            for service in services
            for method in service.methods
            if not method.server_streaming
        ]
        self.assertLessEqual(RETRIED, set(methods))
        for method in methods:
            with self.subTest(method):
                seen = Server(grpc.StatusCode.UNAVAILABLE, failures=2).call(method)
                self.assertEqual(seen, ("OK", 3) if method in RETRIED else ("UNAVAILABLE", 1))

    def test_nothing_is_tried_more_than_five_times(self):
        seen = Server(grpc.StatusCode.UNAVAILABLE, failures=100).call(GET)
        self.assertEqual(seen, ("UNAVAILABLE", ATTEMPTS_MAX))

    def test_other_codes_are_not_retried(self):
        codes = grpc.StatusCode
        for code in [codes.RESOURCE_EXHAUSTED, codes.ABORTED, codes.INTERNAL]:
            with self.subTest(code):
                self.assertEqual(Server(code, failures=1).call(GET), (code.name, 1))

    def test_pushback_of_the_server_comes_before_the_backoff(self):
        # By the backoff alone the second attempt would come in the deadline.
        server = Server(grpc.StatusCode.UNAVAILABLE, failures=1, pushback="60000")
        self.assertEqual(server.call(GET, deadline_s=2), ("DEADLINE_EXCEEDED", 1))

    def test_pushback_that_forbids_retries_is_obeyed(self):
        server = Server(grpc.StatusCode.UNAVAILABLE, failures=1, pushback="-1")
        self.assertEqual(server.call(GET), ("UNAVAILABLE", 1))


if __name__ == "__main__":
    unittest.main()
