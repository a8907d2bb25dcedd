import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { readPlannerConfig } from "#planner/config";
import { GlobalPlannerMetrics } from "#planner/global";
import { globalPlannerCommand } from "../../../src/cli/commands/global-planner.ts";
import { madeGlobalPlanner } from "./made-platform.ts";

const text = readFileSync("docs/global-planner.md", "utf8");

it("docs/global-planner.md names every metric and every flag", () => {
  const { registry } = new GlobalPlannerMetrics(() => madeGlobalPlanner({}).planner);
  for (const name of registry.names()) expect(text).toContain(`\`${name.replace("understudy_global_planner_", "")}\``);
  for (const { long } of globalPlannerCommand().options) expect(text).toMatch(new RegExp(`\`${long}[\` ]`));
});

it("its planner's configuration is accepted, and leads to the address it says", () => {
  const yaml = /```yaml\n([\s\S]*?)```/.exec(text)![1]!;
  const { config } = readPlannerConfig({ config: yaml });
  expect(config.connector.globalPlanner).toEqual({
    url: "http://global-planner.global-infra:9087",
    token: null,
    tokenFile: null,
  });
  const withoutUrl = readPlannerConfig({ config: yaml.replace(/^global_planner_url.*\n/m, "") });
  expect(withoutUrl.config.connector.globalPlanner!.url).toBe("http://global-planner.global-infra:9087");
  expect(readPlannerConfig({ config: "environment: virtual\n" }).config.connector.globalPlanner).toBeNull();
});
