import { Command } from "commander";
import { UserError, writeFileAtomically } from "#common";
import { plannerConfigSchema } from "#planner/core";
import {
  buildWorkload,
  parseTraffic,
  readScenario,
  scenarioWorkload,
  type TrafficEntry,
  traceBlockTokens,
  traceLines,
  type Workload,
} from "#scenarios";
import { numberArgument } from "./number-argument.ts";

interface OutputFlags {
  seed: number;
  output?: string;
}

/** `understudy trace generate` */
export function generateCommand(): Command {
  return new Command("generate")
    .description("write a trace from a shape of traffic, a scenario or the sinusoidal load generator")
    .addCommand(
      withOutput(new Command("shape"))
        .description("from traffic as a scenario has it")
        .argument("<yaml>", "one entry of traffic:, or a list of them")
        .addHelpText(
          "after",
          `
Examples:
  $ understudy trace generate shape 'constant: { requestRate: 20, isl: 3000, osl: 300, duration: 5m }' -o flat.jsonl
  $ understudy trace generate shape 'mmpp: { requestRate: { states: [ { rate: 6, stay: 60s }, { rate: 24, stay: 30s } ] },
      isl: 3000, osl: { lognormal: { mean: 300, sigma: 0.3 } }, duration: 30m }' --seed 7 > bursts.jsonl`,
        )
        .action((yaml: string, flags: OutputFlags) => {
          write(buildWorkload(parseTraffic(yaml, "shape"), { seed: flags.seed }), flags.output);
        }),
    )
    .addCommand(
      withOutput(new Command("scenario"), null)
        .description("from the traffic of a scenario file, with its seed unless --seed is given")
        .argument("<file>", "scenario (YAML)")
        .addHelpText(
          "after",
          `
Example:
  $ understudy trace generate scenario scenarios/library/flash-crowd.yaml -o flash-crowd.jsonl`,
        )
        .action((file: string, flags: { seed?: number; output?: string }) => {
          const scenario = readScenario(file, { plannerSchema: plannerConfigSchema });
          write(scenarioWorkload({ ...scenario, seed: flags.seed ?? scenario.seed }), flags.output);
        }),
    )
    .addCommand(sinusoidCommand());
}

interface SinusoidFlags extends OutputFlags {
  blockSize: number;
  totalBlocks: number;
  timeDuration: number;
  processInterval: number;
  requestRateMin: number;
  requestRateMax: number;
  requestRatePeriod: number;
  isl1: number;
  osl1: number;
  isl2: number;
  osl2: number;
  islOslRatioMin: number;
  islOslRatioMax: number;
  islOslRatioPeriod: number;
}

/** The flags and defaults of Dynamo's sinusoidal load generator (sin_synth.py); times in seconds. */
function sinusoidCommand(): Command {
  const number = (least: number, whole = false) => numberArgument(least, whole);
  return withOutput(new Command("sinusoid"))
    .description("sinusoidal request rate and mix of two kinds of requests, as Dynamo's load generator makes it")
    .option("--time-duration <s>", "length of the trace", number(1e-3), 100)
    .option("--process-interval <s>", "step of the sinusoids; the arrivals of a step are Poisson", number(1e-3), 1)
    .option("--request-rate-min <rate>", "requests/s", number(0), 5)
    .option("--request-rate-max <rate>", "requests/s", number(0), 10)
    .option("--request-rate-period <s>", "from one minimum to the next", number(1e-3), 10)
    .option("--isl1 <tokens>", "input length of the first kind", number(1, true), 100)
    .option("--osl1 <tokens>", "output length of the first kind", number(1, true), 2000)
    .option("--isl2 <tokens>", "input length of the second kind", number(1, true), 5000)
    .option("--osl2 <tokens>", "output length of the second kind", number(1, true), 100)
    .option("--isl-osl-ratio-min <share>", "least share of the first kind (0..1)", number(0), 0.2)
    .option("--isl-osl-ratio-max <share>", "largest share of the first kind (0..1)", number(0), 0.8)
    .option("--isl-osl-ratio-period <s>", "from one minimum to the next", number(1e-3), 10)
    .option("--block-size <tokens>", "tokens of a block", number(1, true), 512)
    .option("--total-blocks <count>", "size of the pool that blocks are drawn from", number(1, true), 10_000)
    .addHelpText(
      "after",
      `
Example:
  $ understudy trace generate sinusoid --time-duration 1800 --request-rate-min 5 --request-rate-max 45 \\
      --request-rate-period 600 --isl1 3000 --osl1 300 --isl2 3000 --osl2 300 -o sin.jsonl`,
    )
    .action((flags: SinusoidFlags) => {
      write(buildWorkload([sinusoidEntry(flags)], { seed: flags.seed }), flags.output);
    });
}

function sinusoidEntry(flags: SinusoidFlags): TrafficEntry {
  ordered("--request-rate-min", flags.requestRateMin, flags.requestRateMax);
  ordered("--isl-osl-ratio-min", flags.islOslRatioMin, flags.islOslRatioMax);
  ordered("--isl-osl-ratio-max", flags.islOslRatioMax, 1);
  return {
    kind: "open",
    startMs: 0,
    durationMs: flags.timeDuration * 1000,
    rate: {
      kind: "sinusoid",
      min: flags.requestRateMin,
      max: flags.requestRateMax,
      periodMs: flags.requestRatePeriod * 1000,
      phase: 0,
    },
    arrivals: { kind: "binned", stepMs: flags.processInterval * 1000 },
    content: {
      patterns: [
        {
          share: { min: flags.islOslRatioMin, max: flags.islOslRatioMax, periodMs: flags.islOslRatioPeriod * 1000 },
          isl: { kind: "fixed", value: flags.isl1 },
          osl: { kind: "fixed", value: flags.osl1 },
        },
        { share: null, isl: { kind: "fixed", value: flags.isl2 }, osl: { kind: "fixed", value: flags.osl2 } },
      ],
      sessions: null,
      prefix: { kind: "pool", blocks: flags.totalBlocks },
      blockTokens: flags.blockSize,
    },
  };
}

function ordered(flag: string, low: number, high: number): void {
  if (low <= high) return;
  throw new UserError({ code: "CLI_TRACE_FLAG", where: flag, message: `found ${low}, expected at most ${high}` });
}

function withOutput(command: Command, seed: number | null = 1): Command {
  command.option("-o, --output <file>", "write to this file instead of stdout");
  const parse = numberArgument(0, true);
  if (seed === null) return command.option("--seed <number>", "seed of everything random", parse);
  return command.option("--seed <number>", "seed of everything random", parse, seed);
}

/** Lines are joined in pieces, so that a long trace costs few writes. */
const LINES_PER_WRITE = 2000;

function write(workload: Workload, output: string | undefined): void {
  const pieces: string[] = [];
  let lines: string[] = [];
  const flush = () => {
    const piece = lines.length === 0 ? "" : `${lines.join("\n")}\n`;
    if (output === undefined) process.stdout.write(piece);
    else pieces.push(piece);
    lines = [];
  };
  for (const line of traceLines(workload)) {
    if (lines.push(line) === LINES_PER_WRITE) flush();
  }
  flush();
  if (output !== undefined) writeFileAtomically(output, pieces.join(""));
  const block = traceBlockTokens(workload);
  // Where requests wait for others the trace has a header that tells it.
  const told = workload.dependencies === undefined ? " (readers must be told)" : "";
  const note = block === 512 ? "" : `, block size ${block}${told}`;
  process.stderr.write(`${workload.count} requests${output === undefined ? "" : ` in ${output}`}${note}\n`);
}
