import { basename } from "node:path";
import { Command } from "commander";
import { writeFileAtomically } from "#common";
import { type ComparedStatistic, entryDocument, type FittedTrace, fitTrace, readTraceFile } from "#scenarios";
import { textTable } from "../../text-table.ts";
import { numberArgument } from "./number-argument.ts";
import { type TraceFlags, traceOptions, withTraceFlags } from "./trace-flags.ts";

interface FitFlags extends TraceFlags {
  output?: string;
  seed: number;
  json?: true;
}

/** `understudy trace fit` */
export function fitCommand(): Command {
  return withTraceFlags(new Command("fit"))
    .description("a scenario whose traffic has a trace's statistics, and how near it comes to them")
    .option("-o, --output <file>", "write the scenario to this file instead of stdout (the table then goes to stdout)")
    .option("--seed <number>", "seed of the scenario, and of what it is compared with", numberArgument(0, true), 1)
    .addHelpText(
      "after",
      `
Fitted are the rate over time, how arrivals scatter around it, lengths and their correlation, sessions (or agents with
their tools and sub-agents, where requests wait for others), and how far prompts begin as earlier ones. Deployment and SLA of the scenario are placeholders: put yours there.

Example:
  $ understudy trace fit scenarios/library/traces/chat-sessions.jsonl -o fitted.yaml
  $ understudy run fitted.yaml`,
    )
    .action((file: string, flags: FitFlags) => {
      const fitted = fitTrace(readTraceFile(file, traceOptions(flags)), file, flags.seed);
      const scenario = entryDocument(fitted.entry, frame(file, flags.seed), COMMENT);
      if (flags.output !== undefined) writeFileAtomically(flags.output, scenario);
      const table = statisticsTable(fitted.statistics) + (fitted.original.durationMs > 0 ? "" : AT_ONCE);
      if (flags.json) process.stdout.write(`${JSON.stringify(document(fitted, scenario), null, 2)}\n`);
      else if (flags.output !== undefined) process.stdout.write(table);
      else {
        process.stdout.write(scenario);
        process.stderr.write(table);
      }
    });
}

const AT_ONCE =
  "All arrivals come at one instant, so there is no rate to fit: the scenario sends as many within a millisecond.\n";
const COMMENT = "Fitted to a trace by `understudy trace fit`. Deployment and SLA are placeholders.";

function frame(file: string, seed: number): Record<string, unknown> {
  const stem = basename(file).replace(/\.jsonl(\.gz)?$/, "");
  const name = `${stem}-fit`.replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
  return {
    name: name.slice(0, 100) || "fit",
    shows: `traffic with the statistics of ${basename(file)}`,
    seed,
    deployment: {
      profile: "h200-llama-3.1-8b-fp8-tp1-estimate",
      mode: "agg",
      agg: { workers: 4, startup: "60s" },
      engine: { prefixCaching: true },
    },
    sla: { ttft: "2s", itl: "25ms" },
  };
}

function document({ entry, original, regenerated, statistics }: FittedTrace, scenario: string): object {
  return { statistics, original, regenerated, entry, scenario };
}

function statisticsTable(statistics: readonly ComparedStatistic[]): string {
  const rows = statistics.map(({ name, unit, original, regenerated, error, isRelative, chance }) => [
    unit === "" ? name : `${name} (${unit})`,
    number(original),
    number(regenerated),
    Number.isNaN(error) ? "–" : isRelative ? `${(error * 100).toFixed(1)} %` : signed(error),
    !Number.isFinite(chance ?? Number.NaN) || Number.isNaN(error) ? "" : `± ${(chance! * 100).toFixed(1)} %`,
  ]);
  return textTable(["statistic", "trace", "scenario", "error", "by chance"], rows);
}

function number(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
}

function signed(value: number): string {
  return `${value < 0 ? "-" : "+"}${Math.abs(value).toFixed(3)}`;
}
