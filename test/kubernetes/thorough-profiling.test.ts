import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { endDeployment, leftBehind, MANIFEST_DEFAULTS, StateFolder } from "#src/deployment";
import { ensureKubeApiserver, ensureKubectl } from "../../scripts/kube-apiserver.ts";
import { ensureEtcd } from "../../scripts/test-tools.ts";
import { role } from "../../src/deployment/manifests/rbac.ts";
import { CliProcess, waitFor } from "../integration/processes.ts";
import { describeWithTool } from "../tools.ts";
import { KubeApiServer, type KubeObject } from "./api-server.ts";
import { installGraphCrds } from "./crds.ts";

const NAMESPACE = "profiling";
const GRAPHS = `/apis/nvidia.com/v1alpha1/namespaces/${NAMESPACE}/dynamographdeployments`;
const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
/** Passes of a 32B model on a slow GPU are long enough to be measured at this speed, and its cache holds few requests. */
const SCALE = 10;
const GPU = "l40s";
const MODEL = "Qwen/Qwen3-32B-FP8";
const PATIENCE_MS = 120_000;
const SMALL = [
  ...["--model", MODEL, "--backend", "vllm", "--gpu", GPU, "--strategy", "thorough", "--dialect", "0.8"],
  ...["--isl", "2000", "--osl", "20", "--ttft", "5000", "--itl", "200", "--max-context-length", "2500"],
  ...["--min-num-gpus-per-engine", "1", "--max-num-gpus-per-engine", "1", "--interpolation", "rapid"],
  ...["--prefill-interpolation-granularity", "2", "--decode-interpolation-granularity", "2"],
];
/** What a request's Job is told. */
const REQUEST = { DGDR_NAME: "wish", DGDR_NAMESPACE: NAMESPACE, DGDR_UID: "3f0c8f0e-7d7c-4d7b-9d55-4a5c0d3c7a10" };

const tools = async () => ({
  etcd: await ensureEtcd(),
  kubeApiserver: await ensureKubeApiserver(),
  kubectl: await ensureKubectl(),
});

await describeWithTool("thorough profiling in a cluster that a runner plays", tools, (found) => {
  const folder = mkdtempSync(join(tmpdir(), "understudy-profiling-"));
  const state = new StateFolder(join(folder, "state"));
  let server: KubeApiServer;
  let up: CliProcess;

  beforeAll(async () => {
    server = await KubeApiServer.start(found);
    await installGraphCrds(server, "v1alpha1");
    await server.namespace(NAMESPACE);
    // No more rights than our manifests give a request's Job.
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}`;
    const [rules] = role({ ...MANIFEST_DEFAULTS, namespace: NAMESPACE, dialect: "0.8", cluster: false });
    await server.json("POST", `${rbac}/roles`, rules);
    await server.json("POST", `${rbac}/rolebindings`, {
      metadata: { name: "profiler" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: rules!.metadata!.name },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "stranger" }],
    });
    up = new CliProcess([
      ...["up", "--kubeconfig", server.kubeconfig("admin", NAMESPACE), "--namespace", NAMESPACE],
      ...["--state-dir", state.path, "--time-scale", String(SCALE), "--port", "0", "--play-engines", GPU, "--json"],
    ]);
  });
  afterAll(async () => {
    await up?.end();
    for (const left of state.deployments()) await endDeployment(left, leftBehind(left), 0);
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const items = async (path: string) => (await server.json<{ items: KubeObject[] }>("GET", path)).items;
  const profile = (name: string) =>
    new CliProcess(
      [
        ...["profile", ...SMALL, "--deploy-to", "kubernetes", "--kubeconfig", server.kubeconfig("stranger", NAMESPACE)],
        ...["--namespace", NAMESPACE, "--output-dir", join(folder, name), "--json"],
      ],
      REQUEST,
    );
  /** A trial deployment that is there now. */
  const trial = (run: CliProcess) =>
    waitFor(
      "a trial deployment",
      async () => {
        if (!run.running) throw new Error(`it ended:\n${run.output}`);
        return (await items(GRAPHS))[0];
      },
      PATIENCE_MS,
    );

  it("is interrupted, killed, and done: nothing is left of it but what it measured, and the logs", async () => {
    const interrupted = profile("interrupted");
    const { metadata } = (await trial(interrupted)) as { metadata: { name: string; ownerReferences: unknown[] } };
    expect(metadata.name).toMatch(/^vllm-agg-[0-9a-f]{4}$/);
    expect(metadata.ownerReferences).toEqual([
      {
        apiVersion: "nvidia.com/v1alpha1",
        kind: "DynamoGraphDeploymentRequest",
        name: REQUEST.DGDR_NAME,
        uid: REQUEST.DGDR_UID,
        controller: false,
        blockOwnerDeletion: true,
      },
    ]);
    const worker = `${metadata.name}-vllmdecodeworker-0`;
    const kubeconfig = server.kubeconfig("admin", NAMESPACE);
    const logs = ["--kubeconfig", kubeconfig, "-n", NAMESPACE, "logs", worker, "--tail", "1"];
    const lastLine = () => execFileSync(found.kubectl, logs, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    const ready = /^INFO .* Maximum concurrency for [\d,]+ tokens per request: [\d.]+x\n$/;
    await waitFor("kubectl to show the last line", async () => ready.test(attempted(lastLine) ?? ""), PATIENCE_MS);
    interrupted.kill("SIGINT");
    expect((await interrupted.exited).code).toBe(130);
    expect(await items(GRAPHS)).toEqual([]);
    expect(await items(PODS)).toEqual([]);

    const killed = profile("killed");
    const left = (await trial(killed)).metadata!.name;
    killed.kill("SIGKILL");
    await killed.exited;

    const run = profile("whole");
    const { code } = await run.exited;
    expect(code, run.output + up.output).toBe(0);
    expect(run.output).toContain(`Deleted what an earlier run had left: ${left}`);
    expect(await items(GRAPHS)).toEqual([]);
    expect(await items(PODS)).toEqual([]);
    const output = join(folder, "whole");
    expect(parse(readFileSync(join(output, "profiler_status.yaml"), "utf8"))).toMatchObject({ status: "success" });

    const candidate = join(output, "decode_1gpus_TP1");
    const deployment = readdirSync(candidate).find((name) => name.startsWith("vllm-agg-"))!;
    const log = readFileSync(join(candidate, deployment, "vllmdecodeworker", "0.log"), "utf8");
    const [, length, times] = /Maximum concurrency for ([\d,]+) tokens per request: ([\d.]+)x/.exec(log)!;
    const capacity = Math.floor(Number(length!.replaceAll(",", "")) * Number(times));
    expect(readFileSync(join(candidate, deployment, "frontend", "0.log"), "utf8")).not.toBe("");
    const { sweep } = JSON.parse(run.stdout) as {
      sweep: { prefill: { ttftMs: number }[]; decode: { itlMs: number; maxKvTokens: number; concurrency: number }[] };
    };
    expect(sweep.decode.map(({ maxKvTokens }) => maxKvTokens)).toEqual(sweep.decode.map(() => capacity));
    expect(sweep.decode.at(-1)!.concurrency).toBe(Math.floor(capacity / 2020));
    // Weights of 32 GB at 864 GB/s take 37 ms: the clock of the API server's machine saw a tenth of that.
    expect(sweep.decode[0]!.itlMs).toBeGreaterThan(37);
    expect(sweep.prefill[0]!.ttftMs).toBeGreaterThan(200);

    up.kill("SIGINT");
    expect((await up.exited).code, up.output).toBe(0);
  }, 300_000);
});

/** Null where it fails, or there is nothing yet. */
function attempted(ask: () => string): string | null {
  try {
    return ask() || null;
  } catch {
    return null;
  }
}
