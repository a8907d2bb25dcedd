import { readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { writeFileAtomically } from "#common";
import { collectFiles } from "#src/executor";
import { EXIT_INTERRUPTED } from "../errors.ts";
import { loadScenario, type RehearseFlags } from "../rehearse.ts";
import { type Cell, type CellFlags, type CellResult, decodeCells } from "../shard/run-cells.ts";
import { execute } from "../sharding/execute.ts";
import type { ExecutorFlags } from "../sharding/flags.ts";
import { referencedFiles } from "../sharding/referenced-files.ts";
import { byTurns, inOrder } from "../sharding/turns.ts";
import { packageVersion } from "../version.ts";
import { type ScenarioRuns, seedsJson, seedsText } from "./seeds-report.ts";

export interface ShardedRunFlags extends RehearseFlags, ExecutorFlags {
  seeds?: number[];
}

/** `run` in several processes or pods: every scenario with every seed. Returns the exit code. */
export async function runInShards(files: readonly string[], flags: ShardedRunFlags): Promise<number> {
  // What is wrong with a scenario is told before anything starts.
  const scenarios = files.map((file) => loadScenario(file));
  const paths = files.map((file) => relative(process.cwd(), resolve(file)));
  const seeds: (number | null)[] = flags.seeds ?? [flags.seed ?? null];
  const cells: Cell[] = paths.flatMap((file) => seeds.map((seed) => ({ file, seed })));
  const isRemote = flags.executor === "kubernetes";
  const common: CellFlags = {
    engine: flags.engine,
    ...(flags.bestStatic ? { bestStatic: true } : {}),
    ...(flags.check ? { check: true } : {}),
    report: flags.report,
    rowsInMemory: flags.rowsInMemory,
  };
  const named = () => files.flatMap((file) => [file, ...referencedFiles(readFileSync(file, "utf8"), file)]);
  const results = await execute(
    {
      job: {
        kind: "run",
        version: packageVersion(),
        common,
        shards: byTurns(cells, flags).map((dealt) => ({ cells: dealt })),
        startTogether: false,
        files: isRemote ? collectFiles(named(), process.cwd()) : null,
      },
      secret: null,
    },
    flags,
  );
  if (results === null) return EXIT_INTERRUPTED;
  const done = inOrder(results.map(decodeCells));
  const runs = scenarios.map((_, i) => done.slice(i * seeds.length, (i + 1) * seeds.length));
  for (const [i, scenario] of scenarios.entries()) {
    tell(
      flags.seeds === undefined ? null : { name: scenario.name, file: files[i]!, runs: runs[i]! },
      runs[i]![0]!,
      flags,
    );
    if (flags.report) write(scenario.name, runs[i]!, flags, files.length > 1);
  }
  return done.every(({ passed }) => passed) ? 0 : 1;
}

/** @param all null where there is one run a scenario, which is then told as `run` tells it */
function tell(all: ScenarioRuns | null, only: CellResult, flags: ShardedRunFlags): void {
  if (flags.json) process.stdout.write(all === null ? only.json : seedsJson(all));
  else if (!flags.quiet) process.stdout.write(all === null ? only.text : seedsText(all));
}

function write(name: string, runs: readonly CellResult[], flags: ShardedRunFlags, isOneOfMany: boolean): void {
  const chosen = flags.outputDir === undefined ? resolve("understudy-results", name) : flags.outputDir;
  const dir = flags.outputDir !== undefined && isOneOfMany ? join(chosen, name) : chosen;
  for (const { seed, files } of runs) {
    const folder = flags.seeds === undefined ? dir : join(dir, `seed-${seed}`);
    for (const [file, bytes] of Object.entries(files)) writeFileAtomically(join(folder, file), bytes);
  }
  if (flags.seeds !== undefined)
    writeFileAtomically(join(dir, "seeds.json"), seedsJson({ name, file: runs[0]!.file, runs }));
  if (!flags.quiet) process.stderr.write(`\nReports in ${dir}\n`);
}
