import { styleText } from "node:util";
import { Command } from "commander";
import { type DiffSummary, diffProfiles, loadProfile, type ProfileDiff } from "#profiles";
import { textTable } from "../../text-table.ts";
import { positiveNumber } from "../../values.ts";

interface DiffFlags {
  failAbove?: number;
  json?: true;
}

/** `understudy profiles diff` */
export function diffCommand(): Command {
  return new Command("diff")
    .description("compare two profiles at the points of the first")
    .argument("<a>", "a shipped name, a folder or a file")
    .argument("<b>", "the one that is compared with it")
    .option("--fail-above <percent>", "exit code 1 where a mean difference is larger", positiveNumber("--fail-above"))
    .option("--json", "print one JSON document")
    .addHelpText(
      "after",
      `
Where B has no sample at a point of A, its robust surfaces answer; points beyond what B measured are left out.

Examples:
  $ understudy profiles diff h100-llama-3.1-8b-fp8-tp1-estimate h200-llama-3.1-8b-fp8-tp1-estimate
  $ understudy profiles diff last-week/ today/ --fail-above 5`,
    )
    .action((a: string, b: string, flags: DiffFlags) => {
      const diff = diffProfiles(loadProfile(a), loadProfile(b));
      process.stdout.write(flags.json ? `${JSON.stringify(diff, null, 2)}\n` : text(diff));
      const largest = Math.max(...summaries(diff).map(([, summary]) => summary.meanAbsoluteDifference));
      if (flags.failAbove !== undefined && 100 * largest > flags.failAbove) process.exitCode = 1;
    });
}

function summaries(diff: ProfileDiff): [string, DiffSummary][] {
  return [
    ["TTFT (ms)", diff.ttftMs],
    ["ITL (ms)", diff.itlMs],
    ["prefill tokens/s/GPU", diff.prefillThroughputPerGpu],
    ["decode tokens/s/GPU", diff.decodeThroughputPerGpu],
  ];
}

function text(diff: ProfileDiff): string {
  const origin = diff.provenance.map(({ key, a, b }) => [key, shown(a), shown(b)]);
  const { a, b } = diff.maxKvTokens;
  const rows = summaries(diff).map(([name, summary]) => [
    name,
    `${summary.compared} of ${summary.of}`,
    summary.compared > 0 ? percent(summary.meanDifference) : "–",
    summary.compared > 0 ? percent(summary.meanAbsoluteDifference).replace("+", "") : "–",
    summary.largest
      ? `${percent(summary.largest.difference)} (${short(summary.largest.a)} → ${short(summary.largest.b)} at ${summary.largest.at})`
      : "–",
  ]);
  return [
    diff.identical ? `${styleText("green", "equal")}: all samples are the same\n` : "",
    origin.length > 0 ? `${textTable(["origin", "A", "B"], origin)}\n` : "",
    a === b ? `KV capacity: ${a} tokens\n` : `KV capacity: ${a} → ${b} tokens (${percent(b / a - 1)})\n`,
    "\n",
    textTable(["B compared with A", "points", "mean", "mean size", "largest"], rows),
  ].join("");
}

function shown(value: unknown): string {
  const plain = value === null ? "–" : String(value);
  return plain.length > 48 ? `${plain.slice(0, 47)}…` : plain;
}

function percent(share: number): string {
  return `${share >= 0 ? "+" : ""}${(100 * share).toFixed(1)} %`;
}

function short(value: number): string {
  return Math.abs(value) >= 1000 ? Math.round(value).toString() : String(Number(value.toPrecision(4)));
}
