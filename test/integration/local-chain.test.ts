import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import type { LocalDeployment } from "#planner/connectors";
import { endDeployment, leftBehind, StateFolder } from "#src/deployment";
import { DEPLOYMENT_VARIABLE } from "../../src/deployment/runner/command.ts";
import { processesWith } from "../../src/deployment/runner/identity.ts";
import { CliProcess } from "./processes.ts";
import { viewOf } from "./runner/running.ts";
import { type Serving, STORY_SCALE, storyRequest, tellScalingStory, until } from "./scaling-story.ts";

const KEY = { namespace: "default", name: "wish-dgd" };

it("a request of a file becomes a deployment that its planner scales with the load, with nothing but Node", async () => {
  const folder = mkdtempSync(join(tmpdir(), "understudy-local-chain-"));
  const state = new StateFolder(join(folder, "state"));
  const file = join(folder, "dgdr.yaml");
  writeFileSync(file, stringify(storyRequest("wish")));
  const flags = ["--state-dir", state.path, "--port", "0", "--time-scale", String(STORY_SCALE)];
  const up = new CliProcess(["up", file, ...flags]);
  onTestFinished(async () => {
    await up.end();
    for (const left of state.deployments()) await endDeployment(left, leftBehind(left), 0);
    rmSync(folder, { recursive: true, force: true });
  });
  let view: LocalDeployment | null = null;
  await until("the deployment to be ready", async () => {
    if (!up.running) throw new Error(up.output);
    view = await viewOf(state, up, KEY);
    return view?.ready === true;
  });
  const serving = async (): Promise<Serving> => {
    const components = (await viewOf(state, up, KEY))?.components ?? [];
    const ready = (role: string) => components.find((component) => component.role === role)?.readyReplicas ?? 0;
    return { prefill: ready("prefill"), decode: ready("decode") };
  };
  await tellScalingStory(view!.frontendUrl!, serving);
  up.kill("SIGINT");
  expect((await up.exited).code, up.output).toBe(0);
  expect(processesWith(DEPLOYMENT_VARIABLE, state.deployment(KEY).path)).toEqual([]);
}, 300_000);
