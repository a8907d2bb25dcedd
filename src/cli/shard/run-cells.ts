import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { judge } from "#src/rehearsal";
import { formatRun, measuredValues, reportJson } from "#src/report";
import { loadScenario, type PlayFlags, play, writeRunReports } from "../rehearse.ts";
import { RowsOnDisk } from "../rows-on-disk.ts";
import type { ShardInput } from "./kinds.ts";

/** One run: a scenario's file with a seed; null: the scenario's own. */
export interface Cell {
  file: string;
  seed: number | null;
}

/** What all cells have in common. */
export interface CellFlags extends PlayFlags {
  report: boolean;
  rowsInMemory: number;
}

/** What came of one run. */
export interface CellResult {
  file: string;
  name: string;
  seed: number;
  passed: boolean;
  /** By the names of `expect:`; those without a sample are NaN. */
  measures: Record<string, number>;
  /** report.json, and what `run` prints. */
  json: string;
  text: string;
  /** Report files by name; empty where none were asked for. */
  files: Record<string, Uint8Array>;
}

const PLAIN = { colour: false, width: 120 };

/** A shard of `run`: its cells one after another. */
export async function runCells({ common, shard }: ShardInput): Promise<Uint8Array> {
  const flags = common as CellFlags;
  const { cells } = shard as { cells: Cell[] };
  const results: CellResult[] = [];
  for (const cell of cells) results.push(await runCell(cell, flags));
  return serialize(results);
}

export function decodeCells(bytes: Uint8Array): CellResult[] {
  return deserialize(bytes) as CellResult[];
}

async function runCell({ file, seed }: Cell, flags: CellFlags): Promise<CellResult> {
  const scenario = loadScenario(file, seed ?? undefined);
  const rows = new RowsOnDisk(flags.rowsInMemory, tmpdir());
  try {
    const { record: played, ...when } = await play(scenario, flags, rows);
    const { record, summary } = judge(scenario, played);
    return {
      file,
      name: scenario.name,
      seed: scenario.seed,
      passed: record.expectations?.every((expectation) => expectation.passed) ?? true,
      measures: measuredValues(record, summary).values,
      json: reportJson(record, summary),
      text: formatRun(record, summary, PLAIN),
      files: flags.report ? reportFiles((folder) => writeRunReports(scenario, record, folder, summary, when)) : {},
    };
  } finally {
    rows.close();
  }
}

function reportFiles(write: (folder: string) => void): Record<string, Uint8Array> {
  const folder = mkdtempSync(join(tmpdir(), "understudy-reports-"));
  try {
    write(folder);
    return Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
