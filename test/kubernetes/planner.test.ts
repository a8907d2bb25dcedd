import { Command } from "commander";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { addPlannerOptions, plannerFlagsFrom, readPlannerConfig } from "#planner/config";
import { waitFor } from "../integration/processes.ts";
import { RunningPlanner } from "../integration/running-planner.ts";
import { FakeFeed, FakeServer } from "../planner/sources/fake-deployment.ts";
import { describeWithKubernetes } from "../tools.ts";
import { type ApiUser, KubeApiServer, type KubeObject } from "./api-server.ts";
import { installGraphCrds } from "./crds.ts";
import { allow, containerOf, documentedManifests, documentedRules, printedRules } from "./documented.ts";
import { DISAGGREGATED, TestGraph, type TestGraphOptions } from "./graph.ts";

interface SentEvent extends KubeObject {
  reason: string;
  note: string;
}

/** Wants the same whatever comes: nobody answers at its frontend. */
const STATIC = {
  strategy: "static",
  static_prefill_replicas: 2,
  static_decode_replicas: 3,
  frontend_urls: ["http://127.0.0.1:1"],
};

await describeWithKubernetes("understudy planner --environment kubernetes", (tools) => {
  let server: KubeApiServer;
  let namespace: string;
  let namespaces = 0;
  const planners: RunningPlanner[] = [];
  const closers: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    server = await KubeApiServer.start(tools);
    await installGraphCrds(server, "v1beta1");
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    namespace = await server.namespace(`planner-${++namespaces}`);
  });
  afterEach(async () => {
    await Promise.all(planners.splice(0).map((planner) => planner.end("SIGKILL")));
    await Promise.all(closers.splice(0).map((close) => close()));
  });

  const create = (options: Partial<TestGraphOptions> = {}) =>
    TestGraph.create(server, { version: "v1beta1", namespace, ...options });

  async function start(graph: TestGraph, config: Record<string, unknown> = {}, user: ApiUser = "admin") {
    const planner = await RunningPlanner.start({
      environment: "kubernetes",
      graph_deployment_name: graph.name,
      kubeconfig: server.kubeconfig(user, namespace),
      identity: "planner-1",
      ...STATIC,
      ...config,
    });
    planners.push(planner);
    return planner;
  }

  const events = async () => {
    const path = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    return (await server.json<{ items: SentEvent[] }>("GET", path)).items;
  };

  describe("with load that comes and goes", () => {
    /** A frontend that tells of `rate` requests per second, each of 3000 tokens in and 300 out. */
    async function frontend() {
      const fake = await new FakeServer().listen();
      closers.push(() => fake.close());
      const feed = new FakeFeed();
      feed.capacity = 100_000;
      fake.answer = (url) => feed.answer(url);
      let rate = 0;
      let sent = 0;
      const timer = setInterval(() => {
        for (let i = 0; i < rate / 10; i++) {
          const at = Date.now() / 1000;
          feed.push(0, String(++sent), "started", { isl: 3000, osl: 300, at });
          const times = {
            cachedTokens: 0,
            ttftMs: 150,
            itlMs: 9,
            durationMs: 3000,
            workerId: "w",
            prefillWorkerId: null,
          };
          feed.push(0, String(sent), "first_token", { ttftMs: 150, at });
          feed.push(0, String(sent), "finished", { isl: 3000, osl: 300, ...times, at });
        }
      }, 100);
      closers.push(async () => clearInterval(timer));
      return {
        url: fake.url,
        load: (perSecond: number) => {
          rate = perSecond;
        },
      };
    }

    it("scales up, and down to its floor", async () => {
      const graph = await create();
      const { url, load } = await frontend();
      const planner = await start(graph, {
        strategy: "default",
        static_prefill_replicas: null,
        static_decode_replicas: null,
        ttft_ms: 500,
        itl_ms: 15,
        max_gpu_budget: -1,
        prefill_startup_seconds: 1,
        decode_startup_seconds: 1,
        frontend_urls: [url],
      });
      load(60);
      await waitFor("more workers", async () => (await graph.asked()).prefill! > 2).catch(async (error: Error) => {
        throw new Error(`${error.message}\n${planner.log}${JSON.stringify((await planner.status())?.last, null, 1)}`);
      });
      await graph.settle();
      load(0);
      await waitFor(
        "its floor",
        async () => {
          await graph.settle();
          const { prefill, decode } = await graph.asked();
          return prefill === 1 && decode === 1;
        },
        60_000,
      ).catch(async (error: Error) => {
        throw new Error(`${error.message}\n${JSON.stringify((await planner.status())?.last)}`);
      });
      const reasons = new Set((await events()).map(({ reason }) => reason));
      expect(reasons).toContain("ScaledUp");
      expect(reasons).toContain("ScaledDown");
    });

    it("changes nothing while nobody tells it of traffic", async () => {
      const graph = await create({
        components: DISAGGREGATED.map((component) => (component.role ? { ...component, replicas: 4 } : component)),
      });
      const planner = await start(graph, {
        strategy: "default",
        static_prefill_replicas: null,
        static_decode_replicas: null,
        max_gpu_budget: -1,
      });
      await planner.tick("ticks", (_, { ticks }) => ticks >= 3);
      expect(await graph.asked()).toEqual({ prefill: 4, decode: 4 });
      // It goes on from what it finds when it is started anew.
      await planner.end("SIGKILL");
      await graph.setReplicas({ prefill: 6 });
      await graph.settle();
      const again = await start(graph, {
        strategy: "default",
        static_prefill_replicas: null,
        static_decode_replicas: null,
        max_gpu_budget: -1,
      });
      const { state } = await again.tick("ticks", (_, { ticks, leader }) => leader && ticks >= 3);
      expect(state!.roles).toMatchObject({ prefill: { desired: 6 }, decode: { desired: 4 } });
      expect(await graph.asked()).toEqual({ prefill: 6, decode: 4 });
    });
  });

  it("starts with a deployment that is not ready, reports that its wish was skipped, and carries it out later", async () => {
    const graph = await create();
    await graph.setReady(false);
    const planner = await start(graph);
    const { action } = await planner.tick("a wish", ({ action }) => action.status === "not-ready");
    expect(action.message).toContain("the deployment is not ready");
    expect(action.inForce).toEqual({ prefill: 1, decode: 1 });
    expect(await graph.asked()).toEqual({ prefill: 1, decode: 1 });
    expect(planner.log).toContain("warning: not-ready:");
    expect(planner.log).not.toContain("scaled:");
    await graph.setReady(true);
    await planner.tick("the wish to be carried out", ({ state }) => state?.roles.decode?.desired === 3);
    expect(await graph.asked()).toEqual({ prefill: 2, decode: 3 });
    await graph.settle();
    await waitFor("word that it came about", () => planner.log.includes("came about after"));
    const skipped = (await planner.snapshots()).filter(({ action }) => action.status === "not-ready");
    expect(skipped.length).toBeGreaterThan(0);
  });

  it("asks for no workers of a role where none is what it wants, and counts none", async () => {
    const graph = await create();
    const planner = await start(graph, { static_prefill_replicas: 0 });
    await waitFor("no prefill worker to be asked for", async () => (await graph.asked()).prefill === 0);
    await graph.settle();
    const { state } = await planner.tick("none to serve", ({ state }) => state?.roles.prefill?.ready === 0);
    expect(state!.roles.prefill).toMatchObject({ desired: 0, ready: 0, stable: true });
  });

  it("sees replicas that somebody edits by hand, and sets them back", async () => {
    const graph = await create();
    const planner = await start(graph);
    await planner.tick("its wish", ({ state }) => state?.roles.decode?.desired === 3);
    await graph.settle();
    await graph.setReplicas({ prefill: 1, decode: 7 });
    await graph.settle();
    await waitFor("both to be set back", async () => {
      const { prefill, decode } = await graph.asked();
      return prefill === 2 && decode === 3;
    });
    expect((await events()).map(({ note }) => note)).toContainEqual(
      expect.stringContaining("prefill 1 → 2, decode 7 → 3"),
    );
  });

  it("logs and announces that a component has no scaling adapter, and sets its replicas all the same", async () => {
    const graph = await create({ adapters: ["VllmPrefillWorker"] });
    const planner = await start(graph);
    await waitFor("its wish", async () => (await graph.replicasInGraph()).VllmDecodeWorker === 3);
    await waitFor("the log", () => planner.log.includes("warning: VllmDecodeWorker has no scaling adapter"));
    const told = await waitFor("the events", async () => {
      const found = await events();
      return found.length >= 2 ? found : null;
    });
    expect(told.map(({ reason }) => reason).sort()).toEqual(["ScaledUp", "ScalingAdapterMissing"]);
  });

  it("goes on after a restart of the API server: no decision meanwhile, its lead and its wish after it", async () => {
    const graph = await create();
    const planner = await start(graph);
    await planner.tick("its wish", ({ state }) => state?.roles.decode?.desired === 3);
    await graph.settle();
    await server.kill();
    const { decision, action } = await planner.tick("a tick without", ({ state }) => state === null);
    expect([decision, action.status]).toEqual([null, "state-unknown"]);
    await server.run();
    await graph.setReplicas({ decode: 1 });
    await graph.settle();
    await waitFor("its wish again", async () => (await graph.asked()).decode === 3, 120_000);
  });

  it("takes model and GPUs from the deployment, and says where the configuration differs", async () => {
    const graph = await create();
    const planner = await start(graph, { prefill_engine_num_gpu: 2, decode_engine_num_gpu: 1 });
    const { state } = await planner.tick("a tick", () => true);
    expect(state).toMatchObject({
      model: "llama",
      roles: { prefill: { gpusPerReplica: 2 }, decode: { gpusPerReplica: 4 } },
    });
    expect(planner.log).toContain(
      "decode_engine_num_gpu 1 is left aside: a decode worker of the deployment has 4 GPUs",
    );
    expect(planner.log).not.toContain("prefill_engine_num_gpu 2 is left aside");
  });

  describe("rights", () => {
    it("ends at the start with one line that names all rights that it lacks", async () => {
      const graph = await create();
      const planner = await start(graph, {}, "stranger");
      expect((await planner.process.exited).code).toBe(2);
      const { output } = planner.process;
      for (const right of [
        "get dynamographdeployments.nvidia.com",
        "patch dynamographdeploymentscalingadapters.nvidia.com/scale",
        "create leases.coordination.k8s.io",
      ]) {
        expect(output).toContain(right);
      }
      expect(output).toContain("docs/planner-kubernetes.md");
      expect(output).not.toMatch(/\n\s+at /);
    });

    it("are documented as they are printed", () => {
      expect(documentedRules()).toEqual(printedRules("planner-rbac", "planner", { deployment: "vllm-disagg" }));
    });

    it("needs none but those of the documented Role, with leadership and events", async () => {
      const graph = await create();
      await allow(server, namespace, "planner", documentedRules());
      const planner = await start(graph, {}, "planner");
      await planner.tick("its wish", ({ state }, { leader }) => leader && state?.roles.decode?.desired === 3);
      await waitFor("the event", async () => (await events()).some(({ reason }) => reason === "ScaledUp"));
      expect(await planner.end("SIGTERM")).toBe(0);
      expect(planner.process.output).not.toContain("warning: an event");
      const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${graph.name}-planner`;
      const { spec } = await server.json<{ spec: { holderIdentity: string } }>("GET", path);
      expect(spec.holderIdentity).toBe("");
    });

    it("needs no right to write where it only advises, and leaves the lead to others", async () => {
      const graph = await create();
      const rules = documentedRules()
        .map((rule) => ({ ...rule, verbs: rule.verbs.filter((verb) => verb !== "patch" && verb !== "create") }))
        .filter(({ verbs, resources }) => verbs.length > 0 && !resources.includes("leases"));
      await allow(server, namespace, "planner", rules);
      const planner = await start(graph, { advisory: true }, "planner");
      const { action } = await planner.tick("advice", ({ action }) => action.status === "advisory");
      expect(action).toMatchObject({ wanted: { prefill: 2, decode: 3 }, inForce: { prefill: 1, decode: 1 } });
      expect(await graph.asked()).toEqual({ prefill: 1, decode: 1 });
    });
  });

  it("can be run as its page shows: the API server takes the manifests, and the planner what they give it", async () => {
    const kinds = {
      ServiceAccount: "/api/v1",
      RoleBinding: "/apis/rbac.authorization.k8s.io/v1",
      Deployment: "/apis/apps/v1",
    };
    const paths: Record<string, string> = {
      ServiceAccount: `${kinds.ServiceAccount}/namespaces/${namespace}/serviceaccounts`,
      RoleBinding: `${kinds.RoleBinding}/namespaces/${namespace}/rolebindings`,
      Deployment: `${kinds.Deployment}/namespaces/${namespace}/deployments`,
    };
    const manifests = documentedManifests();
    expect(manifests.map(({ kind }) => kind)).toEqual(Object.keys(kinds));
    for (const manifest of manifests) {
      await server.json("POST", `${paths[manifest.kind!]}?fieldValidation=Strict`, manifest);
    }
    const graph = await create();
    const { args, env } = containerOf(manifests[2]!);
    const given = Object.fromEntries(env.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])));
    expect(given.DYN_PARENT_DGD_K8S_NAME).toBe(graph.name);
    const { config } = readPlannerConfig({
      flags: plannerFlagsFrom(addPlannerOptions(new Command()).parse(args.slice(1), { from: "user" })),
      environment: { ...given, UNDERSTUDY_PLANNER_API_TOKEN: "secret" },
    });
    expect(config).toMatchObject({
      environment: "kubernetes",
      connector: { graphDeploymentName: graph.name, kubeconfig: null },
      metrics: { frontendUrls: ["http://vllm-disagg-frontend:8000"] },
      service: { listenHost: "0.0.0.0", controlPort: 9086, apiToken: "secret" },
    });
  });

  it("ends with all that is wrong with the deployment in one message", async () => {
    const [frontend, , decode] = DISAGGREGATED;
    const again = { ...decode!, name: "Second", args: ["--model", "qwen"] };
    const graph = await create({ components: [frontend!, decode!, again] });
    const planner = await start(graph);
    expect((await planner.process.exited).code).toBe(2);
    expect(planner.process.output).toMatch(/no component is the prefill worker.*2 components are decode workers/);
  });
});
