import type { RoleName, RunFacts } from "#src/record";
import { workerSteps } from "./worker-steps.ts";

/** GPUs that are paid for, over both roles, as steps: from `atMs[i]` on `count[i]`. */
export function allocatedGpus(record: RunFacts): { atMs: number[]; count: number[] } {
  const changes = (["prefill", "decode"] as const).flatMap((role: RoleName) => {
    const { atMs, active, starting, draining } = workerSteps(record.workers, role, record.endMs);
    let before = 0;
    return atMs.map((at, i) => {
      const gpus = (active[i]! + starting[i]! + draining[i]!) * record.gpusPerWorker[role];
      const by = gpus - before;
      before = gpus;
      return { at, by };
    });
  });
  changes.sort((a, b) => a.at - b.at);
  const steps = { atMs: [] as number[], count: [] as number[] };
  let gpus = 0;
  changes.forEach(({ at, by }, i) => {
    gpus += by;
    if (changes[i + 1]?.at === at) return;
    steps.atMs.push(at);
    steps.count.push(gpus);
  });
  return steps;
}
