import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import fastify from "fastify";
import { readLog } from "../../runner/logs.ts";
import { POD_CONTAINER } from "../pods.ts";
import { selfSignedCertificate } from "./certificate.ts";

export interface KubeletOptions {
  /** Of the node. */
  name: string;
  /** File of what a pod's container writes; null where there is no such pod here. */
  logOf: (namespace: string, pod: string) => string | null;
  /** Unix ms. */
  now: () => number;
}

export interface Kubelet {
  address: string;
  port: number;
  close(): Promise<void>;
}

interface LogQuery {
  follow?: string;
  previous?: string;
  tailLines?: string;
  limitBytes?: string;
  sinceSeconds?: string;
  sinceTime?: string;
  timestamps?: string;
}

const ADDRESS = "127.0.0.1";
const NO_TIMES = "a runner's logs have no times: leave out --since, --since-time and --timestamps";

/**
 * What an API server asks a node's kubelet for so that `kubectl logs` has something to show: `GET /containerLogs/NAMESPACE/POD/CONTAINER`.
 * It is on loopback, where an API server of this machine reaches it; whoever can run programs here can read logs there.
 */
export async function startKubelet({ name, logOf, now }: KubeletOptions): Promise<Kubelet> {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    https: selfSignedCertificate(name, ADDRESS, now()),
  });
  app.get<{ Params: { namespace: string; pod: string; container: string }; Querystring: LogQuery }>(
    "/containerLogs/:namespace/:pod/:container",
    (request, reply) => {
      const { namespace, pod, container } = request.params;
      const { follow, previous, tailLines, limitBytes, sinceSeconds, sinceTime, timestamps } = request.query;
      reply.type("text/plain; charset=utf-8");
      const path = logOf(namespace, pod);
      if (path === null) return reply.code(404).send(`pod ${namespace}/${pod} not found`);
      if (container !== POD_CONTAINER) return reply.code(404).send(`container ${container} of pod ${pod} not found`);
      // Restarts go into the same file.
      if (previous === "true") return reply.code(400).send(`previous terminated container ${container} not found`);
      if (sinceSeconds !== undefined || sinceTime !== undefined || timestamps === "true") {
        return reply.code(400).send(NO_TIMES);
      }
      const counts = { tailLines, limitBytes };
      const bad = Object.entries(counts).find(([, text]) => text !== undefined && !/^\d{1,12}$/.test(text));
      if (bad !== undefined) return reply.code(400).send(`${bad[0]}: found ${bad[1]}, expected a whole number`);
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      const text = readLog(path, {
        tail: tailLines === undefined ? undefined : Number(tailLines),
        follow: follow === "true" ? untilRemoved(gone, () => logOf(namespace, pod) === null) : undefined,
      });
      return reply.send(Readable.from(limitBytes === undefined ? text : limited(text, Number(limitBytes))));
    },
  );
  await app.listen({ host: ADDRESS, port: 0 });
  const { port } = app.server.address() as AddressInfo;
  return { address: ADDRESS, port, close: () => app.close() };
}

/** Between two looks whether a pod whose log is followed is still there, ms. */
const LOOK_MS = 500;

function untilRemoved(gone: AbortController, isRemoved: () => boolean): AbortSignal {
  const timer = setInterval(() => {
    if (isRemoved()) gone.abort();
  }, LOOK_MS);
  gone.signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  return gone.signal;
}

async function* limited(text: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const chunk of text) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
