import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "#common";
import { type FailedShard, shardsFailed } from "../errors.ts";
import { jobPiece, packJob, SECRET_FILE } from "../pack.ts";
import type { ExecuteOptions, Executor, ShardWork } from "../types.ts";
import { readyFile, resultFile, START_FILE } from "./side.ts";

/** The command line: a source in a checkout, JavaScript in the built package. */
const MAIN = fileURLToPath(new URL(`../../cli/main${extname(import.meta.url)}`, import.meta.url));
/** From the word that all are ready to the start: until the last one has seen it. */
const LEAD_MS = 200;
const LOOK_MS = 20;
const KEPT_CHARACTERS = 8_192;
/** Of a shard that was refused its input. */
const BAD_INPUT = 2;

/** Shards as processes of this machine: as many at a time as it has cores, or all where they begin together. */
export class LocalExecutor implements Executor {
  async execute(
    { job, secret }: ShardWork,
    { signal, onProgress, onResult }: ExecuteOptions = {},
  ): Promise<Uint8Array[]> {
    signal?.throwIfAborted();
    const folder = mkdtempSync(join(tmpdir(), "understudy-shards-"));
    const running = new Set<ChildProcess>();
    const failed: (FailedShard & { code: number | null })[] = [];
    const shards = job.shards.length;
    const results = new Map<number, Uint8Array>();
    let next = 0;
    const end = () => {
      for (const child of running) child.kill("SIGKILL");
    };
    signal?.addEventListener("abort", end);
    const tell = () => onProgress?.({ shards, done: results.size, running: running.size });

    const one = async (index: number) => {
      const child = spawn(process.execPath, [MAIN, "shard", "--job", folder, "--index", `${index}`, "--to", folder], {
        // The line by which it notices that this process is no more.
        stdio: ["ignore", "ignore", "pipe", "ipc"],
      });
      running.add(child);
      let tail = "";
      child.stderr!.setEncoding("utf8").on("data", (text: string) => {
        tail = (tail + text).slice(-KEPT_CHARACTERS);
      });
      const [code, by] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
      running.delete(child);
      const file = join(folder, resultFile(index));
      if (code === 0 && existsSync(file)) {
        const result = readFileSync(file);
        results.set(index, result);
        onResult?.(index, result);
      } else failed.push({ index, how: by === null ? `exit code ${code}` : `signal ${by}`, tail, code });
      // What has begun together is nothing without one of its parts.
      if (failed.length > 0 && job.startTogether) end();
      tell();
    };
    const lane = async () => {
      while (next < shards && failed.length === 0 && !signal?.aborted) await one(next++);
    };

    try {
      writeFileSync(join(folder, jobPiece(0)), packJob(job), { mode: 0o600 });
      if (secret !== null) writeFileSync(join(folder, SECRET_FILE), JSON.stringify(secret), { mode: 0o600 });
      const lanes = Array.from({ length: job.startTogether ? shards : Math.min(shards, availableParallelism()) }, lane);
      if (job.startTogether) {
        const isOver = () => failed.length > 0 || signal?.aborted === true;
        while (!isOver() && !this.#allReady(folder, shards))
          await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
        if (!isOver()) writeFileAtomically(join(folder, START_FILE), String(Date.now() + LEAD_MS));
      }
      await Promise.all(lanes);
      signal?.throwIfAborted();
      if (failed.length > 0) {
        // Those that were ended because of another one have nothing to say.
        const own = failed.filter(({ how }) => how !== "signal SIGKILL");
        const told = own.length > 0 ? own : failed;
        throw shardsFailed(told, shards, told.every(({ code }) => code === BAD_INPUT) ? 2 : 1);
      }
      return job.shards.map((_, index) => results.get(index)!);
    } finally {
      end();
      signal?.removeEventListener("abort", end);
      await Promise.all([...running].map((child) => (child.exitCode === null ? once(child, "close") : null)));
      rmSync(folder, { recursive: true, force: true });
    }
  }

  #allReady(folder: string, shards: number): boolean {
    return Array.from({ length: shards }, (_, i) => existsSync(join(folder, readyFile(i)))).every(Boolean);
  }
}
