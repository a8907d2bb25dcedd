import { styleText } from "node:util";
import { Command } from "commander";
import { UserError } from "#common";
import { agreementPercent, type EstimatorConformance, regretPercent, runEstimatorConformance } from "#src/conformance";
import { textTable } from "../../text-table.ts";

interface Flags {
  raw?: true;
  only?: string;
  json?: true;
}

type ModelComparison = EstimatorConformance["models"][number];

/** `understudy conformance estimator DIR`: the built-in estimator against recorded answers of the AI configurator. */
export function estimatorConformanceCommand(): Command {
  return new Command("estimator")
    .description(
      "compare the built-in estimator with recorded answers of the AI configurator: times, memory, layouts picked",
    )
    .argument("<dir>", "folder of recorded models (.json with model, isl, batch, context and entries)")
    .option("--raw", "only the tables as they are; by default what users get, with artefacts bounded, is shown too")
    .option("--only <text>", "only models whose name or file contains this")
    .option("--json", "print one JSON document instead of tables")
    .addHelpText(
      "after",
      `
The verdict is that of the unsanitised tables: mean error of TTFT and ITL by class (dense and expert models 3 %, the analytic
kernels alone 12 % on GPUs joined by NVLink), memory within 5e-5, and how often an SLA picks the same layout (dense 95 %,
expert models 90 %). Exit code 1 when one fails.

Examples:
  $ understudy conformance estimator recorded/estimator
  $ understudy conformance estimator recorded/estimator --raw --only qwen3-32b --json`,
    )
    .action((dir: string, flags: Flags) => {
      const only = flags.only === undefined ? {} : { only: flags.only };
      const raw = runEstimatorConformance(dir, only);
      if (raw.models.length === 0) throw nothingMatches(dir, flags.only);
      const sanitised = flags.raw ? undefined : runEstimatorConformance(dir, { ...only, sanitise: true });
      if (flags.json) {
        const document = {
          dir,
          passed: raw.passed,
          raw: plain(raw),
          ...(sanitised ? { sanitised: plain(sanitised) } : {}),
        };
        process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
      } else {
        process.stdout.write(`${report("Tables as they are", raw)}${verdicts(raw)}`);
        if (sanitised) process.stdout.write(`\n${report("What users get, artefacts bounded", sanitised)}`);
      }
      if (!raw.passed) process.exitCode = 1;
    });
}

const NUMBERS = ["TTFT MAPE", "p90", "ITL MAPE", "p90"];

function report(title: string, result: EstimatorConformance): string {
  const rows = result.models.map((model) => [model.model, ...modelCells(model)]);
  const head = ["model", "entries", ...NUMBERS, "analytic", "", "memory", "picks", "regret"];
  const classes = (["dense", "moe", "gaps", "analytic"] as const).map((name) => {
    const { ttft, itl } = result.totals[name];
    return [name, String(ttft.count + itl.count), ...errorCells(ttft, itl)];
  });
  return `${styleText("bold", title)}\n${textTable(head, rows)}\n${textTable(["class", "points", ...NUMBERS], classes)}\n`;
}

function modelCells(model: ModelComparison): string[] {
  const { ttft, itl } = model.errors[model.moe ? "moe" : "dense"];
  const { analytic } = model.errors;
  return [
    String(model.entries),
    ...errorCells(ttft, itl),
    percent(analytic.ttft.mapePercent),
    percent(analytic.itl.mapePercent),
    model.memory.count === 0 ? "–" : model.memory.largestPercent.toExponential(0),
    `${percent(agreementPercent(model.prefill))} ${percent(agreementPercent(model.decode))}`,
    `${percent(regretPercent(model.prefill))} ${percent(regretPercent(model.decode))}`,
  ];
}

type Errors = ModelComparison["memory"];

function errorCells(ttft: Errors, itl: Errors): string[] {
  return [ttft.mapePercent, ttft.p90Percent, itl.mapePercent, itl.p90Percent].map(percent);
}

function percent(value: number): string {
  return Number.isNaN(value) ? "–" : value.toFixed(1);
}

function verdicts(result: EstimatorConformance): string {
  const lines = result.verdicts.map(({ what, found, limit, passed }) => {
    if (Number.isNaN(found)) return `${styleText("dim", "  –  ")} ${what}: nothing compared`;
    const mark = passed ? styleText("green", "pass ") : styleText("red", "FAIL ");
    return `${mark} ${what}: ${Number(found.toPrecision(3))}, limit ${limit}`;
  });
  const refusals = result.models.flatMap((model) => model.refusals.map((refusal) => `      ${model.model} ${refusal}`));
  return `${[...lines, ...refusals].join("\n")}\n`;
}

function plain({ models, totals, agreement, verdicts, passed }: EstimatorConformance) {
  const errors = (of: Errors) => ({
    points: of.count,
    mapePercent: of.mapePercent,
    p90Percent: of.p90Percent,
    largestPercent: of.largestPercent,
  });
  const classes = (of: EstimatorConformance["totals"]) =>
    Object.fromEntries(
      Object.entries(of).map(([name, { ttft, itl }]) => [name, { ttft: errors(ttft), itl: errors(itl) }]),
    );
  return {
    passed,
    verdicts,
    classes: classes(totals),
    agreement,
    models: models.map((model) => ({
      file: model.file,
      model: model.model,
      entries: model.entries,
      skipped: model.skipped,
      classes: classes(model.errors),
      memory: errors(model.memory),
      prefill: model.prefill,
      decode: model.decode,
      refusals: model.refusals,
    })),
  };
}

function nothingMatches(dir: string, only: string | undefined): UserError {
  return new UserError({
    code: "CLI_CONFORMANCE_NOTHING",
    where: "--only",
    message: `no model in ${dir} has ${JSON.stringify(only)} in its name`,
  });
}
