package io.nanokv.clients.example;

/** The server did not answer as its contract says. */
final class Unexpected extends Exception {
  private static final long serialVersionUID = 1;

  private Unexpected(String message) {
    super(message);
  }

  /** Fails unless {@code holds}, with what was expected and what was got. */
  static void unless(boolean holds, String expected, Object got) throws Unexpected {
    if (!holds) {
      throw new Unexpected("expected " + expected + ", got " + got);
    }
  }
}
