import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { kubernetesLeadership } from "#planner/connectors";
import { waitFor } from "../integration/processes.ts";
import { describeWithKubernetes } from "../tools.ts";
import { KubeApiServer } from "./api-server.ts";
import { FaultProxy } from "./fault-proxy.ts";

const PROGRAM = fileURLToPath(new URL("planner-process.ts", import.meta.url));
const LEASE_MS = 4_000;
const RETRY_MS = 500;
const TIMES = { leaseMs: LEASE_MS, renewDeadlineMs: 2_000, retryMs: 250 };

interface Said {
  identity: string;
  isLeader: boolean;
  atUnixMs: number;
}

/** A planner in a process of its own. */
class Candidate {
  readonly child: ChildProcess;
  readonly said: Said[] = [];
  #rest = "";
  errors = "";

  constructor(kubeconfig: string, identity: string, leaseMs: number) {
    const args = [PROGRAM, kubeconfig, "planner", identity, String(leaseMs), String(RETRY_MS)];
    this.child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.child.stderr!.on("data", (data: Buffer) => {
      this.errors += data;
    });
    this.child.stdout!.on("data", (data: Buffer) => {
      const lines = (this.#rest + data).split("\n");
      this.#rest = lines.pop()!;
      for (const line of lines) this.said.push(JSON.parse(line) as Said);
    });
  }

  get isLeader(): boolean {
    if (this.said.length === 0 && this.child.exitCode !== null) throw new Error(this.errors);
    return this.said.at(-1)?.isLeader ?? false;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, "exit");
    this.child.kill(signal);
    await ended;
  }
}

await describeWithKubernetes("leadership by a Lease", (tools) => {
  let server: KubeApiServer;
  let namespace: string;
  let proxy: FaultProxy;
  let namespaces = 0;
  const candidates: Candidate[] = [];
  const leaderships: { release(): Promise<void> }[] = [];

  beforeAll(async () => {
    server = await KubeApiServer.start(tools);
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    namespace = await server.namespace(`lease-${++namespaces}`);
    proxy = await FaultProxy.start(server);
  });
  afterEach(async () => {
    await Promise.all(candidates.splice(0).map((candidate) => candidate.end("SIGKILL")));
    await Promise.all(leaderships.splice(0).map((leadership) => leadership.release()));
    await proxy.stop();
  });

  function candidate(identity: string, leaseMs = LEASE_MS): Candidate {
    const made = new Candidate(server.kubeconfig("admin", namespace), identity, leaseMs);
    candidates.push(made);
    return made;
  }

  async function leadership(identity: string) {
    const kubeconfig = server.kubeconfig("admin", namespace, proxy.url);
    const made = await kubernetesLeadership({ cluster: { kubeconfig }, lease: "planner", identity, times: TIMES });
    leaderships.push(made);
    await made.start(() => {});
    return made;
  }

  const lease = async () => {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/planner`;
    return (await server.json<{ spec: Record<string, unknown> }>("GET", path)).spec;
  };

  it("lets one of two lead, and the other take over within the lease time after kill -9", async () => {
    const pair = [candidate("one"), candidate("two")];
    const leader = await waitFor("a leader", () => pair.find(({ isLeader }) => isLeader));
    const other = pair.find((each) => each !== leader)!;
    await waitFor("the other to compete", () => other.said.length > 0);
    expect(other.isLeader).toBe(false);
    const before = await lease();
    expect(before).toMatchObject({ holderIdentity: leader.said[0]!.identity, leaseDurationSeconds: 4 });
    await leader.end("SIGKILL");
    const killedUnixMs = Date.now();
    await waitFor("the other to lead", () => other.isLeader);
    const tookMs = other.said.at(-1)!.atUnixMs - killedUnixMs;
    // The lease, and the other's next look with client-go's jitter of at most 2.2 times its period.
    expect(tookMs).toBeLessThan(LEASE_MS + RETRY_MS * 2.2 + 1_000);
    expect(await lease()).toMatchObject({ holderIdentity: other.said[0]!.identity, leaseTransitions: 1 });
  });

  it("hands the lead over at SIGTERM without waiting for the lease to end", async () => {
    // Nobody here waits an hour.
    const first = candidate("one", 3_600_000);
    await waitFor("the first to lead", () => first.isLeader);
    const second = candidate("two", 3_600_000);
    await waitFor("the second to compete", () => second.said.length > 0);
    await first.end("SIGTERM");
    await waitFor("the second to lead", () => second.isLeader);
    expect(first.child.exitCode).toBe(0);
  });

  it("leads no longer once it can't renew, before another may", async () => {
    const leader = await leadership("one");
    await waitFor("it to lead", () => leader.isLeader);
    proxy.when(() => "cut");
    await waitFor("it to stop leading", () => !leader.isLeader);
    expect(await lease()).toMatchObject({ holderIdentity: "one" });
    proxy.when(() => undefined);
    await waitFor("it to lead again", () => leader.isLeader);
  });

  it("keeps the lead over an API server that is busy for a moment", async () => {
    const leader = await leadership("one");
    await waitFor("it to lead", () => leader.isLeader);
    const acquired = (await lease()).acquireTime;
    proxy.first(2, ({ method }) => method === "PUT", { status: 429, headers: { "retry-after": "1" } });
    const renewed = (await lease()).renewTime;
    await waitFor("a renewal", async () => (await lease()).renewTime !== renewed);
    expect(leader.isLeader).toBe(true);
    expect(await lease()).toMatchObject({ holderIdentity: "one", acquireTime: acquired, leaseTransitions: 0 });
  });

  it("names the leader to those who wait", async () => {
    const first = await leadership("one");
    await waitFor("it to lead", () => first.isLeader);
    const second = await leadership("two");
    await waitFor("the second to look", () => second.holder);
    expect(second).toMatchObject({ isLeader: false, holder: "one" });
  });
});
