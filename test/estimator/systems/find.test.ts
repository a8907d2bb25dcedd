import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { findGpuSystem, GPU_SYSTEMS, gpuSystem } from "#src/estimator";
import { nearestSystem } from "../../../src/estimator/systems/find.ts";

const DATA = fileURLToPath(new URL("../../../src/estimator/data/", import.meta.url));

/** Systems that a shipped file of op tables is for. */
function measured(): Set<string> {
  const files = readdirSync(DATA).map((file) => /^(.+)_(?:vllm|sglang|trtllm)\.json\.gz$/.exec(file)?.[1]);
  return new Set(files.filter((name) => name !== undefined));
}

describe("GPU systems", () => {
  it.each([
    ["h200_sxm", "h200_sxm"],
    ["H200-SXM", "h200_sxm"],
    [" H200 ", "h200_sxm"],
    ["gb200_sxm", "gb200"],
  ])("%s is %s", (asked, name) => {
    expect(gpuSystem(asked).name).toBe(name);
  });

  it("no name belongs to two of them", () => {
    for (const system of GPU_SYSTEMS) {
      for (const name of [system.name, ...system.aliases]) expect(findGpuSystem(name), name).toBe(system);
    }
  });

  it("an unknown one is refused with what it may have meant", () => {
    expect(() => gpuSystem("h20_sxm")).toThrow(expect.objectContaining({ hint: expect.stringContaining("h200_sxm") }));
  });

  it("data sheets are possible machines", () => {
    for (const { name, flops, memoryBytes, memoryBytesPerSecond, ...sheet } of GPU_SYSTEMS) {
      expect(memoryBytes / 2 ** 30, name).toBeGreaterThanOrEqual(8);
      // Memory is read within half a second, and a product of matrices needs tens of operations a byte to be bound by compute.
      expect(memoryBytes / memoryBytesPerSecond, name).toBeLessThan(0.5);
      expect(flops.bfloat16 / memoryBytesPerSecond, name).toBeGreaterThan(20);
      if (flops.fp8 !== undefined) expect(flops.fp8, name).toBeGreaterThanOrEqual(flops.bfloat16);
      expect(sheet.fabricGpus, name).toBeGreaterThanOrEqual(1);
      expect(sheet.watts, name).toBeGreaterThan(0);
    }
  });

  it("says which of them have measurements: those whose files are shipped", () => {
    expect(new Set(GPU_SYSTEMS.filter(({ hasTables }) => hasTables).map(({ name }) => name))).toEqual(measured());
  });

  it("finds the nearest of some for one without measurements: itself, a sister, else the likest", () => {
    const all = [...measured()];
    expect(nearestSystem(gpuSystem("h200_sxm"), all)).toBe("h200_sxm");
    expect(nearestSystem(gpuSystem("a100_pcie"), all)).toBe("a100_sxm");
    expect(nearestSystem(gpuSystem("l40"), all)).toBe("l40s");
    expect(nearestSystem(gpuSystem("h100_pcie"), all)).toBe("h100_sxm");
    expect(nearestSystem(gpuSystem("l4"), all)).toBe("l40s");
  });
});
