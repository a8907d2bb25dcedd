import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { registry } from "#common/prometheus";
import { readPlannerConfig } from "#planner/config";
import { openPlugins, PluginMetrics } from "#planner/service";
import { plugged } from "./scripted.ts";

const text = readFileSync("docs/planner-plugins.md", "utf8");
const fence = (language: string) => new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`$`, "m").exec(text)![1]!;

it("the plugin of docs/planner-plugins.md does what it says, with the configuration beside it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "understudy-plugin-"));
  try {
    const file = join(folder, "night-floor.mjs");
    writeFileSync(file, fence("js"));
    const { config } = readPlannerConfig({ config: fence("yaml").replace("./night-floor.mjs", file) });
    const [floor, office] = await openPlugins(config.plugins);
    expect(office!.schedule).toMatchObject({ id: "budget-office", intervalMs: 60_000, needs: ["traffic"] });
    const { tick } = plugged([{ ...floor!, asked: [] }], { wants: { prefill: 2, decode: 1 } });
    expect((await tick(5000)).targets).toEqual({ prefill: 2, decode: 3 });
    // Without data it has no opinion: the strategy's decision stands as it was made.
    expect((await tick(10_000, { startedRequests: null })).targets).toEqual({ prefill: 2, decode: 1 });
    await office!.plugin.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("names every metric of plugins", () => {
  const metrics = registry();
  new PluginMetrics(metrics);
  for (const name of metrics.names()) expect(text).toContain(`\`${name.replace("dynamo_planner_", "")}\``);
});
