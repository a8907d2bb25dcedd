import { once } from "node:events";
import fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import { BearerTokens } from "#common/http";
import {
  DEPLOYMENTS_PATH,
  type DeploymentKey,
  deploymentPath,
  type LocalComponent,
  type LocalDeployment,
  type LocalEvent,
  localDeploymentSchema,
  NOT_READY,
  STALE_VERSION,
  scaleBodySchema,
} from "#planner/connectors";
import { freePort } from "../../integration/processes.ts";

/** How a component of a made deployment differs from a worker of one replica that serves. */
export interface MadeComponent extends Partial<LocalComponent> {
  name: string;
  role: LocalComponent["role"];
}

export const KEY: DeploymentKey = { namespace: "default", name: "llama" };

/** A deployment that serves: all that is asked for is there. */
export function madeDeployment(components: readonly MadeComponent[], rest: Partial<LocalDeployment> = {}) {
  const whole = components.map(
    (each): LocalComponent => ({
      replicas: 1,
      readyReplicas: each.replicas ?? 1,
      availableReplicas: each.replicas ?? 1,
      updatedReplicas: each.replicas ?? 1,
      gpusPerReplica: null,
      ...each,
    }),
  );
  return localDeploymentSchema.parse({
    ...KEY,
    apiVersion: "nvidia.com/v1alpha1",
    resourceVersion: 1,
    generation: 1,
    observedGeneration: 1,
    state: "successful",
    ready: true,
    message: "All resources are ready",
    model: null,
    frontendUrl: null,
    components: whole,
    replicas: whole.flatMap(({ name, replicas }) => replicasOf(name, replicas)),
    notes: [],
    ...rest,
  });
}

/** The control API of one deployment by its rules, with nothing behind it: who holds it plays the runner. */
export class ControlServer {
  readonly url: string;
  readonly token: string;
  /** Bodies of all changes that were asked for. */
  readonly scaled: unknown[] = [];
  readonly events: LocalEvent[] = [];
  /** Text of the replicas' logs. */
  readonly logs = new Map<string, string>();
  /** Answers with these statuses first, whatever is asked. */
  readonly troubles: { status: number; retryAfterS?: number; body?: string }[] = [];
  /** Called before a change is judged. */
  beforeScale: () => void = () => {};
  #deployment: LocalDeployment | null;
  #takesChanges = true;
  readonly #port: number;
  readonly #tokens: BearerTokens;
  #app: FastifyInstance | null = null;
  #waiting: (() => void)[] = [];

  private constructor(deployment: LocalDeployment, port: number, token: string) {
    this.#deployment = deployment;
    this.#port = port;
    this.token = token;
    this.#tokens = new BearerTokens([token]);
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(deployment: LocalDeployment, token = "of-the-runner"): Promise<ControlServer> {
    const server = new ControlServer(deployment, await freePort(), token);
    await server.run();
    return server;
  }

  get deployment(): LocalDeployment | null {
    return this.#deployment;
  }

  /** Questions that wait for a change now. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Changes the deployment as a runner would see it change; null: it is gone. */
  set(change: ((deployment: LocalDeployment) => LocalDeployment) | null): void {
    const before = this.#deployment!;
    this.#deployment = change === null ? null : { ...change(before), resourceVersion: before.resourceVersion + 1 };
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** It is begun, where there was none. */
  begin(deployment: LocalDeployment): void {
    this.#deployment = deployment;
  }

  /** The deployment as a whole takes no changes, or does again. */
  setReady(ready: boolean): void {
    this.#takesChanges = ready;
    this.set((deployment) => ({
      ...deployment,
      ready,
      state: ready ? "successful" : "pending",
      message: ready ? "All resources are ready" : "Resources not ready: [decode]",
    }));
  }

  /** What was asked for is there. */
  settle(): void {
    this.set((deployment) => {
      const components = deployment.components.map((each) => ({
        ...each,
        readyReplicas: each.replicas,
        availableReplicas: each.replicas,
        updatedReplicas: each.replicas,
      }));
      const replicas = components.flatMap(({ name, replicas: count }) => replicasOf(name, count));
      const { generation } = deployment;
      return { ...deployment, observedGeneration: generation, ready: true, state: "successful", components, replicas };
    });
  }

  async run(): Promise<void> {
    const app = fastify({ forceCloseConnections: true });
    this.#app = app;
    const path = deploymentPath({ namespace: ":namespace", name: ":name" }).replaceAll("%3A", ":");
    app.addHook("onRequest", async (request, reply) => {
      const trouble = this.troubles.shift();
      if (trouble !== undefined) {
        if (trouble.retryAfterS !== undefined) reply.header("retry-after", String(trouble.retryAfterS));
        return reply.code(trouble.status).send(trouble.body ?? "");
      }
      if (this.#tokens.judge(request.headers.authorization) !== "ok") return fault(reply, 401, "unauthorized");
      const { namespace, name } = request.params as Partial<DeploymentKey>;
      const isThere = this.#deployment !== null && name === KEY.name && namespace === KEY.namespace;
      if (name !== undefined && !isThere) return fault(reply, 404, "not-found");
    });
    app.get(DEPLOYMENTS_PATH, async () => ({ items: this.#deployment === null ? [] : [this.#deployment] }));
    app.get(path, async (request, reply) => {
      const { resourceVersion, wait = "0" } = request.query as Record<string, string>;
      const known = resourceVersion === undefined ? -1 : Number(resourceVersion);
      if (known >= this.#deployment!.resourceVersion) await this.#nextChange(Number(wait), reply);
      return this.#deployment ?? fault(reply, 404, "not-found");
    });
    app.patch(`${path}/scale`, async (request, reply) => this.#scale(request.body, reply));
    app.get(`${path}/events`, async (request) => {
      const since = Number((request.query as Record<string, string>).since ?? 0);
      return { items: this.events.filter(({ seq }) => seq >= since), next: (this.events.at(-1)?.seq ?? -1) + 1 };
    });
    app.get(`${path}/logs/:replica`, async (request, reply) => {
      const { replica } = request.params as { replica: string };
      const text = this.logs.get(replica);
      if (text === undefined) return fault(reply, 404, "not-found", `there is no replica ${replica}`);
      const { tail } = request.query as { tail?: string };
      return reply.type("text/plain").send(
        text
          .split("\n")
          .slice(tail === undefined ? 0 : -Number(tail))
          .join("\n"),
      );
    });
    app.delete(path, async (_request, reply) => {
      this.set(null);
      return reply.code(202).send();
    });
    await app.listen({ host: "127.0.0.1", port: this.#port });
  }

  /** The runner is gone; `run` brings it back at the same address. */
  async stop(): Promise<void> {
    const app = this.#app;
    this.#app = null;
    await app?.close();
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #scale(body: unknown, reply: FastifyReply): unknown {
    this.scaled.push(body);
    this.beforeScale();
    const read = scaleBodySchema.safeParse(body);
    if (!read.success) return fault(reply, 422, "bad-replicas");
    const { replicas, resourceVersion } = read.data;
    const deployment = this.#deployment!;
    const known = deployment.components.map(({ name }) => name);
    if (!Object.keys(replicas).every((name) => known.includes(name))) return fault(reply, 422, "unknown-component");
    if (!this.#takesChanges) return fault(reply, 409, NOT_READY, deployment.message);
    if (resourceVersion !== undefined && resourceVersion !== deployment.resourceVersion) {
      return fault(reply, 409, STALE_VERSION);
    }
    this.set((before) => ({
      ...before,
      generation: before.generation + 1,
      components: before.components.map((each) => ({ ...each, replicas: replicas[each.name] ?? each.replicas })),
    }));
    return this.#deployment;
  }

  async #nextChange(waitS: number, reply: FastifyReply): Promise<void> {
    const gone = once(reply.raw, "close").then(() => {});
    const changed = new Promise<void>((resolve) => this.#waiting.push(resolve));
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, waitS * 1000);
    });
    await Promise.race([gone, changed, over]);
    clearTimeout(timer);
  }
}

function replicasOf(component: string, count: number): LocalDeployment["replicas"] {
  return Array.from({ length: count }, (_, i) => ({
    name: `${component}-${i}`,
    component,
    state: "ready" as const,
    url: `http://127.0.0.1:${20_000 + i}`,
    pid: 1000 + i,
    restarts: 0,
    startedAt: "2026-01-01T00:00:00.000Z",
    message: null,
  }));
}

function fault(reply: FastifyReply, status: number, code: string, message = code) {
  return reply.code(status).send({ error: { code, message } });
}
