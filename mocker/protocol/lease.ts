import { createHash } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder, writeFileAtomically } from "#common";
import type { WorkerCard } from "./types.ts";

/** A worker's entry in a folder of leases: a JSON file that it renews while it lives. */
export interface WorkerLease {
  version: 1;
  card: WorkerCard;
  /** Unix ms. */
  renewedAt: number;
  /** It counts until so long after its renewal, ms. */
  ttlMs: number;
}

export interface LeaseOptions {
  /** How long a lease counts without being renewed, real ms. Default 10 000; it is renewed three times as often. */
  ttlMs?: number;
}

export interface HeldLease {
  /** The file. */
  readonly path: string;
  /** Writes it anew at once: the worker's state has changed. */
  renew(): Promise<void>;
  /** The worker is going: takes the lease back. */
  release(): Promise<void>;
}

const DEFAULT_TTL_MS = 10_000;

/**
 * Enters a worker into a folder of leases, where frontends with file discovery find it, and renews the lease until it is
 * released. A process that dies leaves a lease that runs out.
 * @param card asked at each renewal
 * @throws the file system's error where the first lease can't be written; later ones are tried again
 */
export async function holdLease(
  folder: string,
  card: () => WorkerCard,
  options: LeaseOptions = {},
): Promise<HeldLease> {
  const ttlMs = options.ttlMs ?? DEFAULT_TTL_MS;
  const path = join(folder, leaseFileName(card()));
  let released = false;
  const renew = async () => {
    const lease: WorkerLease = { version: 1, card: card(), renewedAt: Date.now(), ttlMs };
    if (!released) writeFileAtomically(path, `${JSON.stringify(lease)}\n`);
  };
  makeFolder(folder);
  await renew();
  const timer = setInterval(() => void renew().catch(() => {}), ttlMs / 3);
  timer.unref();
  return {
    path,
    renew,
    release: async () => {
      released = true;
      clearInterval(timer);
      await rm(path, { force: true });
    },
  };
}

/** The name that a worker's lease has: readable, and another one for every address. */
export function leaseFileName({ id, url }: Pick<WorkerCard, "id" | "url">): string {
  const digest = createHash("sha256").update(`${id}\n${url}`).digest("hex").slice(0, 8);
  return `${id.replaceAll(/[^\w.-]+/g, "-").slice(0, 100)}-${digest}.json`;
}

/** The leases of a folder that count at `nowUnixMs`; files that are none are left out. A folder that is not there is empty. */
export async function readLeases(folder: string, nowUnixMs: number): Promise<WorkerLease[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const leases = await Promise.all(
    names.filter((name) => name.endsWith(".json")).map((name) => readLease(join(folder, name))),
  );
  return leases.filter((lease) => lease !== null && lease.renewedAt + lease.ttlMs >= nowUnixMs) as WorkerLease[];
}

async function readLease(path: string): Promise<WorkerLease | null> {
  try {
    const lease = JSON.parse(await readFile(path, "utf8")) as Partial<WorkerLease> | null;
    const { card, renewedAt, ttlMs } = lease ?? {};
    const counts = lease?.version === 1 && typeof renewedAt === "number" && typeof ttlMs === "number";
    return counts && typeof card?.url === "string" && /^https?:\/\//.test(card.url) ? (lease as WorkerLease) : null;
  } catch {
    // Gone in between, or somebody else's file.
    return null;
  }
}
