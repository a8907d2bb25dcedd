import { createHash } from "node:crypto";
import type { Workload } from "#scenarios";

/** Whether two have drawn the same requests, in the same order, at the same times, with the same contents. */
export function trafficDigest({
  isl,
  osl,
  arrivalMs,
  openHeads,
  closedLoops,
  nextTurn,
  thinkMs,
  dependencies,
  prompts,
}: Workload): string {
  const hash = createHash("sha256");
  const columns = [isl, osl, arrivalMs, openHeads, ...closedLoops.map(({ heads }) => heads), nextTurn, thinkMs];
  if (dependencies !== undefined) columns.push(...(Object.values(dependencies) as Int32Array[]));
  for (const column of [...columns, prompts?.offset ?? null, prompts?.ids ?? null]) {
    hash.update(column === null ? "-" : Buffer.from(column.buffer, column.byteOffset, column.byteLength));
    hash.update(`|${column?.length}`);
  }
  hash.update(closedLoops.map(({ concurrency, startMs, endMs }) => `${concurrency},${startMs},${endMs}`).join(";"));
  return hash.digest("hex");
}
