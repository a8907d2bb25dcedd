import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { plannerConfigSchema } from "#planner/core";
import { readScenario } from "#scenarios";
import { judge, prepareRehearsal } from "#src/rehearsal";

const folder = "scenarios/library";
const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

describe("the scenario library, as shipped", () => {
  it.each(files)("%s: everything it expects holds", (file) => {
    const scenario = readScenario(`${folder}/${file}`, { plannerSchema: plannerConfigSchema });
    const { record } = judge(scenario, prepareRehearsal(scenario).run());
    expect(record.expectations).toHaveLength(scenario.expect.length);
    expect(record.expectations!.filter(({ passed }) => !passed)).toEqual([]);
  });
});
