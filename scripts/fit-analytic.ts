/**
 * Fits the analytic kernels' figures (src/estimator/native/parameters.ts) to the op tables that are shipped: soft-L1 least squares
 * on the logarithm of the ratio, each kind of operation by itself, beginning with the row that serves that GPU now. Prints the
 * columns of a row to paste, and the mean error of each kind before and after.
 *
 *     node scripts/fit-analytic.ts gb200 gb300
 */
import { gpuSystem } from "#src/estimator";
import { analyticTimes, type OpTimes } from "../src/estimator/native/analytic.ts";
import { type AnalyticParameters, analyticParameters, latentParameters } from "../src/estimator/native/parameters.ts";
import { nearestSystem } from "../src/estimator/systems/find.ts";
import { loadOpTables } from "../src/estimator/tables/load.ts";
import type { OpTables } from "../src/estimator/tables/types.ts";
import type { Backend } from "../src/estimator/types.ts";

type Name = keyof AnalyticParameters;
type Ask = (times: OpTimes) => number;

/** A kind of operation: the figures that it alone depends on, and questions about it. */
interface Kind {
  figures: readonly Name[];
  questions(tables: OpTables): Ask[];
}

const TOKENS = [1, 4, 16, 64, 256, 512, 1024, 2048, 4096, 8192, 16_384, 32_768];
const WIDTHS = [1024, 2048, 4096, 8192, 16_384];
const CONTEXTS = [128, 512, 2048, 8192, 32_768];
const KV_HEADS = [1, 2, 4, 8];
const HEAD_SIZE = 128;

const products = (format: string) => (): Ask[] =>
  TOKENS.flatMap((m) =>
    WIDTHS.flatMap((n) =>
      WIDTHS.map(
        (k): Ask =>
          (times) =>
            times.gemm(format, m, n, k),
      ),
    ),
  );
const prompts = (fmha: string) => (): Ask[] =>
  CONTEXTS.flatMap((tokens) =>
    KV_HEADS.map((kvHeads): Ask => {
      const shape = { heads: 8 * kvHeads, kvHeads, headSize: HEAD_SIZE };
      return (times) => times.contextAttention(fmha, fmha, shape, 1, tokens);
    }),
  );
const experts =
  (format: string) =>
  (tables: OpTables): Ask[] =>
    tables.expertBlocks
      .filter((block) => block.format === format)
      .flatMap(({ shape }) =>
        TOKENS.flatMap((tokens) =>
          [1, 2, 4, 8].flatMap((gpus): Ask[] => [
            (times) => times.experts(shape, format, tokens, gpus, 1),
            (times) => times.experts(shape, format, tokens, 1, gpus),
          ]),
        ),
      );

const KINDS: readonly Kind[] = [
  { figures: ["gemmCompute", "gemmMemory", "gemmFixedUs", "gemmExponent"], questions: products("bfloat16") },
  { figures: ["gemm8Compute", "gemm8Memory", "gemm8FixedUs"], questions: products("fp8_block") },
  { figures: ["contextCompute", "contextMemory", "contextFixedUs"], questions: prompts("bfloat16") },
  { figures: ["context8Compute"], questions: prompts("fp8") },
  {
    figures: ["generationMemory", "generationFixedUs", "generationExtraTokens", "generationKneeUs"],
    questions: () =>
      TOKENS.slice(0, 6).flatMap((batch) =>
        CONTEXTS.flatMap((context) =>
          KV_HEADS.map((kvHeads): Ask => {
            const shape = { heads: 8 * kvHeads, kvHeads, headSize: HEAD_SIZE };
            return (times) => times.generationAttention("bfloat16", shape, batch, context);
          }),
        ),
      ),
  },
  {
    figures: ["linkEfficiency", "allReduceFixedUs", "allReduceKneeUs"],
    questions: () =>
      [2, 4, 8].flatMap((gpus) =>
        TOKENS.map(
          (m): Ask =>
            (times) =>
              times.allReduce(gpus, m * 4096),
        ),
      ),
  },
  {
    figures: ["collectiveFixedUs"],
    questions: () =>
      [2, 4, 8].flatMap((gpus) =>
        TOKENS.map(
          (m): Ask =>
            (times) =>
              times.collective("all_gather", gpus, m * 4096),
        ),
      ),
  },
  {
    figures: [
      "expertsCompute",
      "expertsMemory",
      "expertsFixedUs",
      "expertsExponent",
      "expertsImbalance",
      "expertsDistinct",
    ],
    questions: experts("bfloat16"),
  },
  { figures: ["experts8Compute", "experts8Memory"], questions: experts("fp8_block") },
];

/** Figures of a share stay shares of something real; an efficiency of 4 is none. */
const LARGEST: Partial<Record<Name, number>> = { gemm8FixedUs: 200, expertsFixedUs: 200, expertsImbalance: 8 };

for (const name of process.argv.slice(2)) {
  const system = gpuSystem(name);
  for (const backend of ["trtllm", "vllm", "sglang"] as const) fitRow(system, backend);
}

function fitRow(system: ReturnType<typeof gpuSystem>, backend: Backend): void {
  const tables = loadOpTables(system.name, backend);
  if (tables === null) return;
  const latent = latentParameters(system.smVersion, backend);
  let row = analyticParameters(backend, system, (candidates) => nearestSystem(system, candidates), false);
  for (const { figures, questions } of KINDS) {
    const asked = questions(tables).map((ask) => ({ ask, us: ask(tables) }));
    const answered = asked.filter(({ us }) => Number.isFinite(us) && us > 0);
    if (answered.length < 4 * figures.length) continue;
    const ratios = (candidate: AnalyticParameters) => {
      const times = analyticTimes(system, candidate, latent);
      return answered.map(({ ask, us }) => Math.log(ask(times) / us));
    };
    const withFigures = (logs: readonly number[]) => ({
      ...row,
      ...Object.fromEntries(figures.map((figure, i) => [figure, Math.min(LARGEST[figure] ?? 150, Math.exp(logs[i]!))])),
    });
    const cost = (logs: readonly number[]) =>
      ratios(withFigures(logs)).reduce((sum, r) => sum + 2 * (Math.sqrt(1 + (r / 0.1) ** 2) - 1), 0);
    const percent = (candidate: AnalyticParameters) =>
      (100 * ratios(candidate).reduce((sum, r) => sum + Math.abs(Math.expm1(r)), 0)) / answered.length;
    const before = percent(row);
    row = withFigures(
      minimise(
        cost,
        figures.map((figure) => Math.log(row[figure])),
      ),
    );
    console.error(`${system.name}/${backend} ${figures[0]}: ${before.toFixed(1)} % → ${percent(row).toFixed(1)} %`);
  }
  const columns = Object.values(row).map((value) => Number(value.toPrecision(4)));
  console.log(`  "${system.name}/${backend}": [${columns.join(", ")}],`);
}

/** Nelder and Mead's simplex (The Computer Journal 7, 1965), from `start`, with steps of a fifth. */
function minimise(cost: (at: readonly number[]) => number, start: readonly number[]): number[] {
  const corner = (at: number[]) => ({ at, cost: cost(at) });
  const simplex = [start, ...start.map((_, i) => start.map((value, j) => (i === j ? value + 0.2 : value)))].map((at) =>
    corner([...at]),
  );
  for (let round = 0; round < 250 * start.length; round++) {
    simplex.sort((a, b) => a.cost - b.cost);
    const worst = simplex.pop()!;
    const middle = start.map((_, i) => simplex.reduce((sum, { at }) => sum + at[i]!, 0) / simplex.length);
    const along = (factor: number) => corner(middle.map((value, i) => value + factor * (value - worst.at[i]!)));
    const reflected = along(1);
    if (reflected.cost < simplex[0]!.cost) {
      const further = along(2);
      simplex.push(further.cost < reflected.cost ? further : reflected);
    } else if (reflected.cost < simplex.at(-1)!.cost) simplex.push(reflected);
    else {
      const nearer = along(-0.5);
      if (nearer.cost < worst.cost) simplex.push(nearer);
      else {
        const best = simplex[0]!.at;
        const all = [...simplex, worst].map(({ at }) => corner(at.map((value, i) => (value + best[i]!) / 2)));
        simplex.splice(0, simplex.length, ...all);
      }
    }
  }
  return simplex.reduce((best, next) => (next.cost < best.cost ? next : best)).at;
}
