import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { writeFileAtomically } from "#common";
import type { Workload } from "#scenarios";
import { toolCache } from "../../scripts/tool-cache.ts";
import { run } from "../planner-cases.ts";
import { measure, type Part, perGpu, share } from "./measure.ts";

/** A deployment that never changes, over the whole trace and over the part after its load has been learnt. */
export interface Static {
  prefill: number;
  decode: number;
  whole: Part;
  learnt: Part;
}

export type PartName = "whole" | "learnt";

/** Raised when the simulator gives other results for the same input. */
const VERSION = 1;
/** Deployments of a role that let more than this share of the requests miss are left out, and all smaller ones. */
const HOPELESS_SHARE = 0.15;
export const FLOOR = 0.99;

/**
 * Deployments that never change, smallest first, up to where no larger one can do more per GPU than the best at the floor, in
 * either part. Kept in the user's cache.
 */
export function statics(workload: Workload, learntS: number, maxGpus: number): Static[] {
  const file = cacheFile(workload, learntS, maxGpus);
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as Static[];
  const found = search(workload, learntS, maxGpus);
  writeFileAtomically(file, `${JSON.stringify(found)}\n`);
  return found;
}

function search(workload: Workload, learntS: number, maxGpus: number): Static[] {
  const found: Static[] = [];
  const hopeless = { prefill: 0, decode: 0 };
  for (let gpus = 2; gpus <= maxGpus; gpus++) {
    if ((["whole", "learnt"] as const).every((part) => isBeaten(found, part, gpus))) break;
    for (let decode = 1; decode < gpus; decode++) {
      const prefill = gpus - decode;
      if (prefill <= hopeless.prefill || decode <= hopeless.decode) continue;
      const record = run(workload, { prefill, decode }, 0, null);
      const whole = measure(record, 0, workload.horizonMs);
      const learnt = measure(record, learntS * 1000, workload.horizonMs);
      found.push({ prefill, decode, whole, learnt });
      const missed = (name: "ttftMissed" | "itlMissed") =>
        Math.min(whole[name] / whole.judged, learnt[name] / learnt.judged);
      // A prefill pool that is too small spares the decode pool, never the other way round.
      if (missed("itlMissed") > HOPELESS_SHARE) hopeless.decode = Math.max(hopeless.decode, decode);
      else if (missed("ttftMissed") > HOPELESS_SHARE) hopeless.prefill = Math.max(hopeless.prefill, prefill);
    }
  }
  return found;
}

/** Whether a deployment of `gpus` that lost nothing would do no more per GPU than what was found. */
function isBeaten(found: Static[], part: PartName, gpus: number): boolean {
  const best = bestAt(found, part, FLOOR);
  if (best === null) return false;
  const { judged, gpuSeconds } = best[part];
  const seconds = gpuSeconds / (best.prefill + best.decode);
  return judged / (gpus * seconds) <= perGpu(best[part]);
}

/** The one with the best goodput per GPU among those that attain `floor`. */
export function bestAt(found: Static[], part: PartName, floor: number): Static | null {
  let best: Static | null = null;
  for (const each of found) {
    if (share(each[part]) < floor) continue;
    if (best === null || perGpu(each[part]) > perGpu(best[part])) best = each;
  }
  return best;
}

function cacheFile(workload: Workload, learntS: number, maxGpus: number): string {
  const hash = createHash("sha256").update(JSON.stringify([VERSION, learntS, maxGpus, workload.horizonMs]));
  for (const column of [workload.isl, workload.osl, workload.arrivalMs])
    hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  return toolCache("planner-library", `${hash.digest("hex").slice(0, 32)}.json`);
}
