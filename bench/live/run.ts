/** `npm run bench -- --live`: runs the rows one after another and prints their table. */
import { writeFileSync } from "node:fs";
import { type LiveResult, liveTable, missed } from "./figures.ts";
import { LIVE_ROWS } from "./rows.ts";

export interface LiveBenchOptions {
  /** Rows whose name contains it. */
  only: string;
  /** Scale of each row's length; promises are about 1. */
  scale: number;
  /** Where all figures go. */
  json: string | null;
  progress: (text: string) => void;
}

/** Prints Markdown. @returns whether all promises hold */
export async function runLiveBench({ only, scale, json, progress }: LiveBenchOptions): Promise<boolean> {
  const results: LiveResult[] = [];
  for (const row of LIVE_ROWS.filter(({ name }) => name.includes(only))) {
    progress(row.name);
    results.push({ ...(await row.run(scale)), row: row.name });
  }
  progress("");
  console.log(liveTable(results).join("\n"));
  for (const { row, notes } of results) for (const note of notes) console.error(`${row}: ${note}`);
  if (json !== null) writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
  const broken = missed(results);
  for (const line of broken) console.log(`BROKEN  ${line}`);
  return broken.length === 0;
}
