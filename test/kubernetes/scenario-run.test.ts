import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { endDeployment, leftBehind, StateFolder } from "#src/deployment";
import { ensureKubeApiserver } from "../../scripts/kube-apiserver.ts";
import { ensureEtcd } from "../../scripts/test-tools.ts";
import { CliProcess, waitFor } from "../integration/processes.ts";
import { describeWithTool } from "../tools.ts";
import { KubeApiServer, type KubeObject } from "./api-server.ts";
import { installGraphCrds } from "./crds.ts";

const NAMESPACE = "rehearsals";
/** Model time over the wall's. */
const SCALE = 4;
const PATIENCE_MS = 120_000;
const NVIDIA = `/apis/nvidia.com/v1beta1/namespaces/${NAMESPACE}`;

/**
 * The library's scale-1p1d-2p1d made small: a quarter of the rates and short answers on slower engines (one prefill worker serves 3.3
 * such requests a second). Two decisions lie within the time of many requests: on a busy machine the first may come too late.
 */
const scenario = (name: string) => `name: ${name}
seed: 1
deployment:
  profile: l40s-qwen3-8b-bf16-tp1-estimate
  surfaces: compat
  mode: disagg
  prefill: { workers: 1, startup: 2s }
  decode: { workers: 1, startup: 2s }
  kvTransfer: { bandwidth: 64GB/s }
sla: { ttft: 2s, itl: 60ms }
planner: { strategy: sla-compat, interval: 30s, maxGpus: 8, predictor: constant, correction: false, requestCount: started }
traffic:
  - sequence:
      - constant: { requestRate: 2, arrivals: constant, isl: 4000, osl: 20, duration: 45s }
      - constant: { start: 15s, requestRate: 4.5, arrivals: constant, isl: 4000, osl: 20, duration: 90s }
      - constant: { requestRate: 0.5, arrivals: constant, isl: 4000, osl: 20, duration: 45s }
expect:
  errors: 0
  completed: 518
  preemptions: 0
  scaleEvents: 2
  gpuHours: "<= 0.2"
  replicas:
    - { until: 60s, prefill: 1, decode: 1 }
    - { at: 149s, prefill: 2, decode: 1 }
    - { from: 150s, by: end, prefill: 1 }
    - { at: end, prefill: 1, decode: 1 }
`;

const tools = async () => ({ etcd: await ensureEtcd(), kubeApiserver: await ensureKubeApiserver() });

await describeWithTool("a scenario, run as a deployment of a cluster", tools, (found) => {
  let server: KubeApiServer;
  let up: CliProcess;
  let folder: string;
  let state: StateFolder;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "understudy-rehearsals-"));
    state = new StateFolder(join(folder, "state"));
    server = await KubeApiServer.start(found);
    await installGraphCrds(server, "v1beta1");
    await server.namespace(NAMESPACE);
    up = new CliProcess([
      ...["up", "--kubeconfig", server.kubeconfig("admin", NAMESPACE), "--namespace", NAMESPACE],
      ...["--state-dir", state.path, "--time-scale", String(SCALE), "--port", "0", "--json"],
    ]);
  });
  afterAll(async () => {
    await up?.end();
    for (const left of state.deployments()) await endDeployment(left, leftBehind(left), 0);
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (name: string, ...flags: string[]) => {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, scenario(name));
    return new CliProcess([
      ...[
        "run",
        file,
        "--live",
        "--kubeconfig",
        server.kubeconfig("admin", NAMESPACE),
        "--namespace",
        NAMESPACE,
        ...flags,
      ],
    ]);
  };
  const items = async (path: string) => (await server.json<{ items: KubeObject[] }>("GET", path)).items;
  /** All that carries the label of a rehearsal, by kind. */
  const left = async () => {
    const paths = [
      `${NVIDIA}/dynamographdeployments`,
      `${NVIDIA}/dynamographdeploymentscalingadapters`,
      ...["configmaps", "serviceaccounts", "pods"].map((kind) => `/api/v1/namespaces/${NAMESPACE}/${kind}`),
      ...["roles", "rolebindings"].map((kind) => `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/${kind}`),
    ];
    const all = await Promise.all(paths.map(items));
    return all.flat().map(({ metadata }) => metadata!.name!);
  };

  it("scales as it expects, reports as a live run does, and leaves nothing behind", async () => {
    const before = await left();
    const output = join(folder, "out");
    const running = run("small-scale", "--time-scale", String(SCALE), "-o", output);
    const { code } = await running.exited;
    expect(code, running.output).toBe(0);
    expect(running.output).toContain("✓ replicas.prefill at the end is 1");
    expect(running.output).toMatch(/not judged, since an API server does not tell it: preemptions/);
    const report = JSON.parse(readFileSync(join(output, "report.json"), "utf8")) as {
      requests: { completed: number };
      expectations: { name: string; passed: boolean }[];
    };
    expect(report.requests.completed).toBe(518);
    expect(report.expectations.filter(({ name }) => name.startsWith("replicas."))).toHaveLength(7);
    expect(JSON.parse(readFileSync(join(output, "run.json"), "utf8"))).toMatchObject({
      live: true,
      timeScale: SCALE,
      cluster: { namespace: NAMESPACE, deployment: "small-scale", server: server.url },
    });
    expect(await left()).toEqual(before);
  }, 240_000);

  it("takes away what it made when it is interrupted", async () => {
    const before = await left();
    const running = run("cut-short", "--no-report");
    await waitFor(
      "the deployment",
      async () => (await items(`${NVIDIA}/dynamographdeployments`)).length > 0,
      PATIENCE_MS,
    );
    running.kill("SIGINT");
    const { code } = await running.exited;
    expect(code, running.output).toBe(130);
    expect(running.output).toContain("the deployment was deleted");
    expect(await left()).toEqual(before);
  }, 240_000);

  it("refuses another time scale than the cluster's, and a name that is taken", async () => {
    const before = await left();
    const running = run("too-fast", "--no-report", "--time-scale", "7");
    await waitFor(
      "the deployment",
      async () => (await items(`${NVIDIA}/dynamographdeployments`)).length > 0,
      PATIENCE_MS,
    );
    const second = run("too-fast", "--no-report");
    const { code: taken } = await second.exited;
    expect(taken, second.output).toBe(2);
    expect(second.output).toMatch(/there is one of this name already/);
    const { code } = await running.exited;
    expect(code, running.output).toBe(2);
    expect(running.output).toMatch(/--time-scale.*found 7, but the deployment's workers run at 4/);
    expect(await left()).toEqual(before);
  }, 240_000);
});
