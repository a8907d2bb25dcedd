import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseDocument } from "yaml";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario } from "#scenarios";

const text = readFileSync("docs/scenarios.md", "utf8");
const blocks = [...text.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, yaml]) => yaml!);

const base = {
  deployment: { profile: "p", mode: "disagg" },
  sla: { ttft: "1s", itl: "50ms" },
  planner: { strategy: "default", maxGpus: 8 },
  traffic: [{ constant: { requestRate: 1, isl: 1, osl: 1, duration: "1s" } }],
};

describe("docs/scenarios.md", () => {
  it.each(blocks)("shows YAML that is a scenario, or a part of one: %s", (yaml) => {
    const part = parseDocument(yaml).toJS() as object;
    const scenario = parseScenario(JSON.stringify({ ...base, ...part }), "docs.yaml", {
      plannerSchema: plannerConfigSchema,
    });
    expect(scenario.traffic.length).toBeGreaterThan(0);
  });

  it("lists the whole library, and nothing else", () => {
    const section = text.slice(text.indexOf("## The library"), text.indexOf("## Deployment"));
    const listed = [...section.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => `${name}.yaml`);
    const shipped = readdirSync("scenarios/library").filter((name) => name.endsWith(".yaml"));
    expect(listed.toSorted()).toEqual(shipped.toSorted());
  });
});
