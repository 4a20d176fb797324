package io.nanokv.clients.example;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import io.grpc.Status;
import io.grpc.Status.Code;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.nanokv.v1.Failure;
import java.util.Map;
import java.util.concurrent.Callable;

/** What an error of nanokv must say. Other metadata may be there. */
record Refusal(Code code, String reason, Map<String, String> metadata) {

  /** Makes a call that must be refused so, and gives the message of the error. */
  String of(Callable<?> call) throws Exception {
    try {
      Unexpected.unless(false, code + " " + reason, call.call());
      throw new AssertionError();
    } catch (StatusException | StatusRuntimeException e) {
      var status = Status.fromThrowable(e);
      Unexpected.unless(status.getCode() == code, code.name(), e.getMessage());
      var info = errorInfo(e);
      Unexpected.unless(info != null, "an ErrorInfo in the details", e.getMessage());
      Unexpected.unless(info.getDomain().equals("nanokv"), "domain nanokv", info);
      var message = status.getDescription();
      words(info.getReason(), message, info.getMetadataMap());
      return message;
    }
  }

  /** Expects a result of a Batch that is refused so, and gives its message. */
  String of(Failure failure) throws Unexpected {
    Unexpected.unless(failure.getCode() == code.value(), code.name(), failure);
    words(failure.getReason(), failure.getMessage(), failure.getMetadataMap());
    return failure.getMessage();
  }

  private void words(String reason, String message, Map<String, String> metadata)
      throws Unexpected {
    Unexpected.unless(reason.equals(this.reason), "reason " + this.reason, reason);
    Unexpected.unless(
        message != null && message.startsWith(reason), "a message that begins with it", message);
    Unexpected.unless(
        metadata.entrySet().containsAll(this.metadata.entrySet()),
        "metadata " + this.metadata,
        metadata);
  }

  /** What tells programs why, or null if the error does not carry it. */
  private static ErrorInfo errorInfo(Exception error)
      throws InvalidProtocolBufferException {
    var status = StatusProto.fromThrowable(error);
    for (var detail : status.getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        return detail.unpack(ErrorInfo.class);
      }
    }
    return null;
  }
}
