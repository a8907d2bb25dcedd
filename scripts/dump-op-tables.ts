/**
 * Makes the estimator's shipped data (src/estimator/data) from the `aiconfigurator` package: op tables of every GPU system and
 * backend that it has measurements of, what it calls supported, and the configurations of its models as the estimator reads them.
 * The same package gives the same bytes. Without names all is made.
 *
 *     node scripts/dump-op-tables.ts [SYSTEM/BACKEND…] [support] [models]
 */
import { execFile } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { AICONFIGURATOR_PACKAGES } from "#src/estimator";
import type { TableFile } from "../src/estimator/tables/file.ts";
import { packRows } from "../src/estimator/tables/packing.ts";
import { packConfigurations } from "./model-configurations.ts";
import { packSupport } from "./support-matrix.ts";
import { ensurePythonVenv } from "./test-tools.ts";

const SOURCE = `${AICONFIGURATOR_PACKAGES[0]?.replace("==", " ")} (Apache-2.0)`;
/** Latencies are rounded to this step of their logarithm: by 0.4 % at most. */
const STEP = 0.008;

type Us = (number | null)[];
type Raw<T> = T extends { us: string } ? Omit<T, "us"> & { us: Us[] | Us } : never;

interface Dump extends Pick<TableFile, "system" | "backend" | "version"> {
  gemm: {
    groups: { m: number[]; nodes: number[]; formats: Record<string, Us[]> }[];
    scales: Record<string, { m: number[]; k: number[]; us: Us[] }>;
  };
  context: Raw<TableFile["context"][number]>[];
  generation: Raw<TableFile["generation"][number]>[];
  mla: Record<"context" | "generation", Raw<TableFile["mla"]["context"][number]>[]>;
  experts: Raw<TableFile["experts"][number]>[];
  communication: Raw<TableFile["communication"][number]>[];
}

const data = fileURLToPath(new URL("../src/estimator/data/", import.meta.url));
const python = await ensurePythonVenv(AICONFIGURATOR_PACKAGES);
const wanted = process.argv.slice(2);
const wants = (name: string) => wanted.length === 0 || wanted.includes(name);

for (const [system, backend, version] of await ask<[string, string, string][]>("systems")) {
  if (!wants(`${system}/${backend}`)) continue;
  save(`${system}_${backend}`, packTables(await ask<Dump>("tables", system, backend, version)));
}
if (wants("support")) save("support", packSupport(await ask("support")));
if (wants("models")) save("models", packConfigurations(await ask("models")));

async function ask<T>(...command: string[]): Promise<T> {
  const script = fileURLToPath(new URL("dump-op-tables.py", import.meta.url));
  const { stdout } = await promisify(execFile)(python, [script, ...command], { maxBuffer: 2 ** 28 });
  return JSON.parse(stdout) as T;
}

function save(name: string, content: object): void {
  const path = join(data, `${name}.json.gz`);
  writeFileSync(path, gzipSync(JSON.stringify(content), { level: 9 }));
  console.error(`${path}: ${(statSync(path).size / 1000).toFixed(1)} kB`);
}

function packTables({
  system,
  backend,
  version,
  gemm,
  context,
  generation,
  mla,
  experts,
  communication,
}: Dump): TableFile {
  const pack = <T extends { us: Us[] | Us }>(table: T) => ({ ...table, us: packRows(rowsOf(table.us), STEP) });
  const packAll = <T extends { us: Us[] | Us }>(tables: T[]) => tables.map(pack);
  return {
    system,
    backend,
    version,
    source: SOURCE,
    step: STEP,
    gemm: {
      groups: gemm.groups.map((group) => ({
        ...group,
        formats: Object.fromEntries(
          Object.entries(group.formats).map(([format, rows]) => [format, packRows(rows, STEP)]),
        ),
      })),
      scales: Object.fromEntries(Object.entries(gemm.scales).map(([name, table]) => [name, pack(table)])),
    },
    context: packAll(context),
    generation: packAll(generation),
    mla: { context: packAll(mla.context), generation: packAll(mla.generation) },
    experts: packAll(experts),
    communication: packAll(communication),
  };
}

function rowsOf(us: Us[] | Us): Us[] {
  return Array.isArray(us[0]) ? (us as Us[]) : [us as Us];
}
