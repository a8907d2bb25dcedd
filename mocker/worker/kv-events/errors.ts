import { UserError } from "#common";

/** ZMQ was asked for, but its package is not installed or has no binary for this machine. */
export function zmqMissing(cause: unknown): UserError {
  return new UserError({
    code: "WORKER_ZMQ_MISSING",
    message: "KV events over ZMQ need the package zeromq, which can't be loaded here",
    hint: "run npm install zeromq, or use the server-sent events of GET /kv_events",
    cause,
  });
}

/** An address that ZMQ can't listen on. */
export function zmqCannotBind(endpoint: string, cause: unknown): UserError {
  return new UserError({
    code: "WORKER_ZMQ_CANNOT_BIND",
    where: endpoint,
    message: `found an endpoint that can't be bound (${cause instanceof Error ? cause.message : String(cause)}), expected a free one such as tcp://127.0.0.1:5557`,
    hint: "choose another port; a rank r takes the port of rank 0 plus r",
    cause,
  });
}
