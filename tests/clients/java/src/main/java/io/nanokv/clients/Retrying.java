package io.nanokv.clients;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import java.io.IOException;
import java.io.InputStreamReader;
import java.util.Map;

/** Connects to nanokv as a client should. */
public final class Retrying {
  private static final String SERVICE_CONFIG = "/nanokv/v1/service_config.json";

  private Retrying() {}

  /**
   * A connection, in plain text, that retries what is safe to retry, as the shipped service config
   * says. It connects at the first call.
   */
  public static ManagedChannel channel(String address) throws IOException {
    return ManagedChannelBuilder.forTarget(address)
        .usePlaintext()
        .defaultServiceConfig(serviceConfig())
        .build();
  }

  private static Map<String, ?> serviceConfig() throws IOException {
    var type = new TypeToken<Map<String, ?>>() {};
    try (var file = Retrying.class.getResourceAsStream(SERVICE_CONFIG)) {
      return new Gson().fromJson(new InputStreamReader(file, UTF_8), type);
    }
  }
}
