import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type RandomStream, randomStream } from "#common";
import { endDeployment, leftBehind, StateFolder } from "#src/deployment";
import { ensureKubeApiserver } from "../../../scripts/kube-apiserver.ts";
import { ensureEtcd } from "../../../scripts/test-tools.ts";
import { DEPLOYMENT_VARIABLE } from "../../../src/deployment/runner/command.ts";
import { processesWith } from "../../../src/deployment/runner/identity.ts";
import { CliProcess, waitFor } from "../../integration/processes.ts";
import { ask, graphOf, viewOf } from "../../integration/runner/running.ts";
import { KubeApiServer, type KubeObject } from "../../kubernetes/api-server.ts";
import { installGraphCrds } from "../../kubernetes/crds.ts";
import type { Campaign, CampaignControl, CampaignResult } from "../campaign.ts";

const VICTIMS = ["API server", "API server", "runner", "worker", "frontend", "planner"] as const;
type Victim = (typeof VICTIMS)[number];

const NAMESPACE = "kills";
const NAME = "mocker";
const TIME_SCALE = 20;
/** Real ms between two requests of the load that never ends. */
const REQUEST_MS = 100;
const PATIENCE_MS = 120_000;
const COMPONENTS = ["Frontend", "prefill", "decode", "Planner"] as const;
/** It decides every three seconds of ours. */
const PLANNER = [
  ...["--environment", "kubernetes", "--optimization-target", "sla", "--strategy", "sla-compat"],
  ...["--profile-results-dir", "h200-llama-3.1-8b-fp8-tp1-estimate", "--throughput-adjustment-interval-seconds", "60"],
];

/**
 * Kills what a deployment in a cluster is made of, while a light load goes on that one worker of each role serves with ease: its planner, which may scale, has no reason
 * to, unless it took what it can't see for something else.
 */
export const campaign: Campaign = {
  name: "cluster-kills",
  proves:
    "a deployment of an API server comes back, its planner decides nothing on missing data, and no process is left behind",
  cases: "kills of API server, runner, workers, frontend and planner",
  sliceRuns: 10,
  soakRuns: 200,
  needs: async () => void (await Promise.all([ensureEtcd(), ensureKubeApiserver()])),
  async run(count, seed, control = {}) {
    const server = await KubeApiServer.start({ etcd: await ensureEtcd(), kubeApiserver: await ensureKubeApiserver() });
    const folder = mkdtempSync(join(tmpdir(), "understudy-kills-"));
    const played = new PlayedCluster(server, new StateFolder(join(folder, "state")));
    try {
      await installGraphCrds(server, "v1beta1");
      await server.namespace(NAMESPACE);
      return await played.survive(count, seed, control);
    } finally {
      await played.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

interface GraphObject extends KubeObject {
  status?: { state?: string; components?: Record<string, { replicas: number; availableReplicas?: number }> };
}

class PlayedCluster {
  readonly #server: KubeApiServer;
  readonly #state: StateFolder;
  #up: CliProcess | null = null;
  #load: Promise<void> | null = null;
  readonly #ended = new AbortController();

  constructor(server: KubeApiServer, state: StateFolder) {
    this.#server = server;
    this.#state = state;
  }

  async survive(count: number, seed: number, { signal, onProgress }: CampaignControl): Promise<CampaignResult> {
    const random = randomStream(seed, "cluster kills");
    this.#start();
    await this.#server.json("POST", this.#path(), graphOf({ name: NAME, planner: PLANNER }));
    await this.#converged();
    this.#load = this.#sendLoad();
    let runs = 0;
    while (runs < count && !signal?.aborted) {
      runs++;
      const victim = VICTIMS[random.integer(VICTIMS.length)]!;
      try {
        await this.#kill(victim, random);
        await this.#converged();
        this.#expectNoDecision();
      } catch (error) {
        const output = this.#up?.output.slice(-3000) ?? "";
        return { runs, failures: [`kill ${runs} (${victim}) of seed ${seed}: ${(error as Error).message}\n${output}`] };
      }
      onProgress?.(runs);
    }
    return { runs, failures: await this.#leave() };
  }

  async close(): Promise<void> {
    this.#ended.abort();
    await this.#load;
    await this.#up?.end();
    for (const left of this.#state.deployments()) await endDeployment(left, leftBehind(left), 0);
  }

  #start(): void {
    this.#up = new CliProcess([
      ...["up", "--kubeconfig", this.#server.kubeconfig("admin", NAMESPACE), "--namespace", NAMESPACE],
      ...["--state-dir", this.#state.path, "--time-scale", String(TIME_SCALE), "--port", "0", "--json"],
    ]);
  }

  async #kill(victim: Victim, random: RandomStream): Promise<void> {
    if (victim === "API server") {
      await this.#server.kill();
      // Long enough for some to find it gone, at times for all.
      await new Promise((resolve) => setTimeout(resolve, random.next() * 4000));
      await this.#server.run();
      return;
    }
    if (victim === "runner") {
      this.#up!.kill("SIGKILL");
      await this.#up!.exited;
      this.#start();
      return;
    }
    const component = { worker: ["prefill", "decode"], frontend: ["Frontend"], planner: ["Planner"] }[victim];
    const replicas = (await this.#view())?.replicas.filter((replica) => component.includes(replica.component)) ?? [];
    const pid = replicas[random.integer(replicas.length)]?.pid;
    if (pid !== undefined && pid !== null) process.kill(pid, "SIGKILL");
  }

  /** Ready in the API server's words, every pod ready, every process known to the runner, a request answered. */
  async #converged(): Promise<void> {
    let last: unknown = null;
    const isThere = async () => {
      if (!this.#up!.running) throw new Error("the runner has ended");
      const { status } = await this.#server
        .json<GraphObject>("GET", this.#path(NAME))
        .catch(() => ({ status: {} }) as GraphObject);
      const view = await this.#view();
      last = { status, view };
      const isCounted = COMPONENTS.every((name) => status?.components?.[name]?.availableReplicas === 1);
      if (status?.state !== "successful" || !isCounted || view?.ready !== true) return false;
      const known = new Set(view.replicas.map(({ pid }) => pid));
      const found = processesWith(DEPLOYMENT_VARIABLE, this.#folder);
      if (!found.every(({ pid }) => known.has(pid))) return false;
      const { items } = await this.#server.json<{ items: KubeObject[] }>("GET", `/api/v1/namespaces/${NAMESPACE}/pods`);
      if (items.length !== view.replicas.length || !items.every(isReadyPod)) return false;
      return (await ask(view.frontendUrl!)) === "answered";
    };
    await waitFor("the deployment to be whole", isThere, PATIENCE_MS).catch((error: Error) => {
      throw new Error(`${error.message}\n${JSON.stringify(last)}`);
    });
  }

  #expectNoDecision(): void {
    const planner = `system:serviceaccount:${NAMESPACE}:${NAME}-planner`;
    const scaled = this.#server
      .audit(planner)
      .filter(({ verb, objectRef }) => verb === "patch" && objectRef?.apiGroup === "nvidia.com")
      .map(({ requestURI, requestObject }) => `${requestURI} ${JSON.stringify(requestObject)}`);
    if (scaled.length > 0) throw new Error(`the planner has scaled: ${scaled.join("; ")}`);
  }

  async #sendLoad(): Promise<void> {
    while (!this.#ended.signal.aborted) {
      const { frontendUrl } = (await this.#view()) ?? {};
      // While there is no frontend requests fail: that is what its clients see, too.
      if (frontendUrl) await ask(frontendUrl).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, REQUEST_MS));
    }
  }

  async #leave(): Promise<string[]> {
    this.#up!.kill("SIGTERM");
    const { code } = await this.#up!.exited;
    const left = processesWith(DEPLOYMENT_VARIABLE, this.#folder);
    if (code === 0 && left.length === 0) return [];
    return [
      `at the end: exit code ${code}, processes ${left.map(({ pid }) => pid).join(", ")} are left\n${this.#up!.output}`,
    ];
  }

  #view() {
    return viewOf(this.#state, this.#up!, { namespace: NAMESPACE, name: NAME });
  }

  get #folder(): string {
    return this.#state.deployment({ namespace: NAMESPACE, name: NAME }).path;
  }

  #path(name?: string): string {
    const all = `/apis/nvidia.com/v1beta1/namespaces/${NAMESPACE}/dynamographdeployments`;
    return name === undefined ? all : `${all}/${name}`;
  }
}

function isReadyPod({ status }: KubeObject): boolean {
  const { conditions = [] } = (status ?? {}) as { conditions?: { type: string; status: string }[] };
  return conditions.some(({ type, status }) => type === "Ready" && status === "True");
}
