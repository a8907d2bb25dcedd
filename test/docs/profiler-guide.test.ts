import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { projectFolder, readProjectFile } from "../structure/project-files.ts";

const guide = readProjectFile("docs/profiler.md");
/** The guide with its lines joined, as a reader reads it. */
const prose = guide.replace(/\s+/g, " ");

/** Cells of the table row whose first cell begins with `head`. */
function row(head: string): string[] {
  const line = guide.split("\n").find((text) => text.startsWith(`| ${head}`));
  expect(line, `a row "${head}"`).toBeDefined();
  return line!
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

describe("the profiler's guide", () => {
  it("[R023] says what each target costs", () => {
    expect(prose).toMatch(/tighter TTFT costs prefill GPUs/);
    expect(prose).toMatch(/tighter ITL costs decode GPUs/);
  });

  it("[R003][R004] states the assumptions of fixed lengths, no reuse and no prefill among decode steps", () => {
    expect(prose).toMatch(/ISL and OSL are taken as constant/);
    expect(prose).toMatch(/sharing nothing/);
    expect(prose).toMatch(/compute prompts between decode steps have a higher ITL/);
  });

  it("[R079] says that reuse is uncertain where each attention rank has a KV cache of its own", () => {
    expect(prose).toMatch(/With attention data parallelism that isn't certain: each rank has a KV cache of its own/);
  });

  it("[R156] has the matrix of backends and kinds of model", () => {
    expect(row("backend")).toEqual(["backend", "dense", "mixture of experts"]);
    for (const backend of ["vLLM", "SGLang", "TensorRT-LLM"]) expect(row(backend)[1]).toBe("TP");
    expect(row("SGLang")[2]).toBe("TEP, DEP");
  });

  it("[R159] says that a backend may not run what is recommended", () => {
    expect(prose).toMatch(/recommended mapping may be one that your version of a backend can't run/);
  });

  it("[R206] says why a DEP engine is measured by one burst", () => {
    expect(prose).toMatch(/ranks × 4 requests: its longest TTFT divided by 4/);
    expect(prose).toMatch(/because the first batch may start before all of it has arrived/);
  });

  it.each([
    ["[R165] remedies where it takes too long", "It takes too long", /rapid.*interpolation-granularity/],
    [
      "[R166] remedies where targets can't be kept",
      "The targets can't be kept",
      /relax the SLA.*GPUs.*backend.*quantized/,
    ],
    ["[R167] the attention-head rule and its remedy", "AssertionError", /heads ÷ 4.*max-num-gpus-per-engine/],
    ["[R168] measuring has no attention-head rule", "AssertionError", /Measuring .*has no such limit/],
    ["[R169] image pull errors", "ErrImagePull", /pull secret.*ServiceAccount/],
    ["[R170] out of memory", "Out of memory", /max_batch_size.*max-context-length.*quantized/],
    ["[R171] mappings that a backend can't run", "A mapping that a backend", /prime number of heads/],
  ])("%s", (_, head, remedy) => {
    const sections = readProjectFile("docs/troubleshooting.md").split(/^##+ /m);
    const found = sections.find((section) => section.startsWith(head));
    expect(found?.replace(/\s+/g, " "), head).toMatch(remedy);
  });

  it("[R203] comes with field reference, examples, the estimator, manifests, WebUI and the planner's guide", () => {
    const index = readProjectFile("docs/README.md");
    const pages = [
      "profiler",
      "dgdr",
      "examples",
      "estimator",
      "manifests",
      "webui",
      "planner",
      "profiler-commands",
      "metrics",
      "getting-started",
    ];
    for (const page of pages) {
      expect(existsSync(join(projectFolder, "docs", `${page}.md`)), page).toBe(true);
      expect(index).toContain(`(${page}.md)`);
    }
  });
});
