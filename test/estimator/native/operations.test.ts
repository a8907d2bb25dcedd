import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { EngineSpec, OperationEstimate } from "#src/estimator";
import { openEngine } from "../../../src/estimator/native/open.ts";
import { completeTables, madeUpData, madeUpTables } from "./made-up.ts";

const plain: EngineSpec = { model: "test/plain", system: "h200_sxm", backend: "vllm", parallelism: "tp2" };
const experts: EngineSpec = { ...plain, model: "test/experts", parallelism: "tep4" };
const latent: EngineSpec = { ...plain, model: "test/latent", parallelism: "dep8" };

const names = (operations: OperationEstimate[]) => operations.map((operation) => operation.name);
const total = (operations: OperationEstimate[]) => operations.reduce((sum, operation) => sum + operation.ms, 0);

describe("the operations of a pass", () => {
  const data = madeUpData(completeTables());
  const sizes = fc.record({ batch: fc.integer({ min: 1, max: 512 }), length: fc.integer({ min: 1, max: 65_536 }) });

  it.each([
    ["a plain model", plain],
    ["a mixture of experts", experts],
    ["latent attention", latent],
  ])("add up to the whole: %s", (_title, spec) => {
    for (const sanitise of [true, false]) {
      const engine = openEngine({ ...spec, sanitise }, data);
      fc.assert(
        fc.property(sizes, ({ batch, length }) => {
          const context = engine.context(batch, length).ms;
          const generation = engine.generation(batch, length).ms;
          expect(Math.abs(total(engine.contextOperations(batch, length)) / context - 1)).toBeLessThan(1e-9);
          expect(Math.abs(total(engine.generationOperations(batch, length)) / generation - 1)).toBeLessThan(1e-9);
        }),
        { numRuns: 50 },
      );
    }
  });

  it("are those of a plain model's layers, with sums over its GPUs", () => {
    const engine = openEngine(plain, data);
    expect(names(engine.contextOperations(1, 100))).toEqual([
      "embedding",
      "norm",
      "qkv_gemm",
      "attention",
      "output_gemm",
      "gate_up_gemm",
      "activation",
      "down_gemm",
      "all_reduce",
      "logits_gemm",
      "embedding_all_reduce",
    ]);
    expect(names(openEngine({ ...plain, parallelism: "tp1" }, data).generationOperations(1, 100))).not.toContain(
      "all_reduce",
    );
  });

  it("exchange tokens around the experts: sums under tensor parallelism, gathering under data parallelism", () => {
    const asked: string[] = [];
    const noting = madeUpData(
      completeTables({
        allReduce: (gpus, elements) => asked.push(`sum over ${gpus}: ${elements}`),
        collective: (kind, gpus, elements) => asked.push(`${kind} over ${gpus}: ${elements}`),
      }),
    );
    openEngine({ ...experts, sanitise: false }, noting).generation(3, 100);
    expect(asked).toContain("sum over 4: 12288");
    asked.length = 0;
    openEngine({ ...experts, parallelism: "dep4", sanitise: false }, noting).generation(3, 100);
    expect(asked).toEqual(["all_gather over 4: 49152", "reduce_scatter over 4: 49152"]);
  });

  it("give the experts the tokens of all attention ranks", () => {
    const tokens: number[] = [];
    const noting = madeUpData(completeTables({ experts: (_shape, _format, count) => tokens.push(count) }));
    openEngine({ ...experts, parallelism: "dep8", sanitise: false }, noting).generation(16, 100);
    expect(tokens).toEqual([128]);
  });

  it("count the longer of shared and routed experts in a step, and both in a prompt", () => {
    const engine = openEngine(latent, data);
    expect(names(engine.contextOperations(1, 100))).toEqual(expect.arrayContaining(["shared_gate_up_gemm", "experts"]));
    const step = names(engine.generationOperations(1, 100));
    expect(step).toContain("experts");
    expect(step).not.toContain("shared_gate_up_gemm");
    const slowShared = madeUpData(completeTables({ gemm: () => 1000 }));
    expect(names(openEngine(latent, slowShared).generationOperations(1, 100))).toContain("shared_gate_up_gemm");
  });

  it("skip what a cached prefix has: its tokens, and its share of the causal square", () => {
    const engine = openEngine({ ...plain, parallelism: "tp1", sanitise: false }, data);
    const of = (name: string, prefix: number) =>
      engine.contextOperations(1, 4096, prefix).find((operation) => operation.name === name)!.ms;
    expect(of("qkv_gemm", 3072)).toBeCloseTo((10 * (10 + 1024 / 1000)) / 1000, 9);
    // 13.2 µs of each layer's attention don't depend on the prompt.
    const square = (prefix: number) => of("attention", prefix) - of("attention", 4096 - 1e-9);
    expect(square(2048) / square(0)).toBeCloseTo(0.75, 5);
  });
});

describe("where a time comes from", () => {
  it("is told of the whole and of each operation; the least trustworthy part names the whole", () => {
    const engine = openEngine(experts, madeUpData(completeTables({ experts: () => Number.NaN })));
    const origins = new Map(engine.contextOperations(1, 512).map(({ name, origin }) => [name, origin]));
    expect(origins.get("qkv_gemm")).toBe("table");
    expect(origins.get("experts")).toBe("analytic");
    expect(engine.context(1, 512).origin).toBe("analytic");
    expect(openEngine(experts, madeUpData(completeTables())).context(1, 512).origin).toBe("table");
  });

  it("is another backend's table of the same GPU before the analytic kernels", () => {
    const own = completeTables({ gemm: () => Number.NaN });
    const other = completeTables({ backend: "trtllm", gemm: () => 42 });
    const row = (data: ReturnType<typeof madeUpData>) =>
      openEngine({ ...plain, sanitise: false }, data)
        .contextOperations(1, 512)
        .find((operation) => operation.name === "qkv_gemm")!;
    expect(row(madeUpData(own, other))).toEqual({ name: "qkv_gemm", ms: 0.42, origin: "scaled", adjusted: false });
    expect(row(madeUpData(own)).origin).toBe("analytic");
  });

  it("is the analytic kernels alone on a GPU without tables, and where they are asked for", () => {
    const data = madeUpData(completeTables());
    expect(openEngine({ ...plain, system: "h100_pcie" }, data).context(1, 512).origin).toBe("analytic");
    expect(openEngine({ ...plain, method: "analytic" }, data).context(1, 512).origin).toBe("analytic");
    expect(openEngine(plain, madeUpData(madeUpTables())).generation(1, 512).origin).toBe("analytic");
  });
});

describe("a mean over an output", () => {
  it("samples every 32nd step at its own context", () => {
    const contexts: number[] = [];
    const data = madeUpData(
      completeTables({ generationAttention: (_kv, _shape, _batch, context) => (contexts.push(context) ? context : 0) }),
    );
    const engine = openEngine({ ...plain, sanitise: false }, data);
    const { ms } = engine.meanGeneration(4, 1000, 70);
    expect(contexts).toEqual([1001, 1033, 1065]);
    const at = (context: number) => engine.generation(4, context).ms;
    expect(ms).toBeCloseTo((32 * at(1001) + 32 * at(1033) + 5 * at(1065)) / 69, 12);
  });
});

describe("a pass that mixes chunks and decoding", () => {
  it("runs products over all tokens together, and attention of each kind apart", () => {
    const rows = new Set<number>();
    const prompts: number[][] = [];
    const steps: number[][] = [];
    const data = madeUpData(
      completeTables({
        gemm: (_format, m) => rows.add(m).size * 0 + 10,
        contextAttention: (_fmha, _kv, _shape, batch, tokens) => prompts.push([batch, tokens]) * 0 + 100,
        generationAttention: (_kv, _shape, batch, context) => steps.push([batch, context]) * 0 + 50,
      }),
    );
    const engine = openEngine({ ...plain, parallelism: "tp1", sanitise: false }, data);
    const half = engine.mixedStep(1024, 8, 2048, 256).ms;
    expect([...rows].sort((a, b) => a - b)).toEqual([1, 1032]);
    expect(prompts).toEqual([[1, 2048]]);
    expect(steps).toEqual([[8, 2048 + 128 + 1]]);
    prompts.length = 0;
    engine.mixedStep(4096, 8, 2048, 256);
    expect(prompts).toEqual([[2, 2048]]);
    // A prompt in two chunks pays half of its attention in each.
    const whole = engine.mixedStep(2048, 8, 2048, 256).ms;
    expect(whole).toBeGreaterThan(half);
  });
});
