// A page of another origin: calls by a generated client, and fetches, that the
// test asks for.

import { toJson } from "@bufbuild/protobuf";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { EventSchema, KvService } from "./gen/nanokv/v1/kv_pb.js";

const clientOf = (baseUrl) => createClient(KvService, createGrpcWebTransport({ baseUrl }));

/** An answer as JSON, or why there is none. */
async function told(answer) {
  try {
    return await answer();
  } catch (error) {
    const failure = ConnectError.from(error);
    const [info] = failure.findDetails(ErrorInfoSchema);
    const { code, rawMessage: message } = failure;
    return { failed: { code, message, reason: info?.reason, metadata: info?.metadata } };
  }
}

window.call = (url, name, request) =>
  told(async () => {
    const answer = await clientOf(url)[name](request);
    return toJson(KvService.method[name].output, answer);
  });

/** Follows every key; what it is told gathers in `window.watched`. */
window.watch = (url) => {
  const stop = new AbortController();
  window.unwatch = () => stop.abort();
  window.watched = { events: [], begun: false, ended: null };
  const follow = async () => {
    const request = { ranges: [{}] };
    for await (const answer of clientOf(url).watch(request, { signal: stop.signal })) {
      window.watched.begun = true;
      window.watched.events.push(...answer.events.map((event) => toJson(EventSchema, event)));
    }
  };
  told(follow).then((ended) => (window.watched.ended = ended ?? "in order"));
};

window.ask = async (url, path, { method = "GET", headers = {}, body } = {}) => {
  try {
    const answer = await fetch(`${url}${path}`, { method, headers, body });
    return {
      status: answer.status,
      etag: answer.headers.get("etag"),
      kind: answer.headers.get("nanokv-kind"),
      body: await answer.text(),
    };
  } catch (error) {
    return { failed: error.message };
  }
};
