import { styleText } from "node:util";
import { Command } from "commander";
import { buildSurface, loadProfile, type Profile, type Surface, validateProfile } from "#profiles";
import { textTable } from "../../text-table.ts";
import { positiveNumber } from "../../values.ts";
import { findingCounts } from "./findings.ts";
import { type SurfaceFlag, withSurfaceOption } from "./options.ts";

interface InspectFlags extends SurfaceFlag {
  isl: number;
  osl: number;
  itl: number[];
  json?: true;
}

const DEFAULT_ITLS = [5, 10, 20, 30, 50];

/** `understudy profiles inspect` */
export function inspectCommand(): Command {
  return withSurfaceOption(
    new Command("inspect")
      .description("what a profile was measured on, and what its engines can do")
      .argument("<profile>", "a shipped name, a folder or a file")
      .option("--isl <tokens>", "input length to plan for", positiveNumber("--isl"), 3000)
      .option("--osl <tokens>", "output length to plan for", positiveNumber("--osl"), 300)
      .option("--itl <ms...>", "ITL targets", collected(positiveNumber("--itl")), DEFAULT_ITLS)
      .option("--json", "print one JSON document"),
  )
    .addHelpText(
      "after",
      `
Examples:
  $ understudy profiles inspect h200-llama-3.1-8b-fp8-tp1-estimate
  $ understudy profiles inspect profiling_results/ --isl 4000 --osl 150 --itl 10 --surface compat`,
    )
    .action((name: string, flags: InspectFlags) => {
      const profile = loadProfile(name);
      const report = describe(profile, buildSurface(profile, flags.surface), flags);
      process.stdout.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : text(report));
    });
}

type Report = ReturnType<typeof describe>;

function describe(profile: Profile, surface: Surface, { isl, osl, itl }: InspectFlags) {
  const { prefill, decode } = profile;
  const prefillThroughput = surface.prefillThroughputPerGpu(isl);
  return {
    name: profile.name,
    provenance: profile.provenance,
    surface: surface.family,
    prefill: { points: prefill.isl.length, isl: extent(prefill.isl), ttftMs: extent(prefill.ttftMs) },
    decode: {
      points: decode.kvUsage.length,
      contextLength: extent(decode.contextLength),
      kvUsage: extent(decode.kvUsage),
      itlMs: extent(decode.itlMs),
      maxKvTokens: decode.maxKvTokens,
    },
    at: {
      isl,
      osl,
      ttftMs: surface.ttftMs(isl),
      prefillTokensPerSecondPerGpu: prefillThroughput,
      prefillRequestsPerSecondPerGpu: prefillThroughput / isl,
      prefillExtrapolated: surface.extrapolatesPrefill(isl),
      // A sequence is on average half its output longer than its prompt.
      decode: itl.map((targetMs) => {
        const context = isl + osl / 2;
        const best = surface.bestThroughputPerGpu(targetMs, context);
        return {
          targetItlMs: targetMs,
          held: best.itlMs <= targetMs,
          itlMs: best.itlMs,
          kvUsage: best.kvUsage,
          requests: (best.kvUsage * decode.maxKvTokens) / context,
          tokensPerSecondPerGpu: best.throughputPerGpu,
          requestsPerSecondPerGpu: best.throughputPerGpu / osl,
          extrapolated: surface.extrapolates(best.kvUsage, context),
        };
      }),
    },
    findings: validateProfile(profile),
  };
}

function text(report: Report): string {
  const { provenance, prefill, decode, at } = report;
  const facts: [string, string | undefined][] = [
    ["model", provenance.model],
    ["GPU", provenance.gpu],
    ["engine", [provenance.backend, provenance.backendVersion].filter(Boolean).join(" ")],
    ["layout", provenance.parallelism],
    ["GPUs", gpus(provenance.gpusPerPrefillEngine, provenance.gpusPerDecodeEngine)],
    ["source", [provenance.source, provenance.date, provenance.tool].filter(Boolean).join(", ")],
    ["note", provenance.note],
    ["prefill", `${prefill.points} points, ${span(prefill.isl)} tokens: TTFT ${span(prefill.ttftMs)} ms`],
    [
      "decode",
      `${decode.points} points, contexts of ${span(decode.contextLength)} tokens, KV usage ${span(decode.kvUsage.map((share) => 100 * share))} %: ITL ${span(decode.itlMs)} ms`,
    ],
    ["KV capacity", `${decode.maxKvTokens} tokens`],
    ["findings", findingCounts(report.findings) || "none"],
  ];
  const lines = facts
    .filter(([, value]) => value)
    .map(([key, value]) => `${styleText("dim", key.padEnd(12))}${value}\n`);
  const rows = at.decode.map((row) => [
    `${short(row.targetItlMs)} ms`,
    row.held ? `${short(row.itlMs)} ms` : `${short(row.itlMs)} ms (missed)`,
    `${short(100 * row.kvUsage)} %`,
    short(row.requests),
    short(row.tokensPerSecondPerGpu),
    short(row.requestsPerSecondPerGpu),
    row.extrapolated ? "not measured" : "",
  ]);
  const prefillLine =
    `prefill: TTFT ${short(at.ttftMs)} ms, ${short(at.prefillTokensPerSecondPerGpu)} tokens/s and ` +
    `${short(at.prefillRequestsPerSecondPerGpu)} requests/s per GPU${at.prefillExtrapolated ? " (not measured)" : ""}\n`;
  return [
    `${styleText("bold", report.name)}\n`,
    ...lines,
    `\nAt ISL ${at.isl}, OSL ${at.osl} (${report.surface} surfaces):\n`,
    prefillLine,
    "decode, at the highest load that keeps the ITL:\n",
    textTable(["ITL target", "ITL", "KV usage", "requests", "tokens/s/GPU", "requests/s/GPU", ""], rows),
  ].join("");
}

function collected(parse: (text: string) => number): (text: string, previous: number[]) => number[] {
  return (value, previous) => [...(previous === DEFAULT_ITLS ? [] : previous), parse(value)];
}

function extent(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)];
}

function span(values: readonly number[]): string {
  return `${short(values[0]!)} to ${short(values[1]!)}`;
}

function gpus(prefill: number | undefined, decode: number | undefined): string | undefined {
  if (prefill === undefined && decode === undefined) return undefined;
  return `${prefill ?? "?"} a prefill engine, ${decode ?? "?"} a decode engine`;
}

function short(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toString() : String(Number(value.toPrecision(4)));
}
