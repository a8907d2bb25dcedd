import fastify, { type FastifyInstance } from "fastify";
import { BearerTokens, isOwnHost } from "#common/http";
import { type StartWorkerHostOptions, startWorkerHost } from "#mocker/worker";
import { HostedReplicas } from "./hosted-replicas.ts";
import { type AddReplica, type DrainReplica, REPLICAS_PATH } from "./protocol.ts";

const BODY_LIMIT_BYTES = 4096;
const MOST_WORKERS = 1024;

export interface WorkerHostServiceOptions {
  /** What the workers have in common; it begins with none. */
  host: StartWorkerHostOptions;
  /** Folder of leases; null: workers are not announced. */
  registerDir: string | null;
  adminPort: number;
  nonce: string;
}

export interface WorkerHostService {
  /** Takes the leases back, lets what is under way end for `graceMs` real ms at most, and ends. */
  close(graceMs: number): Promise<void>;
}

/** A process of workers that come and go by an API on loopback, which the runner alone can use. */
export async function serveWorkerHost(options: WorkerHostServiceOptions): Promise<WorkerHostService> {
  const host = await startWorkerHost({ ...options.host, count: 0 });
  const replicas = new HostedReplicas(host, options.registerDir);
  const app = adminApp(replicas, options.nonce);
  try {
    await app.listen({ host: "127.0.0.1", port: options.adminPort });
  } catch (error) {
    await host.close();
    throw error;
  }
  return {
    async close(graceMs) {
      const closed = host.close({ graceMs });
      await replicas.releaseLeases();
      await closed;
      await app.close();
    },
  };
}

function adminApp(replicas: HostedReplicas, nonce: string): FastifyInstance {
  const tokens = new BearerTokens([nonce]);
  const app = fastify({ logger: false, bodyLimit: BODY_LIMIT_BYTES, forceCloseConnections: true });
  app.addHook("onRequest", async (request, reply) => {
    const { host, authorization } = request.headers;
    const isOwn = isOwnHost({ host, origin: undefined, fetchSite: undefined }, []);
    if (!isOwn || tokens.judge(authorization) !== "ok") return reply.code(401).send({ error: "unauthorized" });
  });
  app.get(REPLICAS_PATH, () => ({ replicas: replicas.list() }));
  app.post<{ Body: AddReplica }>(
    REPLICAS_PATH,
    {
      schema: {
        body: {
          type: "object",
          required: ["name", "workers"],
          properties: {
            name: { type: "string", minLength: 1, maxLength: 300 },
            workers: { type: "integer", minimum: 1, maximum: MOST_WORKERS },
          },
        },
      },
    },
    async ({ body }, reply) => {
      await replicas.add(body.name, body.workers);
      return reply.code(201).send({});
    },
  );
  app.post<{ Params: { name: string }; Body: DrainReplica }>(
    `${REPLICAS_PATH}/:name/drain`,
    {
      schema: {
        body: { type: "object", required: ["graceMs"], properties: { graceMs: { type: "number", minimum: 0 } } },
      },
    },
    (request, reply) => {
      const { name } = request.params;
      replicas.drain(name, request.body.graceMs).catch((error: Error) => {
        process.stderr.write(`replica ${name} could not be drained: ${error.message}\n`);
      });
      return reply.code(202).send({});
    },
  );
  return app;
}
