"""Credentials as a client in Python gives them: right, wrong, expired, revoked
and made anew."""

import os
import sys
import time
from pathlib import Path

import grpc
from nanokv.v1 import entry_pb2, kv_pb2, kv_pb2_grpc

from connection import error_info

# What comes long before.
CEILING_S = 30


class World:
    """Where the servers and the credentials are."""

    def __init__(self, folder: str, mutual: str, tokens: str) -> None:
        self.folder, self.mutual, self.tokens = Path(folder), mutual, tokens

    def set(self, address: str, authority: str = "ca", certificate: str = "", token: str = "", key: str = "a/py") -> str:
        """What it comes to: the reason that a server gives, or else the code."""
        own = [(self.folder / f"{certificate}.{end}").read_bytes() for end in ("key", "pem") if certificate]
        secured = grpc.ssl_channel_credentials((self.folder / f"{authority}.pem").read_bytes(), *own)
        request = kv_pb2.SetRequest(key=key, value=entry_pb2.Value(text="x"))
        said = [("authorization", f"Bearer {token}")] if token else []
        with grpc.secure_channel(address, secured) as channel:
            try:
                kv_pb2_grpc.KvServiceStub(channel).Set(request, metadata=said, timeout=CEILING_S)
            except grpc.RpcError as error:
                info = error_info(error)
                return info.reason if info else error.code().name
        return ""

    def certificate(self, name: str, **others: str) -> str:
        return self.set(self.mutual, certificate=name, **others)

    def token(self, token: str, **others: str) -> str:
        return self.set(self.tokens, token=token, **others)

    def rewritten(self, file: str, token: str, expected: str) -> str:
        """With another file of identities in place, as soon as it is as expected."""
        following = self.folder / "identities.next"
        following.write_bytes((self.folder / file).read_bytes())
        os.replace(following, self.folder / "identities.toml")
        until = time.monotonic() + CEILING_S
        while (came := self.token(token)) != expected and time.monotonic() < until:
            time.sleep(0.005)
        return came


def steps(world: World):
    """What is tried, and what it must come to."""
    yield "a certificate that is known", world.certificate("ada"), ""
    yield "a key that is not granted", world.certificate("ada", key="b/py"), "PERMISSION_DENIED"
    yield "a name that nobody has", world.certificate("stranger"), "CREDENTIALS_INVALID"
    yield "no certificate", world.certificate(""), "UNAVAILABLE"
    yield "a certificate of another authority", world.certificate("other"), "UNAVAILABLE"
    yield "a certificate that has expired", world.certificate("expired"), "UNAVAILABLE"
    yield "a server of another authority", world.certificate("ada", authority="other-ca"), "UNAVAILABLE"
    yield "a token that is known", world.token("token-of-ada"), ""
    yield "a key that is not granted", world.token("token-of-ada", key="b/py"), "PERMISSION_DENIED"
    yield "no token", world.token(""), "CREDENTIALS_MISSING"
    yield "a wrong token", world.token("token-of-adA"), "CREDENTIALS_INVALID"
    yield "a token that has expired", world.token("token-of-old"), "CREDENTIALS_EXPIRED"
    yield "a token that is not there yet", world.token("token-of-new"), "CREDENTIALS_INVALID"
    yield "a token that is added", world.rewritten("identities.more", "token-of-new", ""), ""
    revoked = "CREDENTIALS_INVALID"
    yield "a token that is revoked", world.rewritten("identities.few", "token-of-new", revoked), revoked
    yield "a token that stays", world.token("token-of-ada"), ""


def main() -> int:
    if len(sys.argv) != 4:
        print("usage: secured.py FOLDER MUTUAL_ADDRESS TOKENS_ADDRESS", file=sys.stderr)
        return 2
    failed = 0
    for name, came, expected in steps(World(*sys.argv[1:])):
        if came == expected:
            print(f"ok      {name}: {came}")
        else:
            failed += 1
            print(f"FAILED  {name}: {came!r} and not {expected!r}")
    print(f"python: {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
