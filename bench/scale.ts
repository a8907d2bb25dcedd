/** `npm run bench -- --large`: what very large rehearsals cost, planner in the loop or not, each in a process of its own. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { measure } from "./processes.ts";
import { SCALE_ROWS, type ScaleRow } from "./scale-rows.ts";

/** What a process of `scale-process.ts` tells. */
export interface ScaleResult {
  row: ScaleRow;
  requests: number;
  attainment: number;
  peakGpus: number;
  decisions: number;
  cpuSeconds: number;
  runSeconds: number;
  peakRssBytes: number;
}

/** Fewer requests than this share of a row's own are no measurement of its promise. */
const WHOLE = 0.99;
const PROCESS = fileURLToPath(new URL("scale-process.ts", import.meta.url));

export interface ScaleBenchOptions {
  only: string;
  /** Requests in place of the rows' own. */
  requests: number | null;
  json: string | null;
  progress: (text: string) => void;
}

/** Measures, prints the table, and says whether every promise held. */
export async function runScaleBench({ only, requests, json, progress }: ScaleBenchOptions): Promise<boolean> {
  const results: ScaleResult[] = [];
  for (const row of SCALE_ROWS.filter(({ name }) => name.includes(only))) {
    progress(row.name);
    const measured = await measure(process.execPath, [PROCESS, row.name, String(requests ?? row.requests)]);
    results.push({ row, ...(measured as Omit<ScaleResult, "row">) });
  }
  progress("");
  console.log(scaleTable(results).join("\n"));
  if (json !== null) writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
  const broken = brokenScalePromises(results);
  for (const line of broken) console.log(`BROKEN  ${line}`);
  return broken.length === 0;
}

export function scaleTable(results: readonly ScaleResult[]): string[] {
  return [
    "| row | requests | CPU s | promised | peak MB | promised | GPUs | ticks | SLA kept |",
    "|---|---|---|---|---|---|---|---|---|",
    ...results.map(({ row, requests, cpuSeconds, peakRssBytes, peakGpus, decisions, attainment }) => {
      const mega = (bytes: number) => Math.round(bytes / 1e6);
      const cells = [
        row.name,
        requests.toLocaleString("en"),
        cpuSeconds.toFixed(1),
        row.promisedSeconds,
        mega(peakRssBytes),
        mega(row.promisedBytes),
        peakGpus,
        decisions,
        `${(100 * attainment).toFixed(1)} %`,
      ];
      return `| ${cells.join(" | ")} |`;
    }),
  ];
}

/** One line for each promise that does not hold; rows of fewer requests than their own promise nothing. */
export function brokenScalePromises(results: readonly ScaleResult[]): string[] {
  return results.flatMap(({ row, requests, cpuSeconds, peakRssBytes }) => {
    if (requests < WHOLE * row.requests) return [];
    const broken: string[] = [];
    if (!(cpuSeconds <= row.promisedSeconds))
      broken.push(`${row.name}: ${cpuSeconds.toFixed(1)} CPU s, promised ${row.promisedSeconds}`);
    if (!(peakRssBytes <= row.promisedBytes))
      broken.push(`${row.name}: ${(peakRssBytes / 1e6).toFixed(0)} MB, promised ${row.promisedBytes / 1e6}`);
    return broken;
  });
}
