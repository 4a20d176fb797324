package io.nanokv.clients.example;

import io.nanokv.v1.GetRequest;
import io.nanokv.v1.IncrementRequest;
import io.nanokv.v1.Operation;
import io.nanokv.v1.SetRequest;
import io.nanokv.v1.Value;

/** Messages that several steps send. */
final class Messages {
  private Messages() {}

  static Value text(String text) {
    return Value.newBuilder().setText(text).build();
  }

  static Value number(long number) {
    return Value.newBuilder().setNumber(number).build();
  }

  static SetRequest.Builder setRequest(String key, Value value) {
    return SetRequest.newBuilder().setKey(key).setValue(value);
  }

  static SetRequest.Builder setRequest(String key, String value) {
    return setRequest(key, text(value));
  }

  static Operation setOperation(String key, String value) {
    return Operation.newBuilder().setSet(setRequest(key, value)).build();
  }

  static Operation getOperation(String key) {
    return Operation.newBuilder().setGet(GetRequest.newBuilder().setKey(key)).build();
  }

  static Operation incrementOperation(String key, long delta) {
    var increment = IncrementRequest.newBuilder().setKey(key).setDelta(delta);
    return Operation.newBuilder().setIncrement(increment).build();
  }
}
