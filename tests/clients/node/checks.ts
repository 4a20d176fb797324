/** Steps that are checked, one line each. */

import { isDeepStrictEqual, inspect } from "node:util";
import { status, type ServiceError } from "@grpc/grpc-js";

/** A step: a name, and what gives a few words on what it saw. */
export type Step = [name: string, body: () => Promise<string>];

/** The server did something else than its contract says. */
class CheckFailed extends Error {}

/** Fails the step unless both are equal. */
export function equal(what: string, got: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(got, expected)) {
    throw new CheckFailed(`${what}: expected ${show(expected)}, got ${show(got)}`);
  }
}

/** Fails the step unless the condition holds. */
export function holds(what: string, condition: boolean): asserts condition {
  if (!condition) {
    throw new CheckFailed(what);
  }
}

/** The error of a call that must be refused. */
export async function refused(call: Promise<unknown>): Promise<ServiceError> {
  let reply;
  try {
    reply = await call;
  } catch (error) {
    if (isServiceError(error)) {
      return error;
    }
    throw error;
  }
  throw new CheckFailed(`expected a refusal, got the reply ${show(reply)}`);
}

/** Carries out every step, also after one that failed. Gives the exit code: 0
 * if all passed, else 1. */
export async function run(steps: Step[]): Promise<number> {
  let failed = 0;
  for (const [name, body] of steps) {
    try {
      console.log(`ok      ${name}: ${await body()}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED  ${name}: ${told(error)}`);
    }
  }
  console.log(`node: ${steps.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

function show(value: unknown): string {
  return inspect(value, { breakLength: Infinity });
}

function told(error: unknown): string {
  if (error instanceof CheckFailed) {
    return error.message;
  }
  return isServiceError(error) ? `${status[error.code]} ${error.details}` : inspect(error);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error && "metadata" in error;
}
