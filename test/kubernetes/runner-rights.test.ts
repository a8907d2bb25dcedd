import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { endDeployment, leftBehind, MANIFEST_DEFAULTS, MANIFESTS, StateFolder } from "#src/deployment";
import { CliProcess, waitFor } from "../integration/processes.ts";
import { describeWithKubernetes } from "../tools.ts";
import { KubeApiServer, type KubeObject } from "./api-server.ts";
import { Applier } from "./apply.ts";
import { installGraphCrds, installRequestCrd } from "./crds.ts";
import type { Rule } from "./documented.ts";
import { DECISION, rightsOf, rightsUsed } from "./witness.ts";

const NAMESPACE = "runner-rights";
const NAME = "wish";
const PATIENCE_MS = 120_000;

const REQUEST = {
  apiVersion: "nvidia.com/v1beta1",
  kind: "DynamoGraphDeploymentRequest",
  metadata: { name: NAME },
  spec: {
    model: "meta-llama/Llama-3.1-8B-Instruct",
    backend: "vllm",
    image: "example.invalid/profiler:1.0.0",
    searchStrategy: "rapid",
    autoApply: true,
    hardware: { gpuSku: "h200_sxm", vramMb: 144384, numGpusPerNode: 1, totalGpus: 4 },
    workload: { isl: 3000, osl: 120 },
    sla: { ttft: 200, itl: 12 },
    features: {
      mocker: { enabled: true },
      planner: {
        optimization_target: "sla",
        strategy: "sla-compat",
        no_correction: true,
        load_predictor: "constant",
        throughput_adjustment_interval_seconds: 60,
      },
    },
  },
};

/** Rights that this story has no use for, and what has. */
const WITHOUT_USE_HERE: Record<string, string> = {
  "get dynamographdeployments.nvidia.com *": "a request whose deployment is there already; planners' Roles",
  "get dynamographdeploymentscalingadapters.nvidia.com *": "an adapter that is there already",
  "get pods *": "a pod that is there already",
  "get nodes *": "a runner that comes back",
  "get persistentvolumeclaims *": "a request with a model cache",
  "patch events.events.k8s.io *": "an event that repeats",
  "get dynamographdeploymentscalingadapters/scale.nvidia.com *": "planners' Roles",
  "patch dynamographdeploymentscalingadapters/scale.nvidia.com *": "planners' Roles",
  "update leases.coordination.k8s.io *": "planners' Roles",
};

const manifest = MANIFESTS.find(({ name }) => name === "runner-rbac")!;

await describeWithKubernetes("the runner's printed Roles", (tools) => {
  let server: KubeApiServer;

  beforeAll(async () => {
    server = await KubeApiServer.start(tools);
    await installGraphCrds(server, "v1beta1");
    await installRequestCrd(server, "v1beta1");
    await server.namespace(NAMESPACE);
  });
  afterAll(() => server?.stop());

  it("allow all that it does from a request to a deployment and its end, and nothing else", async () => {
    const printed = manifest.build({ ...MANIFEST_DEFAULTS, dialect: "1.0", namespace: NAMESPACE });
    const applier = new Applier(server, NAMESPACE);
    for (const object of printed) {
      // The account's name stands for a user here, who needs no token of the server's.
      const subjects = object.subjects === undefined ? {} : { subjects: [{ kind: "User", name: "runner" }] };
      await applier.apply({ ...object, ...subjects } as KubeObject);
    }
    const folder = mkdtempSync(join(tmpdir(), "understudy-runner-rights-"));
    const state = new StateFolder(join(folder, "state"));
    const up = new CliProcess([
      ...["up", "--kubeconfig", server.kubeconfig("runner", NAMESPACE), "--namespace", NAMESPACE],
      ...["--state-dir", state.path, "--port", "0", "--json"],
    ]);
    onTestFinished(async () => {
      await up.end();
      for (const left of state.deployments()) await endDeployment(left, leftBehind(left), 0);
      rmSync(folder, { recursive: true, force: true });
    });
    const collection = `/apis/nvidia.com/v1beta1/namespaces/${NAMESPACE}`;
    await server.json("POST", `${collection}/dynamographdeploymentrequests`, REQUEST);
    await waitFor(
      "the request to be deployed",
      async () => {
        if (!up.running) throw new Error(up.output);
        const found = await server.json("GET", `${collection}/dynamographdeploymentrequests/${NAME}`);
        const { phase } = (found.status ?? {}) as { phase?: string };
        if (phase === "Failed") throw new Error(JSON.stringify(found.status));
        return phase === "Deployed";
      },
      PATIENCE_MS,
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${up.output.slice(-3000)}`);
    });
    const adapters = `${collection}/dynamographdeploymentscalingadapters`;
    const { items } = await server.json<{ items: KubeObject[] }>("GET", adapters);
    for (const { metadata } of items) await server.merge(`${adapters}/${metadata!.name}`, { spec: { replicas: 2 } });
    const graphs = `${collection}/dynamographdeployments`;
    await waitFor(
      "more workers",
      async () => {
        const graph = await server.json("GET", `${graphs}/${NAME}-dgd`);
        return JSON.stringify(graph.status).includes('"readyReplicas":2');
      },
      PATIENCE_MS,
    );
    await server.json("DELETE", `${graphs}/${NAME}-dgd`);
    await server.json("DELETE", `${collection}/dynamographdeploymentrequests/${NAME}`);
    await waitFor(
      "both to be gone",
      async () => {
        const paths = [`${graphs}/${NAME}-dgd`, `${collection}/dynamographdeploymentrequests/${NAME}`];
        const answers = await Promise.all(paths.map((path) => server.call("GET", path)));
        return answers.every(({ status }) => status === 404);
      },
      PATIENCE_MS,
    );
    await waitFor(
      "the node's lease to be renewed",
      () => server.audit("runner").some(({ verb, objectRef }) => verb === "patch" && objectRef?.resource === "leases"),
      PATIENCE_MS,
    );
    up.kill("SIGTERM");
    await up.exited;
    const asked = server.audit("runner");
    const refused = asked.filter(({ annotations }) => annotations?.[DECISION] !== "allow");
    expect(refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`)).toEqual([]);
    const rules = printed.flatMap((object) => (object.rules ?? []) as Rule[]);
    const used = new Set(asked.flatMap((event) => rightsUsed(rules, event)));
    const unused = rules.flatMap(rightsOf).filter((right) => !used.has(right));
    expect(unused.filter((right) => !(right in WITHOUT_USE_HERE))).toEqual([]);
    expect(Object.keys(WITHOUT_USE_HERE).filter((right) => used.has(right))).toEqual([]);
    expect(items.length).toBeGreaterThan(0);
  }, 300_000);
});
