"""Steps that are checked, one line each."""

from collections.abc import Callable

import grpc
from google.protobuf import text_format
from google.protobuf.message import Message


class CheckFailed(Exception):
    """The server did something else than its contract says."""


def equal(what: str, got: object, expected: object) -> None:
    """Fails the step unless both are equal."""
    if got != expected:
        raise CheckFailed(f"{what}: expected {show(expected)}, got {show(got)}")


def holds(what: str, condition: bool) -> None:
    """Fails the step unless the condition holds."""
    if not condition:
        raise CheckFailed(what)


def refused(call: Callable[[], object]) -> grpc.RpcError:
    """The error of a call that must be refused."""
    try:
        reply = call()
    except grpc.RpcError as error:
        return error
    raise CheckFailed(f"expected a refusal, got the reply {show(reply)}")


def show(value: object) -> str:
    """The value on one line."""
    if isinstance(value, Message):
        return "{" + text_format.MessageToString(value, as_one_line=True) + "}"
    return repr(value)


def run(steps: list[tuple[str, Callable[[], str]]]) -> int:
    """Carries out every step, also after one that failed. Gives the exit code:
    0 if all passed, else 1."""
    failed = 0
    for name, step in steps:
        try:
            print(f"ok      {name}: {step()}", flush=True)
        except CheckFailed as error:
            failed += 1
            print(f"FAILED  {name}: {error}", flush=True)
        except grpc.RpcError as error:
            failed += 1
            print(f"FAILED  {name}: {error.code().name} {error.details()}", flush=True)
        except Exception as error:  # A reply that makes the client itself stumble.
            failed += 1
            print(f"FAILED  {name}: {error!r}", flush=True)
    print(f"python: {len(steps) - failed} passed, {failed} failed")
    return 1 if failed else 0
