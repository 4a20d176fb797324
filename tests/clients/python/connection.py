"""The channel to a server, and what an error says."""

from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status


def connect(service_config: Path, address: str) -> grpc.Channel:
    """A channel that retries what the service config says, as it says."""
    return grpc.insecure_channel(
        address, options=[("grpc.service_config", service_config.read_text())]
    )


def error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo | None:
    """What the server says of an error, for programs."""
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info
    return None
