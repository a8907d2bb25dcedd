import { findGpuSystem, findModel, GPU_SYSTEMS, supportedCombinations } from "#src/estimator";
import { textTable } from "../../text-table.ts";
import { unknownGpu } from "./errors.ts";

interface SupportedFlags {
  model?: string;
  gpu?: string;
  backend?: string;
  backendVersion?: string;
  json?: true;
}

interface CoveredRow {
  model: string;
  gpu: string;
  backend: string;
  versions: string[];
  modes: string[];
  /** Where the built-in estimator's times come from; `aiconfigurator`: it has none, the installed package alone has. */
  times: "table" | "analytic" | "aiconfigurator";
}

/** Lists what is covered: combinations of model, GPU and backend. `--model` is a whole name, or else a part of one. */
export function printSupported(flags: SupportedFlags): void {
  const rows = coveredRows(flags);
  if (flags.json) {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  if (rows.length === 0) {
    process.stdout.write("nothing of that kind is covered\n");
    return;
  }
  const cells = rows.map((row) => [
    row.model,
    row.gpu,
    row.backend,
    row.versions.join(", "),
    row.modes.join(", "),
    row.times,
  ]);
  process.stdout.write(textTable(["model", "GPU", "backend", "versions", "modes", "times"], cells));
}

function coveredRows({ model, gpu, backend, backendVersion }: SupportedFlags): CoveredRow[] {
  const system = gpu === undefined ? undefined : findGpuSystem(gpu);
  if (gpu !== undefined && system === undefined) {
    throw unknownGpu(
      gpu,
      GPU_SYSTEMS.map(({ name }) => name),
    );
  }
  const withTables = new Set(GPU_SYSTEMS.filter(({ hasTables }) => hasTables).map(({ name }) => name));
  const rows = new Map<string, CoveredRow>();
  const combinations = supportedCombinations();
  const whole = combinations.some((found) => found.model === model);
  for (const found of combinations) {
    if (model !== undefined && !(whole ? found.model === model : hasPart(found.model, model))) continue;
    if (system !== undefined && found.system !== system.name) continue;
    if (backend !== undefined && found.backend !== backend) continue;
    if (backendVersion !== undefined && found.version !== backendVersion) continue;
    const key = `${found.model} ${found.system} ${found.backend}`;
    const row = rows.get(key) ?? {
      model: found.model,
      gpu: found.system,
      backend: found.backend,
      versions: [],
      modes: [],
      times: !isModelled(found.model) ? "aiconfigurator" : withTables.has(found.system) ? "table" : "analytic",
    };
    row.versions.push(found.version);
    row.modes = [...new Set([...row.modes, ...found.modes])].sort();
    rows.set(key, row);
  }
  return [...rows.values()];
}

/** Some are listed whose layers are of kinds that the built-in estimator does not model, or whose sizes nobody has published. */
function isModelled(model: string): boolean {
  const facts = findModel(model);
  return facts !== undefined && facts.family !== "other";
}

function hasPart(name: string, part: string): boolean {
  return name.toLowerCase().includes(part.toLowerCase());
}
