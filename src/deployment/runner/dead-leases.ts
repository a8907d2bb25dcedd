import { rm } from "node:fs/promises";
import { join } from "node:path";
import { leaseFileName, readLeases } from "#mocker/protocol";

/**
 * Takes back the leases of workers whose process is no more, so that frontends need not find out by themselves.
 * @param replicas their names @param atUnixMs when it was found to be gone: what was renewed later is a successor's
 */
export async function removeDeadLeases(folder: string, replicas: readonly string[], atUnixMs: number): Promise<void> {
  const leases = await readLeases(folder, 0);
  const dead = leases.filter(
    ({ card, renewedAt }) => renewedAt <= atUnixMs && replicas.some((name) => isWorkerOf(card.id, name)),
  );
  await Promise.all(dead.map(({ card }) => rm(join(folder, leaseFileName(card)), { force: true })));
}

/** A replica of several workers numbers them. */
function isWorkerOf(id: string, replica: string): boolean {
  return id === replica || (id.startsWith(`${replica}-`) && /^\d+$/.test(id.slice(replica.length + 1)));
}
