import type { FastifyInstance, FastifyReply } from "fastify";
import { z } from "zod";
import { type KeyValueStore, StoreUnavailable, type StoreView } from "#planner/connectors";
import { ControlRefused } from "../minimum.ts";
import { type ServerOptions, serviceServer } from "./server.ts";

export interface StoreAppOptions extends ServerOptions {
  store: KeyValueStore;
}

/** Longest wait for a change, s; asked for more, it answers after this. */
const LONGEST_WAIT_S = 60;
const MOST_KEYS = 128;

const key = z.string().regex(/^[\x21-\x7e]{1,512}$/, "expected a key of 1 to 512 printable ASCII characters");
const transactionSchema = z.strictObject({
  expect: z.record(key, z.int().min(0)).optional(),
  write: z.record(key, z.string().nullable()),
});

/**
 * A store for those who have no etcd: `GET /v1/kv?prefix=` answers what stands there, with the store's revision as its ETag; with
 * `If-None-Match` and `Prefer: wait=SECONDS` it answers at the next change, or 304; `POST /v1/kv` writes several keys together, or 409
 * where an expectation does not hold.
 */
export function storeApp(options: StoreAppOptions): FastifyInstance {
  const { store } = options;
  const app = serviceServer({ ...options, open: ["/health"] });

  app.get("/health", async () => ({ status: "ok" }));

  app.get("/v1/kv", async (request, reply) => {
    const { prefix = "" } = request.query as Record<string, unknown>;
    if (typeof prefix !== "string") throw new ControlRefused(400, "prefix: expected it once");
    const known = revisionOf(request.headers["if-none-match"]);
    const waitMs = waitOf(request.headers.prefer) * 1000;
    const gone = new AbortController();
    reply.raw.on("close", () => gone.abort());
    return inStore(async () => {
      if (known !== null && !(await store.changed(prefix, known, waitMs, gone.signal))) {
        return reply.code(304).header("etag", `"${known}"`).send();
      }
      return sendView(reply, await store.read(prefix));
    });
  });

  app.post("/v1/kv", async (request, reply) => {
    const { data, error } = transactionSchema.safeParse(request.body);
    if (error) {
      const [issue] = error.issues;
      throw new ControlRefused(400, `${issue!.path.join(".") || "the body"}: ${issue!.message}`);
    }
    const { expect, write } = data;
    const count = Object.keys(write).length;
    if (count === 0 || count > MOST_KEYS) {
      throw new ControlRefused(400, `write: found ${count} keys, expected 1 to ${MOST_KEYS}`);
    }
    const committed = await inStore(() => store.commit({ write, ...(expect === undefined ? {} : { expect }) }));
    return reply.code(committed ? 200 : 409).send({ committed });
  });
  return app;
}

function sendView(reply: FastifyReply, { revision, values }: StoreView) {
  return reply.header("etag", `"${revision}"`).send({ revision, values: Object.fromEntries(values) });
}

/** Null: the client knows nothing yet. */
function revisionOf(header: string | undefined): number | null {
  if (header === undefined) return null;
  const digits = /^(?:W\/)?"(\d{1,15})"$/.exec(header.trim())?.[1];
  if (digits === undefined) {
    throw new ControlRefused(400, `If-None-Match: found ${JSON.stringify(header)}, expected an ETag of this store`);
  }
  return Number(digits);
}

/** `Prefer: wait=10` (RFC 7240 §4.3), s; 0 where nothing is preferred. */
function waitOf(header: string | string[] | undefined): number {
  const seconds = /(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])/.exec([header ?? ""].flat().join(","))?.[1];
  return Math.min(LONGEST_WAIT_S, Number(seconds ?? 0));
}

async function inStore<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof StoreUnavailable) throw new ControlRefused(503, error.message);
    throw error;
  }
}
