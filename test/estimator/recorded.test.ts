import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { AICONFIGURATOR_PACKAGES, type AiconfiguratorClient, type Backend, startAiconfigurator } from "#src/estimator";
import { describeWithReference, referencePath } from "../reference.ts";
import { describeWithPython } from "../tools.ts";

interface Recorded {
  model: string;
  isl: number[];
  batch: number[];
  context: number[];
  entries: {
    system: string;
    backend: Backend;
    kind: string;
    gpus: number;
    version: string;
    ttftMs: number[];
    itlMs: number[][];
    kv: { tokens: number };
  }[];
}

const cases = [
  { file: "qwen3-32b-fp8.json", system: "h200_sxm", backend: "vllm", parallelism: "tp2" },
  { file: "qwen3-235b-a22b-fp8.json", system: "h200_sxm", backend: "trtllm", parallelism: "tep8" },
  { file: "qwen3-235b-a22b-fp8.json", system: "h200_sxm", backend: "sglang", parallelism: "dep8" },
  { file: "qwen3-0.6b.json", system: "l40s", backend: "vllm", parallelism: "tp1" },
] as const;

describeWithReference("recorded answers of aiconfigurator", () => {
  it("are there", () => {
    for (const { file } of cases) expect(existsSync(referencePath("estimator", file))).toBe(true);
  });
});

if (existsSync(referencePath("estimator"))) {
  await describeWithPython("the adapter against recorded answers", AICONFIGURATOR_PACKAGES, (python) => {
    let client: AiconfiguratorClient;
    beforeAll(() => {
      client = startAiconfigurator(python);
    });
    afterAll(() => client.close());

    it.each(cases)("repeats $file, $system, $backend, $parallelism", async ({ file, system, backend, parallelism }) => {
      const recorded = JSON.parse(readFileSync(referencePath("estimator", file), "utf8")) as Recorded;
      const entry = recorded.entries.find(
        (candidate) =>
          candidate.system === system &&
          candidate.backend === backend &&
          `${candidate.kind.toLowerCase()}${candidate.gpus}` === parallelism,
      )!;
      const engine = await client.open({ model: recorded.model, system, backend, parallelism, sanitise: false });
      const { layout, backendVersion } = engine.facts;
      expect(backendVersion).toBe(entry.version);
      expect(engine.maxKvTokens).toBe(entry.kv.tokens * layout.attentionDp);
      expect((await engine.prefillMs(recorded.isl[4]!)) / entry.ttftMs[4]!).toBeCloseTo(1, 3);
      const { itlMs } = await engine.decode(recorded.batch[5]! * layout.attentionDp, recorded.context[2]!, 2);
      expect(itlMs / entry.itlMs[5]![2]!).toBeCloseTo(1, 3);
    });
  });
}
