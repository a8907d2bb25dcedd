import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { wallClock } from "#common";
import { readPlannerConfig } from "#planner/config";
import { createPlanner, surfaceFamilyOf } from "#planner/core";
import { buildSurface, loadProfile } from "#profiles";
import { plannerContext, strategyConfig } from "../../src/cli/planner/core-config.ts";
import { withPlugins } from "../../src/cli/planner/plugins.ts";
import { active, observation } from "../planner/observations.ts";

const profile = loadProfile("h200-llama-3.1-8b-fp8-tp1-estimate");
const folder = mkdtempSync(join(tmpdir(), "understudy-plugins-"));
const module = join(folder, "nine.mjs");
writeFileSync(
  module,
  'export default { reconcile: () => ({ kind: "override", targets: [{ role: "decode", replicas: 9, type: "AT_LEAST" }] }) };',
);
afterAll(() => rmSync(folder, { recursive: true }));

/** What comes of a plugin that wants nine decode workers. */
async function targets(limits: Record<string, unknown>) {
  const read = readPlannerConfig({
    config: JSON.stringify({
      environment: "none",
      strategy: "default",
      max_gpu_budget: 64,
      ...limits,
      plugin_registration: {
        in_process_plugins: [{ plugin_id: "floor", plugin_type: "reconcile", priority: 1, module }],
      },
    }),
  });
  const { config } = read;
  const strategy = strategyConfig(config);
  const context = plannerContext(read, profile);
  const planner = createPlanner(strategy, context, buildSurface(profile, surfaceFamilyOf(strategy.strategy)));
  const plugged = await withPlugins(planner, config, context, wallClock(1), () => {});
  const workers = { prefill: active(2), decode: active(2) };
  return (await plugged.tick(observation(5000, 10, { workers }))).targets;
}

it("plugins are held to the limits of roles and of power as to the budget", async () => {
  expect(await targets({})).toMatchObject({ decode: 9 });
  expect(await targets({ decode_max_gpu_budget: 5 })).toMatchObject({ decode: 5 });
  const power = {
    enable_power_awareness: true,
    environment: "kubernetes",
    total_gpu_power_limit: 5600,
    prefill_engine_power_watts: 700,
    decode_engine_power_watts: 700,
  };
  const { prefill, decode } = (await targets(power))!;
  expect(prefill + decode).toBe(8);
});
