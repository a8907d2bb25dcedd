import { unknownSystem } from "../errors.ts";
import { GPU_SYSTEMS } from "./sheets.ts";
import type { GpuSystem } from "./types.ts";

const byName = new Map<string, GpuSystem>();
for (const system of GPU_SYSTEMS) for (const name of [system.name, ...system.aliases]) byName.set(name, system);

/** The system of a name (`h200_sxm`) or another it goes by (`H200`, `h200-sxm`, `gb200_sxm`), or undefined. */
export function findGpuSystem(name: string): GpuSystem | undefined {
  return byName.get(
    name
      .trim()
      .toLowerCase()
      .replaceAll(/[\s-]+/g, "_"),
  );
}

/** The same. @throws UserError where no system has the name */
export function gpuSystem(name: string): GpuSystem {
  const found = findGpuSystem(name);
  if (!found) throw unknownSystem(name, [...byName.keys()]);
  return found;
}

/** How far two GPUs are apart: in memory speed, compute and the link between GPUs, as factors. */
function distance(a: GpuSystem, b: GpuSystem): number {
  const factor = (x: number, y: number) => Math.abs(Math.log(x / y));
  return (
    factor(a.memoryBytesPerSecond, b.memoryBytesPerSecond) +
    factor(a.flops.bfloat16, b.flops.bfloat16) +
    // PCIe boxes behave unlike those with NVLink, but most operations are of one GPU alone.
    factor(a.intraNodeBytesPerSecond, b.intraNodeBytesPerSecond) / 5 +
    // Kernels are written for a maker and a generation; sizes can be scaled.
    (a.vendor === b.vendor ? 0 : 2) +
    (Math.floor(a.smVersion / 10) === Math.floor(b.smVersion / 10) ? 0 : 0.8)
  );
}

/** Of the candidates (names), the one whose data sheet is nearest to the system's; itself where it is among them. */
export function nearestSystem(system: GpuSystem, candidates: readonly string[]): string {
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const name of candidates) {
    const candidate = findGpuSystem(name);
    if (!candidate) continue;
    if (candidate === system) return name;
    const far = distance(system, candidate);
    if (far < least) {
      least = far;
      best = name;
    }
  }
  if (best === undefined) throw new RangeError(`none of ${candidates.join(", ")} is a known system`);
  return best;
}
