import { tmpdir } from "node:os";
import { afterEach, describe, expect, it } from "vitest";
import { readPlannerConfig } from "#planner/config";
import type { LocalDeployment, LocalReplica } from "#planner/connectors";
import { Fleet } from "#planner/sources";
import { loadProfile } from "#profiles";
import { LocalSight } from "../../src/cli/planner/local.ts";
import { sourceOf } from "../../src/cli/planner/source.ts";
import { ControlServer, KEY, madeDeployment } from "../planner/connectors/control-server.ts";
import { FakeFeed, FakeServer, HandClock } from "../planner/sources/fake-deployment.ts";
import { runUnderstudy } from "./run-understudy.ts";

const PROFILE = "h200-llama-3.1-8b-fp8-tp1-estimate";
const ROLES = ["prefill", "decode"] as const;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function replica(name: string, rest: Partial<LocalReplica>): LocalReplica {
  return {
    name,
    component: name.replace(/-\d+$/, ""),
    state: "ready",
    url: null,
    pid: 1,
    restarts: 0,
    startedAt: "2026-01-01T00:00:00.000Z",
    message: null,
    ...rest,
  };
}

async function controlServer(replicas: LocalReplica[], rest: Partial<LocalDeployment> = {}): Promise<ControlServer> {
  const components = [
    { name: "Frontend", role: "frontend" as const },
    { name: "VllmPrefillWorker", role: "worker" as const },
    { name: "decode", role: "decode" as const },
    { name: "Planner", role: "planner" as const },
  ];
  const server = await ControlServer.start(madeDeployment(components, { replicas, ...rest }));
  closers.push(() => server.stop());
  return server;
}

function sightOf(server: ControlServer, keepMs?: number): LocalSight {
  const sight = new LocalSight({
    control: { url: server.url, token: server.token },
    deployment: KEY,
    question: { roles: ROLES },
    ...(keepMs === undefined ? {} : { keepMs }),
  });
  closers.push(() => sight.close());
  return sight;
}

describe("sight of a local deployment", () => {
  it("tells who takes requests and who serves them, whatever state they are in", async () => {
    const server = await controlServer([
      replica("Frontend-0", { url: "http://f0" }),
      replica("Frontend-1", { url: "http://f1", state: "not-ready" }),
      replica("Frontend-2", { url: "http://f2", state: "starting" }),
      replica("VllmPrefillWorker-0", { url: "http://p0" }),
      replica("decode-0", { url: "http://d0", state: "draining" }),
      replica("decode-1", { url: "http://d1" }),
      replica("decode-2", { state: "back-off" }),
      replica("decode-3", { state: "failed" }),
      replica("decode-4", { url: "http://d4", state: "not-ready" }),
      replica("Planner-0", { url: "http://planner" }),
    ]);
    const sight = sightOf(server);
    expect(sight.frontends()).toEqual([]);
    expect(await sight.read()).toEqual({
      counts: {
        prefill: { active: 1, starting: 0, draining: 0 },
        decode: { active: 1, starting: 2, draining: 1 },
      },
      workers: [
        { workerId: 0, role: "prefill", state: "active", url: "http://p0" },
        { workerId: 0, role: "decode", state: "draining", url: "http://d0" },
        { workerId: 1, role: "decode", state: "active", url: "http://d1" },
        { workerId: 2, role: "decode", state: "starting", url: null },
        { workerId: 3, role: "decode", state: "starting", url: null },
      ],
      problems: [],
    });
    expect(sight.frontends()).toEqual(["http://f0", "http://f1"]);
  });

  it("follows workers that come and go; each keeps its number when it begins to listen", async () => {
    const server = await controlServer(
      [replica("decode-0", { url: "http://d0" }), replica("decode-1", { state: "pending" })],
      {
        frontendUrl: "http://gateway",
      },
    );
    const sight = sightOf(server);
    await sight.read();
    expect(sight.frontends()).toEqual(["http://gateway"]);
    await expect.poll(() => server.waiting).toBe(1);
    server.set((deployment) => ({ ...deployment, replicas: [replica("decode-1", { url: "http://d1" })] }));
    await expect
      .poll(async () => (await sight.read())!.workers)
      .toEqual([{ workerId: 1, role: "decode", state: "active", url: "http://d1" }]);
  });

  it("keeps what it knew while the runner is away, says so, and forgets it after a while", async () => {
    const server = await controlServer([replica("decode-0", { url: "http://d0" })]);
    const [sight, forgetful] = [sightOf(server), sightOf(server, 0)];
    await Promise.all([sight.read(), forgetful.read()]);
    await expect.poll(() => server.waiting).toBe(2);
    await server.stop();
    await expect.poll(async () => (await sight.read())!.problems).toEqual([expect.stringContaining("ECONNREFUSED")]);
    expect((await sight.read())!.counts.decode.active).toBe(1);
    await expect.poll(() => forgetful.read()).toBeNull();
    expect(forgetful.frontends()).toEqual([]);
    expect(forgetful.problems).toEqual([expect.stringContaining("ECONNREFUSED")]);
  });
});

describe("a planner of a local deployment", () => {
  it("observes the frontends that the runner tells of, where neither they nor a Prometheus are named", async () => {
    const feed = new FakeFeed();
    const frontend = await new FakeServer().listen();
    closers.push(() => frontend.close());
    frontend.answer = (url) => feed.answer(url);
    const worker = await new FakeServer().listen();
    closers.push(() => worker.close());
    worker.answer = () => ({ status: 404, body: "" });
    const server = await controlServer([
      replica("Frontend-0", { url: frontend.url }),
      replica("VllmPrefillWorker-0", { url: worker.url }),
      replica("decode-0", { url: worker.url }),
      replica("decode-1", { state: "starting" }),
    ]);
    const read = readPlannerConfig({
      flags: [],
      environment: {
        UNDERSTUDY_CONTROL_URL: server.url,
        DYN_PARENT_DGD_K8S_NAME: KEY.name,
        DYN_PARENT_DGD_K8S_NAMESPACE: KEY.namespace,
      },
      config: JSON.stringify({
        environment: "local",
        optimization_target: "sla",
        profile_results_dir: PROFILE,
        control_token: server.token,
      }),
    });
    const clock = new HandClock();
    const fleet = new Fleet({ frontends: [], workers: [] });
    const log = { info: () => {}, warn: () => {} };
    const source = sourceOf(read, { clock, fleet, profile: loadProfile(PROFILE), log });
    closers.push(() => Promise.all([source.close(), fleet.close()]));
    feed.push(1000, "a", "started", { isl: 100, osl: 2 });
    clock.ms = 5000;
    const observation = await source.observe(5000);
    expect(observation).toMatchObject({ startedRequests: 1, startedIsl: [100] });
    expect(observation.workers).toEqual({
      prefill: { active: 1, starting: 0, draining: 0 },
      decode: { active: 1, starting: 1, draining: 0 },
    });
  });

  it("is refused with what it needs, before anything is started", () => {
    const config = `{ environment: local, optimization_target: sla, profile_results_dir: ${PROFILE} }`;
    const { status, stdout, stderr } = runUnderstudy(tmpdir(), "planner", "--config", config);
    expect(status).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("environment local needs control_url");
    expect(stderr).toContain("environment local needs graph_deployment_name");
    expect(stderr).toContain("$UNDERSTUDY_CONTROL_URL");
    expect(stderr).not.toContain("    at ");
  });
});
