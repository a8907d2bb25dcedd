import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { jobUnreadable } from "./errors.ts";
import type { ShardJob, ShardWork } from "./types.ts";

/** Bytes of a piece: a ConfigMap holds 1 MiB, and a request about it, in which bytes are base64, 1.5 MiB. */
const PIECE_BYTES = 3 * 2 ** 18;

/** Names of the pieces of a job, and of its secret, where they lie in a folder. */
export const jobPiece = (index: number) => `job.${String(index).padStart(3, "0")}`;
export const SECRET_FILE = "secret.json";
const JOB_PIECE = /^job\.\d+$/;

export function packJob(job: ShardJob): Uint8Array {
  return gzipSync(JSON.stringify(job));
}

/**
 * Reads a job: a folder of pieces as pods find it mounted, or one file.
 * @throws UserError EXECUTOR_JOB_UNREADABLE
 */
export function readJob(path: string): ShardWork {
  const isFolder = statSync(path).isDirectory();
  const names = isFolder ? readdirSync(path) : [];
  const pieces = isFolder ? names.filter((name) => JOB_PIECE.test(name)).sort() : [];
  if (isFolder && pieces.length === 0) throw jobUnreadable(path, "no piece of a job");
  const bytes = isFolder ? Buffer.concat(pieces.map((name) => readFileSync(join(path, name)))) : readFileSync(path);
  let job: ShardJob;
  try {
    // A job that somebody writes by hand is plain JSON.
    job = JSON.parse((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString("utf8")) as ShardJob;
  } catch (error) {
    throw jobUnreadable(path, "something else", error);
  }
  if (typeof job?.kind !== "string" || !Array.isArray(job.shards)) throw jobUnreadable(path, "no kind or no shards");
  const secret = names.includes(SECRET_FILE) ? JSON.parse(readFileSync(join(path, SECRET_FILE), "utf8")) : null;
  return { job, secret };
}

/** In order; one at least. */
export function piecesOf(bytes: Uint8Array, pieceBytes = PIECE_BYTES): Uint8Array[] {
  const count = Math.max(1, Math.ceil(bytes.length / pieceBytes));
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes));
}
