/** The channel, the calls as promises with a deadline, and what an error says. */

import {
  credentials,
  Metadata,
  type CallOptions,
  type ChannelOptions,
  type Client,
  type ServiceError,
} from "@grpc/grpc-js";
import { ErrorInfo } from "./gen/google/rpc/error_details.js";
import { Status } from "./gen/google/rpc/status.js";
import { HealthClient } from "./gen/health/v1/health.js";
import { AdminServiceClient } from "./gen/nanokv/v1/admin.js";
import { KvServiceClient, WatchRequest } from "./gen/nanokv/v1/kv.js";

/** How long one call may take, with all its retries, in milliseconds. */
const DEADLINE_MS = 5000;
/** How long a stream may take, in milliseconds. A program would let a Watch go
 * on until it is cancelled. */
const STREAM_DEADLINE_MS = 15_000;

type Method<Request, Response> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  done: (error: ServiceError | null, response: Response) => void,
) => unknown;

/** The calls of a server that the example makes. */
export function connect(serviceConfig: string, address: string) {
  const options = retrying(serviceConfig);
  const kv = new KvServiceClient(address, credentials.createInsecure(), options);
  const admin = new AdminServiceClient(address, credentials.createInsecure(), options);
  const health = new HealthClient(address, credentials.createInsecure(), options);
  return {
    get: unary(kv, kv.get),
    set: unary(kv, kv.set),
    increment: unary(kv, kv.increment),
    batch: unary(kv, kv.batch),
    transact: unary(kv, kv.transact),
    delete: unary(kv, kv.delete),
    list: unary(kv, kv.list),
    pipeline: () => kv.pipeline(new Metadata(), deadline(STREAM_DEADLINE_MS)),
    watch: (request: WatchRequest) =>
      kv.watch(request, new Metadata(), deadline(STREAM_DEADLINE_MS)),
    describe: unary(admin, admin.describe),
    check: unary(health, health.check),
    close: () => [kv, admin, health].forEach((client) => client.close()),
  };
}

/** A channel that retries what the service config says, as it says. */
export function retrying(serviceConfig: string): ChannelOptions {
  return { "grpc.service_config": serviceConfig };
}

/** What the server says of an error, for programs. */
export function errorInfo(error: ServiceError): ErrorInfo | undefined {
  const [details] = error.metadata.get("grpc-status-details-bin");
  if (!(details instanceof Buffer)) {
    return undefined;
  }
  const any = Status.decode(details).details.find(
    ({ typeUrl }) => typeUrl === "type.googleapis.com/google.rpc.ErrorInfo",
  );
  return any && ErrorInfo.decode(any.value);
}

function unary<Request, Response>(client: Client, method: Method<Request, Response>) {
  return (request: Request) =>
    new Promise<Response>((resolve, reject) => {
      method.call(client, request, new Metadata(), deadline(DEADLINE_MS), (error, response) =>
        error ? reject(error) : resolve(response),
      );
    });
}

function deadline(ms: number): Partial<CallOptions> {
  return { deadline: Date.now() + ms };
}
