import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import type { LocalDeployment } from "#planner/connectors";
import { endDeployment, leftBehind, StateFolder } from "#src/deployment";
import { describeWithReference, referencePath } from "../reference.ts";
import { CliProcess } from "./processes.ts";

const PATIENCE_MS = 120_000;

function folderOfTest(): { folder: string; state: StateFolder } {
  const folder = mkdtempSync(join(tmpdir(), "understudy-requests-"));
  const state = new StateFolder(join(folder, "state"));
  onTestFinished(async () => {
    const down = new CliProcess(["down", "--all", "--state-dir", state.path]);
    await down.exited;
    for (const left of state.deployments()) await endDeployment(left, leftBehind(left), 0);
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, state };
}

async function up(file: string, state: StateFolder, ...flags: string[]) {
  const process = new CliProcess(["up", file, "--state-dir", state.path, ...flags]);
  const { code } = await process.exited;
  return { code, stdout: process.stdout, output: process.output };
}

const REQUEST = {
  apiVersion: "nvidia.com/v1beta1",
  kind: "DynamoGraphDeploymentRequest",
  metadata: { name: "wish" },
  spec: {
    model: "Qwen/Qwen3-0.6B",
    backend: "vllm",
    image: "example.invalid/profiler:1.0.0",
    hardware: { gpuSku: "h100_sxm", vramMb: 81920, numGpusPerNode: 1, totalGpus: 2 },
    workload: { isl: 1000, osl: 100 },
    sla: { ttft: 1000, itl: 30 },
  },
};

it(
  "profiles a request once, and runs what comes of it",
  async () => {
    const { folder, state } = folderOfTest();
    const file = join(folder, "dgdr.yaml");
    writeFileSync(file, stringify(REQUEST));
    const first = await up(file, state, "--port", "0", "--detach", "--wait-ready", "--json");
    expect(first.code, first.output).toBe(0);
    const deployment = JSON.parse(first.stdout) as LocalDeployment;
    expect(deployment).toMatchObject({ name: "wish-dgd", ready: true, model: "Qwen/Qwen3-0.6B" });
    const answer = await fetch(`${deployment.frontendUrl}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "Qwen/Qwen3-0.6B", prompt: "Hello", max_tokens: 4 }),
    });
    expect(answer.status).toBe(200);
    // The runner in the background has read the file again, and found the results of the run before.
    const again = await up(file, state, "--json");
    expect(again.code, again.output).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ name: "wish-dgd", generation: deployment.generation });
  },
  PATIENCE_MS,
);

it(
  "ends with the profiler's words where a request can't be profiled",
  async () => {
    const { folder, state } = folderOfTest();
    const file = join(folder, "dgdr.yaml");
    const spec = { ...REQUEST.spec, workload: { isl: 1000, osl: 100, concurrency: 4, requestRate: 2 } };
    writeFileSync(file, stringify({ ...REQUEST, spec }));
    const { code, output } = await up(file, state, "--port", "0", "--detach");
    expect(code).toBe(1);
    expect(output).toContain("dgdr.yaml:1:1");
    expect(output).toContain("Only one of 'concurrency' or 'requestRate' can be provided, not both.");
    expect(state.deployments()).toEqual([]);
  },
  PATIENCE_MS,
);

it(
  "in the background ends with its own error and exit code, without the notes before it",
  async () => {
    const { folder, state } = folderOfTest();
    const file = join(folder, "dgdr.yaml");
    writeFileSync(file, stringify(REQUEST));
    const other = createServer();
    other.listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as AddressInfo;
    const { code, output } = await up(file, state, "--port", String(port), "--detach");
    other.close();
    expect(code).toBe(2);
    expect(output).toContain(`the runner in the background ended: --port: port ${port} is taken by another process`);
    expect(output).not.toMatch(/ended: note/);
  },
  PATIENCE_MS,
);

it(
  "measures where the request asks for it, with engines that this machine plays",
  async () => {
    const { folder, state } = folderOfTest();
    const file = join(folder, "dgdr.yaml");
    const config = {
      hardware: { min_num_gpus_per_engine: 1, max_num_gpus_per_engine: 1, num_gpus_per_node: 1 },
      sweep: { prefill_interpolation_granularity: 3, decode_interpolation_granularity: 2 },
      engine: { max_context_length: 4096 },
      sla: { isl: 500, osl: 20, ttft: 500, itl: 30 },
    };
    const spec = {
      model: "Qwen/Qwen3-0.6B",
      backend: "vllm",
      profilingConfig: { profilerImage: "example.invalid/profiler:0.8.0", config },
    };
    const metadata = { name: "measured" };
    const request = { apiVersion: "nvidia.com/v1alpha1", kind: "DynamoGraphDeploymentRequest", metadata, spec };
    writeFileSync(file, stringify(request));
    const { code, stdout, output } = await up(file, state, "--port", "0", "--detach", "--wait-ready", "--json");
    expect(code, output).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: "mocker-disagg", ready: true, model: "Qwen/Qwen3-0.6B" });
  },
  PATIENCE_MS,
);

describeWithReference("the given request for the estimator", () => {
  it(
    "runs here",
    async () => {
      const { state } = folderOfTest();
      const file = referencePath("dgdr-v1alpha1-samples", "profile_sla_aic_dgdr.yaml");
      const { code, stdout, output } = await up(file, state, "--port", "0", "--detach", "--wait-ready", "--json");
      expect(code, output).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ name: "mocker-disagg", ready: true, model: "Qwen/Qwen3-32B" });
    },
    PATIENCE_MS,
  );
});
