import { describe, expect, it } from "vitest";
import {
  enumerationLabel,
  type LayoutHardware,
  measuredLayouts,
  simulatedLayouts,
} from "../../../src/profiler/picking/layouts.ts";
import { simpleEngine } from "./fixture-rows.ts";

const GIB = 2 ** 30;
const H200: LayoutHardware = { system: "h200_sxm", gpusPerNode: 8, memoryBytes: 141 * GIB, budget: 32 };
const DENSE = { mla: false, weightBytes: 61 * GIB };
const GQA_MOE = { moe: true, mla: false, weightBytes: 57 * GIB };
const MLA_MOE = { moe: true, mla: true, weightBytes: 640 * GIB };
const names = (list: readonly { parallelism: string }[]) => list.map(({ parallelism }) => parallelism).join(" ");

describe("[R200] layouts that are tried", () => {
  it("of dense models: tensor parallelism, on racks with one fabric wider", () => {
    expect(names(simulatedLayouts(DENSE, H200))).toBe("tp1 tp2 tp4 tp8");
    expect(names(simulatedLayouts(DENSE, { ...H200, system: "gb200" }))).toBe("tp1 tp2 tp4 tp8 tp16");
    expect(names(simulatedLayouts(DENSE, { ...H200, budget: 4 }))).toBe("tp1 tp2 tp4");
  });

  it("of mixtures of experts: by tensors, by experts, and by requests; latent attention is not cut by tensors alone", () => {
    expect(names(simulatedLayouts(GQA_MOE, { ...H200, budget: 4 }))).toBe("tp1 tp2 tep2 dep2 tp4 tep4 dep4");
    expect(names(simulatedLayouts(MLA_MOE, { ...H200, minGpusPerEngine: 8 }))).toBe("tep8 dep8 tep16 dep16");
  });

  it("stay within the bounds of an engine", () => {
    const bounded = { ...H200, minGpusPerEngine: 2, maxGpusPerEngine: 4 };
    expect(names(simulatedLayouts(DENSE, bounded))).toBe("tp2 tp4");
    expect(names(measuredLayouts(DENSE, bounded))).toBe("tp2 tp4");
  });

  it("of those to be deployed, only what holds the weights, within a node", () => {
    expect(names(measuredLayouts({ ...DENSE, weightBytes: 200 * GIB }, H200))).toBe("tp2 tp4 tp8");
    expect(names(measuredLayouts(GQA_MOE, { ...H200, gpusPerNode: 4 }))).toBe("tp1 tp2 tep2 dep2 tp4 tep4 dep4");
  });

  it("across nodes only where a node holds less than twice the weights of a mixture of experts", () => {
    expect(names(measuredLayouts({ ...MLA_MOE, weightBytes: 560 * GIB }, H200))).toBe("tep8 dep8");
    expect(names(measuredLayouts(MLA_MOE, { ...H200, memoryBytes: 80 * GIB }))).toBe("tep16 dep16 tep32 dep32");
  });

  it("have AIConfigurator's labels", () => {
    const label = (parallelism: string, moe: boolean) =>
      enumerationLabel(
        simpleEngine("vllm", parallelism, { promptTokenMs: 1, passMs: 1, sequenceMs: 1, contextMs: 1 }).facts.layout,
        moe,
      );
    expect(label("tp4", false)).toBe("tp4");
    expect(label("dep8", true)).toBe("tp1-dp8-moeep8");
    expect(label("tep8", true)).toBe("tp8-moeep8");
    expect(label("tp8", true)).toBe("tp8-moetp8");
  });
});
