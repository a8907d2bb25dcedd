import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { plannerConfigSchema } from "#planner/core";
import { shippedProfiles } from "#profiles";
import { readScenario, scenarioWorkload } from "#scenarios";

const folder = "scenarios/library";
const files = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

it("has at least ten scenarios", () => {
  expect(files.length).toBeGreaterThanOrEqual(10);
});

describe.each(files)("%s", (file) => {
  const scenario = readScenario(`${folder}/${file}`, { plannerSchema: plannerConfigSchema });

  it("is named as its file and says what it shows", () => {
    expect(`${scenario.name}.yaml`).toBe(file);
    expect(scenario.shows).toMatch(/\w{3}.{20}/);
  });

  it("plays a shipped profile", () => {
    expect(shippedProfiles()).toContain(scenario.deployment.profile);
  });

  it("asserts something", () => {
    expect(scenario.expect.length).toBeGreaterThan(0);
  });

  it("makes the same traffic twice, of a size a laptop runs in seconds", () => {
    const workload = scenarioWorkload(scenario);
    expect(workload.count).toBeGreaterThan(100);
    expect(workload.count).toBeLessThan(200_000);
    const again = scenarioWorkload(scenario);
    // Byte by byte; a deep comparison of a hundred thousand numbers takes seconds.
    for (const column of ["isl", "osl", "arrivalMs", "openHeads", "nextTurn", "thinkMs"] as const) {
      expect(bytes(again[column]).equals(bytes(workload[column])), column).toBe(true);
    }
    expect(bytes(again.prompts?.ids ?? null).equals(bytes(workload.prompts?.ids ?? null))).toBe(true);
  });
});

function bytes(column: Int32Array | Float64Array | null): Buffer {
  return column === null ? Buffer.alloc(0) : Buffer.from(column.buffer, column.byteOffset, column.byteLength);
}
