import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { endDeployment, leftBehind, manifestYaml, renderDeployment, StateFolder } from "#src/deployment";
import { engineLayout } from "#src/estimator";
import { disaggPlan } from "../deployment/plans.ts";
import { CliProcess } from "./processes.ts";

const PATIENCE_MS = 120_000;

it(
  "a deployment of vLLM is refused, and played on the GPU that --play-engines names",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "understudy-engines-"));
    const state = new StateFolder(join(folder, "state"));
    const run = async (...args: string[]) => {
      const process = new CliProcess([...args, "--state-dir", state.path]);
      const { code } = await process.exited;
      return { code, stdout: process.stdout, output: process.output };
    };
    onTestFinished(async () => {
      await run("down", "--all");
      for (const left of state.deployments()) await endDeployment(left, leftBehind(left), 0);
      rmSync(folder, { recursive: true, force: true });
    });
    const engines = { layout: engineLayout("tp2"), replicas: 1 };
    const plan = disaggPlan({
      backend: "vllm",
      dialect: "0.8",
      version: "v1alpha1",
      prefill: engines,
      decode: engines,
    });
    const file = join(folder, "vllm.yaml");
    writeFileSync(file, manifestYaml(renderDeployment(plan)));

    const refused = await run("up", file, "--detach");
    expect(refused.code, refused.output).toBe(2);
    expect(refused.output).toContain("hint: --play-engines h200_sxm");
    const unknown = await run("up", file, "--detach", "--play-engines", "h900");
    expect(unknown.code).toBe(2);
    expect(unknown.output).toContain('--play-engines: found the GPU system "h900"');

    const up = await run("up", file, "--port", "0", "--detach", "--wait-ready", "--json", "--play-engines", "h200_sxm");
    expect(up.code, up.output).toBe(0);
    const deployment = JSON.parse(up.stdout) as { frontendUrl: string; components: { role: string }[] };
    expect(deployment.components.map(({ role }) => role).sort()).toEqual(["decode", "frontend", "prefill"]);
    const answer = await fetch(`${deployment.frontendUrl}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "Qwen/Qwen3-32B", prompt: "once", max_tokens: 3 }),
    });
    expect(answer.status).toBe(200);
    const logs = await run("logs", "VllmDecodeWorker");
    expect(logs.stdout).toMatch(/Maximum concurrency for [\d,]+ tokens per request: [\d.]+x/);
  },
  PATIENCE_MS,
);
