import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { KubernetesClient } from "#planner/connectors";
import { ClusterStore } from "../../src/deployment/cluster/cluster.ts";
import type { ApiObject } from "../../src/deployment/cluster/objects.ts";
import { planGraph } from "../../src/deployment/cluster/plan-graph.ts";
import { waitFor } from "../integration/processes.ts";
import { describeWithKubernetes } from "../tools.ts";
import { KubeApiServer, type KubeObject } from "./api-server.ts";
import { installGraphCrds, installRequestCrd } from "./crds.ts";
import { FaultProxy } from "./fault-proxy.ts";
import { alphaGraph, betaGraph } from "./mock-graphs.ts";
import { ScriptedRunner } from "./scripted-runner.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const QUICK = { firstMs: 5, longestMs: 50, deadlineMs: 2_000 };

const BUSY = { status: 429, headers: { "retry-after": "0" } };
const FORGOTTEN = {
  status: 410,
  body: JSON.stringify({ kind: "Status", code: 410, reason: "Expired", message: "too old" }),
};

for (const version of ["v1alpha1", "v1beta1"] as const) {
  await describeWithKubernetes(`a cluster of ${version} played by a runner`, (tools) => {
    let server: KubeApiServer;
    let namespaces = 0;
    const folder = mkdtempSync(join(tmpdir(), "understudy-cluster-"));

    beforeAll(async () => {
      server = await KubeApiServer.start(tools);
      await installGraphCrds(server, version);
      await installRequestCrd(server, version);
    });
    afterAll(async () => {
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    async function open(options: { proxied?: boolean; namespace?: string; runner?: ScriptedRunner } = {}) {
      const namespace = options.namespace ?? (await server.namespace(`cluster-${++namespaces}`));
      const proxy = options.proxied ? await FaultProxy.start(server) : null;
      const runner = options.runner ?? new ScriptedRunner();
      const lines: string[] = [];
      const store = await ClusterStore.open({
        cluster: { kubeconfig: server.kubeconfig("admin", namespace, proxy?.url), retry: QUICK },
        runner,
        plan: planGraph,
        folder,
        program: [process.execPath, MAIN],
        holder: "test",
        log: (line) => lines.push(line),
      });
      await store.start();
      onTestFinished(async () => {
        await store.close();
        await proxy?.stop();
      });
      const base = `/apis/nvidia.com/${version}/namespaces/${namespace}`;
      return {
        namespace,
        runner,
        store,
        proxy,
        lines,
        graphs: `${base}/dynamographdeployments`,
        requests: `${base}/dynamographdeploymentrequests`,
        adapters: `${base}/dynamographdeploymentscalingadapters`,
        pods: `/api/v1/namespaces/${namespace}/pods`,
      };
    }

    const graphOf = (name: string) => (version === "v1beta1" ? betaGraph(name) : alphaGraph(name));
    const read = (path: string) => server.json<ApiObject>("GET", path);
    const items = async (path: string) => (await server.json<{ items: ApiObject[] }>("GET", path)).items;
    const until = (what: string, path: string, check: (object: ApiObject) => boolean) =>
      waitFor(what, async () => {
        const object = await read(path);
        return check(object) ? object : null;
      });
    const state = (object: ApiObject) => object.status?.state;
    const events = async (namespace: string, reason: string) =>
      (await items(`/apis/events.k8s.io/v1/namespaces/${namespace}/events`)).filter((event) => event.reason === reason);

    function replicasOf(graph: ApiObject, name: string): number | undefined {
      const { services, components } = graph.spec as {
        services?: Record<string, { replicas: number }>;
        components?: { name: string; replicas: number }[];
      };
      return services?.[name]?.replicas ?? components?.find((component) => component.name === name)?.replicas;
    }

    it("says of a deployment what Dynamo's operator says", async () => {
      const { graphs, runner, pods } = await open();
      runner.atOnce = false;
      await server.json("POST", graphs, graphOf("mock"));
      const pending = await until(
        "the deployment to be pending",
        `${graphs}/mock`,
        (found) => state(found) === "pending",
      );
      expect(pending.status!.conditions).toMatchObject([
        {
          type: "Ready",
          status: "False",
          reason: "some_resources_are_not_ready",
          // Services are a map, whose order is the API server's.
          message: `Resources not ready: [${version === "v1beta1" ? "Frontend, prefill, decode" : "Frontend, decode, prefill"}]`,
        },
      ]);
      for (const component of ["Frontend", "prefill", "decode"]) runner.setReady("mock", component, 1);
      const ready = await until(
        "the deployment to be ready",
        `${graphs}/mock`,
        (found) => state(found) === "successful",
      );
      expect(ready.status!.conditions).toMatchObject([
        { type: "Ready", status: "True", reason: "all_resources_are_ready", message: "All resources are ready" },
      ]);
      if (version === "v1beta1") {
        expect(ready.status!.components).toMatchObject({
          decode: {
            componentKind: "Deployment",
            replicas: 1,
            updatedReplicas: 1,
            readyReplicas: 1,
            availableReplicas: 1,
          },
        });
      }
      const found = await waitFor("three ready pods", async () => {
        const all = await items(pods);
        const conditions = all.map((pod) => pod.status!.conditions as { type: string; status: string }[]);
        const ready = conditions.filter((list) =>
          list.some(({ type, status }) => type === "Ready" && status === "True"),
        );
        return ready.length === 3 ? all : null;
      });
      expect(found.map(({ metadata }) => metadata.name).sort()).toEqual([
        "mock-decode-0",
        "mock-frontend-0",
        "mock-prefill-0",
      ]);
      const decode = found.find(({ metadata }) => metadata.name === "mock-decode-0")!;
      expect(decode.metadata.labels).toMatchObject({
        "nvidia.com/dynamo-graph-deployment-name": "mock",
        "nvidia.com/dynamo-component": "decode",
        "nvidia.com/dynamo-component-type": "worker",
        "nvidia.com/dynamo-sub-component-type": "decode",
      });
      expect(decode.metadata.ownerReferences).toMatchObject([{ uid: ready.metadata.uid }]);
    });

    it("follows replicas, by hand or by adapter", async () => {
      const { graphs, adapters, runner } = await open();
      await server.json("POST", graphs, graphOf("mock"));
      await until("the deployment to be ready", `${graphs}/mock`, (found) => state(found) === "successful");
      if (version === "v1beta1") {
        const adapter = await read(`${adapters}/mock-decode`);
        expect(adapter.spec).toMatchObject({ replicas: 1, dgdRef: { name: "mock", componentName: "decode" } });
        await server.merge(`${adapters}/mock-decode/scale`, { spec: { replicas: 4 } });
        const told = await until(
          "the adapter to tell four",
          `${adapters}/mock-decode`,
          (found) => found.status?.replicas === 4,
        );
        expect(told.status).toMatchObject({
          selector: "nvidia.com/dynamo-graph-deployment-name=mock,nvidia.com/dynamo-component=decode",
          lastScaleTime: expect.stringMatching(/^2/),
        });
      } else {
        await server.merge(`${graphs}/mock`, { spec: { services: { decode: { replicas: 4 } } } });
      }
      await waitFor(
        "four decode workers",
        () => runner.plans.get("mock")?.components.find(({ name }) => name === "decode")?.replicas === 4,
      );
      expect(replicasOf(await read(`${graphs}/mock`), "decode")).toBe(4);
    });

    it("leaves nothing of a deployment that is deleted", async () => {
      const { graphs, adapters, pods, runner } = await open();
      await server.json("POST", graphs, graphOf("mock"));
      await until("the deployment to be ready", `${graphs}/mock`, (found) => state(found) === "successful");
      await server.json("DELETE", `${graphs}/mock`);
      await waitFor(
        "the deployment to be gone",
        async () => (await server.call("GET", `${graphs}/mock`)).status === 404,
      );
      expect(new Set(runner.removed)).toEqual(new Set(["mock"]));
      expect(await items(pods)).toEqual([]);
      if (version === "v1beta1") expect(await items(adapters)).toEqual([]);
    });

    it("leaves nothing of a deployment that was deleted outright while it was made", async () => {
      const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>();
      const { promise: isApplying, resolve: applying } = Promise.withResolvers<void>();
      class HeldRunner extends ScriptedRunner {
        override async apply(plan: Parameters<ScriptedRunner["apply"]>[0]): Promise<void> {
          applying();
          await mayGoOn;
          await super.apply(plan);
        }
      }
      const { graphs, adapters, pods, runner } = await open({ runner: new HeldRunner() });
      await server.json("POST", graphs, graphOf("mock"));
      await isApplying;
      if (version === "v1beta1") expect(await items(adapters)).toHaveLength(2);
      // As an API server does where a finalizer comes while it deletes.
      await server.merge(`${graphs}/mock`, { metadata: { finalizers: null } });
      await server.json("DELETE", `${graphs}/mock`);
      expect((await server.call("GET", `${graphs}/mock`)).status).toBe(404);
      goOn();
      await waitFor("the runner to be told", () => runner.removed.includes("mock"));
      await waitFor("its pods to be gone", async () => (await items(pods)).length === 0);
      if (version === "v1beta1")
        await waitFor("its adapters to be gone", async () => (await items(adapters)).length === 0);
    });

    it("ends what was deleted while nobody looked", async () => {
      const { namespace, store, runner, graphs } = await open();
      await server.json("POST", graphs, graphOf("mock"));
      await until("the deployment to be ready", `${graphs}/mock`, (found) => state(found) === "successful");
      await store.close();
      // Someone takes the finalizer away, too.
      await server.json("DELETE", `${graphs}/mock`);
      await server.merge(`${graphs}/mock`, { metadata: { finalizers: null } });
      await open({ namespace, runner });
      await waitFor("the runner to be told", () => runner.removed.includes("mock"));
    });

    it("refuses what it can't run, in the status, and takes it when it is mended", async () => {
      const { graphs, namespace } = await open();
      const graph = graphOf("real");
      const text = JSON.stringify(graph).replaceAll("dynamo.mocker", "dynamo.vllm");
      await server.json("POST", graphs, JSON.parse(text));
      const refused = await until("the refusal", `${graphs}/real`, (found) => state(found) === "failed");
      expect(refused.status!.conditions).toMatchObject([{ type: "Ready", status: "False", reason: "ManifestRefused" }]);
      const [condition] = refused.status!.conditions as { message: string }[];
      expect(condition!.message).toMatch(/dynamo\.vllm/);
      await waitFor("the event", async () => (await events(namespace, "ManifestRefused")).length > 0);
      const mended = { spec: graph.spec };
      await server.merge(`${graphs}/real`, mended);
      await until("the deployment to be ready", `${graphs}/real`, (found) => state(found) === "successful");
    });

    it("gives a planner the rights of its service account and no others", async () => {
      const { graphs, namespace, runner } = await open();
      const planner = {
        image: "example.invalid/dynamo-planner:1.0.0",
        command: ["python3", "-m", "dynamo.planner"],
        args: ["--config", JSON.stringify({ environment: "kubernetes", backend: "mocker", mode: "disagg" })],
      };
      const graph = graphOf("planned") as { spec: { services?: object; components?: object[] } };
      if (version === "v1alpha1") {
        Object.assign(graph.spec.services!, {
          Planner: { componentType: "planner", replicas: 1, extraPodSpec: { mainContainer: planner } },
        });
      } else {
        const podTemplate = { spec: { containers: [{ name: "main", ...planner }] } };
        graph.spec.components!.push({ name: "Planner", type: "planner", replicas: 1, podTemplate });
      }
      await server.json("POST", graphs, graph);
      await until("the deployment to be ready", `${graphs}/planned`, (found) => state(found) === "successful");
      const component = runner.plans.get("planned")!.components.find(({ name }) => name === "Planner")!;
      const client = await KubernetesClient.open({ kubeconfig: component.template.hostEnv!.KUBECONFIG!, retry: QUICK });
      onTestFinished(() => client.close());
      expect(client.namespace).toBe(namespace);
      const review = await client.request<{ status: { userInfo: { username: string } } }>({
        method: "POST",
        path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
        body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
      });
      expect(review.status.userInfo.username).toBe(`system:serviceaccount:${namespace}:planned-planner`);
      const own = await client.request<ApiObject>({ path: `${graphs}/planned` });
      expect(own.metadata.name).toBe("planned");
      await expect(client.request({ path: graphs })).rejects.toMatchObject({ status: 403 });
      await expect(client.request({ path: `${graphs}/another` })).rejects.toMatchObject({ status: 403 });
      await server.json("DELETE", `${graphs}/planned`);
      const account = `/api/v1/namespaces/${namespace}/serviceaccounts/planned-planner`;
      await waitFor("the account to be gone", async () => (await server.call("GET", account)).status === 404);
    });

    it("waits for an account that a manifest names", async () => {
      const { graphs, namespace } = await open();
      const text = JSON.stringify(graphOf("named")).replaceAll(
        version === "v1alpha1" ? '"extraPodSpec":{' : '"spec":{"containers"',
        version === "v1alpha1"
          ? '"extraPodSpec":{"serviceAccountName":"someone",'
          : '"spec":{"serviceAccountName":"someone","containers"',
      );
      await server.json("POST", graphs, JSON.parse(text));
      const refused = await until("the refusal", `${graphs}/named`, (found) => state(found) === "failed");
      expect(refused.status!.conditions).toMatchObject([
        { message: expect.stringContaining("no service account someone") },
      ]);
      await server.json("POST", `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: "someone" } });
      await until("the deployment to be ready", `${graphs}/named`, (found) => state(found) === "successful");
    });

    it("goes on after a broken watch, a busy server and a forgotten place", async () => {
      const { graphs, proxy, runner } = await open({ proxied: true });
      await server.json("POST", graphs, graphOf("one"));
      await until("the first to be ready", `${graphs}/one`, (found) => state(found) === "successful");
      let refused = 0;
      proxy!.when(({ method }) => {
        if (method !== "GET" || refused >= 6) return undefined;
        refused++;
        return refused % 2 === 0 ? BUSY : FORGOTTEN;
      });
      proxy!.cutWatches();
      await server.json("POST", graphs, graphOf("two"));
      await until("the second to be ready", `${graphs}/two`, (found) => state(found) === "successful");
      expect(refused).toBeGreaterThan(1);
      expect([...runner.plans.keys()].sort()).toEqual(["one", "two"]);
    });

    describe("requests", () => {
      const spec =
        version === "v1alpha1"
          ? {
              model: "Qwen/Qwen3-32B",
              backend: "trtllm",
              profilingConfig: {
                profilerImage: "example.invalid/profiler:0.8.0",
                config: {
                  sweep: { use_ai_configurator: true, aic_system: "h200_sxm", aic_model_name: "QWEN3_32B" },
                  sla: { isl: 3000, osl: 150, ttft: 500, itl: 30 },
                },
              },
              autoApply: true,
            }
          : {
              model: "Qwen/Qwen3-0.6B",
              backend: "vllm",
              image: "example.invalid/profiler:1.0.0",
              searchStrategy: "rapid",
              hardware: { gpuSku: "h100_sxm", vramMb: 81920, numGpusPerNode: 8, totalGpus: 8 },
              workload: { isl: 4000, osl: 1000 },
              sla: { ttft: 2000, itl: 30 },
              features: { mocker: { enabled: true } },
            };
      const request = (name: string, changes: object = {}): KubeObject => ({
        apiVersion: `nvidia.com/${version}`,
        kind: "DynamoGraphDeploymentRequest",
        metadata: { name },
        spec: { ...spec, ...changes },
      });
      const word = (object: ApiObject) => object.status?.state ?? object.status?.phase;

      it("become a running deployment, step by step", async () => {
        const { namespace, requests, graphs, runner } = await open();
        await server.json("POST", requests, request("wish"));
        const done = version === "v1alpha1" ? "Ready" : "Deployed";
        const ready = await waitFor(
          "the request to be deployed",
          async () => {
            const found = await read(`${requests}/wish`);
            if (word(found) === "Failed") throw new Error(JSON.stringify(found.status));
            return word(found) === done ? found : null;
          },
          90_000,
        );
        const conditions = ready.status!.conditions as { type: string; status: string }[];
        expect(Object.fromEntries(conditions.map(({ type, status }) => [type, status]))).toEqual({
          Validation: "True",
          Profiling: "True",
          SpecGenerated: "True",
          DeploymentReady: "True",
          ...(version === "v1beta1" ? { Succeeded: "True" } : {}),
        });
        const [graph] = await items(graphs);
        expect(graph!.metadata.labels).toMatchObject({ "dgdr.nvidia.com/name": "wish" });
        expect(graph!.metadata.ownerReferences).toBeUndefined();
        const job = await read(`/apis/batch/v1/namespaces/${namespace}/jobs/profile-wish`);
        expect(job.status).toMatchObject({ succeeded: 1 });
        for (const reason of [
          "Initialized",
          "ProfilingJobCreated",
          "SpecGenerated",
          "DeploymentCreated",
          "DeploymentReady",
        ]) {
          await waitFor(`the event ${reason}`, async () => (await events(namespace, reason)).length > 0);
        }
        if (version === "v1alpha1") {
          expect(ready.status).toMatchObject({
            profilingResults: "configmap/dgdr-output-wish",
            deployment: { name: graph!.metadata.name, state: "successful", created: true },
          });
        } else {
          expect(ready.status).toMatchObject({
            dgdName: "wish-dgd",
            profilingPhase: "Done",
            profilingJobName: "profile-wish",
          });
        }

        // Under way, a request is immutable.
        await server.merge(`${requests}/wish`, { spec: { model: "other" } });
        await waitFor("the refusal", async () => (await events(namespace, "SpecChangeRejected")).length > 0);

        // A deployment that suffers, recovers, and is deleted.
        const name = graph!.metadata.name;
        runner.setReady(name, "decode", 0);
        await until("the request to notice", `${requests}/wish`, (found) => word(found) === "Deploying");
        runner.setReady(name, "decode", 99);
        await until("the request to be well again", `${requests}/wish`, (found) => word(found) === done);
        await server.json("DELETE", `${graphs}/${name}`);
        const lost = version === "v1alpha1" ? "DeploymentDeleted" : "Failed";
        await until("the request to notice the deletion", `${requests}/wish`, (found) => word(found) === lost);
        expect(await items(graphs)).toEqual([]);

        // What was made for it goes with it.
        await server.json("DELETE", `${requests}/wish`);
        await waitFor(
          "the request to be gone",
          async () => (await server.call("GET", `${requests}/wish`)).status === 404,
        );
        expect((await server.call("GET", `/apis/batch/v1/namespaces/${namespace}/jobs/profile-wish`)).status).toBe(404);
        const results = `/api/v1/namespaces/${namespace}/configmaps/dgdr-output-wish`;
        expect((await server.call("GET", results)).status).toBe(404);
      }, 180_000);

      it("wait for their user where they are not to be applied", async () => {
        const { requests, graphs } = await open();
        await server.json("POST", requests, request("look", { autoApply: false }));
        const found = await waitFor(
          "the request to be ready",
          async () => {
            const object = await read(`${requests}/look`);
            return word(object) === "Ready" ? object : null;
          },
          90_000,
        );
        expect(await items(graphs)).toEqual([]);
        const generated =
          found.status!.generatedDeployment ??
          JSON.parse(found.metadata.annotations!["nvidia.com/generated-dgd-spec"]!);
        expect(generated).toMatchObject({ kind: "DynamoGraphDeployment" });
      }, 120_000);

      it("fail with the operator's words", async () => {
        const { requests, namespace } = await open();
        const wrong =
          version === "v1alpha1"
            ? { profilingConfig: { ...(spec as { profilingConfig: object }).profilingConfig, config: {} } }
            : { searchStrategy: "thorough", backend: "auto" };
        const why =
          version === "v1alpha1"
            ? "profilingConfig.config is required and must not be empty"
            : 'spec.searchStrategy "thorough" is incompatible with spec.backend "auto"';
        await server.json("POST", requests, request("wrong", wrong));
        const failed = await until("the refusal", `${requests}/wrong`, (found) => word(found) === "Failed");
        expect(failed.status!.conditions).toContainEqual(
          expect.objectContaining({ type: "Validation", status: "False", message: expect.stringContaining(why) }),
        );
        await waitFor("the event", async () => (await events(namespace, "ValidationFailed")).length > 0);
      });
    });
  });
}
