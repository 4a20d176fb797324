"""Requests and replies as bytes, for loads that know no protobuf."""

import struct

KEY = b"key:000000000001"


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def framed(message):
    """A gRPC frame: not compressed, its length, the message."""
    return b"\0" + struct.pack(">I", len(message)) + message


def value(size):
    return field(2, b"v" * size)


def get():
    return framed(field(1, KEY))


def set_(size):
    return framed(field(1, KEY) + field(2, value(size)))


def get_reply(size):
    """What nanokv answers, to the byte: entry with key, value and a version of seven bytes."""
    version = b"\x18" + b"\xff" * 7 + b"\x01"
    return framed(field(1, field(1, KEY) + field(2, value(size)) + version))


def set_reply():
    return framed(b"\x08" + b"\xff" * 7 + b"\x01")


def etcd_range():
    return framed(field(1, KEY))


def etcd_put(size):
    return framed(field(1, KEY) + field(2, b"v" * size))


def list_one():
    return framed(b"\x10\x01")


def http2_get():
    """The first bytes of a connection that asks for one Get."""
    def frame(kind, flags, stream, payload):
        return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload

    def header(name, text):
        return b"\0" + bytes([len(name)]) + name + bytes([len(text)]) + text

    headers = b"".join(header(*pair) for pair in [
        (b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"localhost"),
        (b":path", b"/nanokv.v1.KvService/Get"), (b"content-type", b"application/grpc"), (b"te", b"trailers")])
    return (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 4, 1, headers)
            + frame(0, 1, 1, get()))
