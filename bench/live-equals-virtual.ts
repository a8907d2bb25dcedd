/**
 * `node bench/live-equals-virtual.ts`: live runs held against their virtual twins: ten minutes on a faster clock and two minutes
 * in real time, aggregated and disaggregated. Exit code 1 where counts or decisions differ, or times by more than is allowed.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Comparison, compareRuns, type LiveRun, runLive } from "#src/live";
import { prepareRehearsal } from "#src/rehearsal";
import { LIVE_CASES, type TimedCase } from "./live-case-set.ts";
import { writeLiveCase } from "./live-cases.ts";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    "time-scale": { type: "string" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});

interface CaseResult {
  name: string;
  timeScale: number;
  comparison: Comparison;
  lag: LiveRun["lag"];
  warnings: string[];
}

if (flags.help) {
  console.log(`node bench/live-equals-virtual.ts [options]
  --only TEXT      cases whose name contains TEXT
  --time-scale K   for all cases, instead of each one's own
  --json FILE      write all figures`);
} else {
  process.exitCode = await main();
}

async function main(): Promise<number> {
  const results: CaseResult[] = [];
  for (const live of LIVE_CASES.filter(({ name }) => name.includes(flags.only))) results.push(await held(live));
  console.log(table(results).join("\n"));
  for (const { name, warnings } of results) for (const text of warnings) console.error(`${name}: ${text}`);
  if (flags.json !== undefined) writeFileSync(flags.json, `${JSON.stringify(results, null, 1)}\n`);
  const broken = results.flatMap(promises);
  for (const line of broken) console.log(`BROKEN  ${line}`);
  return broken.length === 0 ? 0 : 1;
}

async function held(live: TimedCase): Promise<CaseResult> {
  const folder = mkdtempSync(join(tmpdir(), "understudy-live-case-"));
  try {
    const rehearsal = prepareRehearsal(writeLiveCase(live, folder));
    const virtual = rehearsal.run();
    const timeScale = flags["time-scale"] === undefined ? live.timeScale : Number(flags["time-scale"]);
    process.stderr.write(`${live.name}: ${(virtual.endMs / 1000 / timeScale).toFixed(0)} s\n`);
    const run = await runLive(rehearsal, { timeScale });
    return {
      name: live.name,
      timeScale,
      comparison: compareRuns(run.record, virtual),
      lag: run.lag,
      warnings: run.warnings,
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A Markdown table, a column per case. */
function table(results: CaseResult[]): string[] {
  const measures = results[0]?.comparison.values.map(({ name }) => name) ?? [];
  const line = (cells: string[]) => `| ${cells.join(" | ")} |`;
  const lagOf = ({ lag, timeScale }: CaseResult) =>
    [...lag.processes, { name: "client", lag: lag.client }]
      .map(({ name, lag: { meanMs, p99Ms } }) => `${name} ${ms(meanMs * timeScale)} (p99 ${ms(p99Ms * timeScale)})`)
      .join("<br>");
  return [
    line(["deviation", ...results.map(({ name }) => name)]),
    line(["---", ...results.map(() => "---")]),
    line(["time scale", ...results.map(({ timeScale }) => String(timeScale))]),
    ...measures.map((measure, i) => line([measure, ...results.map(({ comparison }) => cell(comparison.values[i]!))])),
    line(["requests that differ", ...results.map(({ comparison }) => String(comparison.differingRequests))]),
    line(["ticks with the same decision", ...results.map(({ comparison: { decisions } }) => ticks(decisions))]),
    line(["late, model ms: mean (p99)", ...results.map(lagOf)]),
  ];
}

function cell({ unit, live, virtual, deviation }: Comparison["values"][number]): string {
  if (unit === "requests" || unit === "tokens") return live === virtual ? `0 of ${virtual}` : `${live} for ${virtual}`;
  return Number.isFinite(deviation) ? `${deviation < 0 ? "−" : "+"}${Math.abs(100 * deviation).toFixed(2)} %` : "–";
}

function ticks({ same, live, virtual }: Comparison["decisions"]): string {
  return `${same} of ${Math.max(live, virtual)}`;
}

function ms(value: number): string {
  return value.toFixed(2);
}

function promises({ name, comparison: { values, differingRequests, decisions } }: CaseResult): string[] {
  const beyond = values.filter(({ within }) => !within);
  return [
    ...beyond.map(
      (value) =>
        `${name}: ${value.name} is ${value.live} live and ${value.virtual} virtual, ${(100 * value.deviation).toFixed(2)} % apart`,
    ),
    ...(differingRequests > 0 ? [`${name}: ${differingRequests} requests differ in tokens or prefix hits`] : []),
    ...(decisions.first === null ? [] : [`${name}: decisions differ from tick ${decisions.first.tick} on`]),
  ];
}
