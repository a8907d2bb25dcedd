import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command } from "commander";
import { didYouMean, UserError } from "#common";
import {
  folderShardSide,
  loadKubernetesShardSide,
  noSuchShard,
  otherVersion,
  readJob,
  type ShardSide,
  unpackFiles,
} from "#src/executor";
import { SHARD_KINDS } from "../shard/kinds.ts";
import { wholeNumber } from "../values.ts";
import { packageVersion } from "../version.ts";

interface ShardFlags {
  job: string;
  to: string;
  index?: number;
}

const KUBERNETES = "kubernetes";
const INDEX = "JOB_COMPLETION_INDEX";

/** `understudy shard`: what the processes and pods of an executor run. */
export function shardCommand(): Command {
  return new Command("shard")
    .description("do one shard of a job that run or load has cut: what --executor starts, as processes or pods")
    .requiredOption("--job <path>", "the job: its file, or the folder of its pieces")
    .requiredOption("--to <where>", `where the result goes: a folder, or ${KUBERNETES} (in a pod of an Indexed Job)`)
    .option("--index <n>", `which shard (default: $${INDEX})`, wholeNumber("--index"))
    .addHelpText(
      "after",
      `
A shard of a load writes ready-<index> into the folder when it could begin, and begins at the instant that a file named start
tells (Unix ms). Results are result-<index>.

Examples:
  $ understudy shard --job job.json --index 0 --to results
  $ understudy shard --job /etc/understudy/job --to kubernetes`,
    )
    .action(async (flags: ShardFlags) => {
      // Who started it is no more: nobody would take the result.
      process.once("disconnect", () => process.exit(1));
      process.channel?.unref();
      await shard(flags);
    });
}

async function shard(flags: ShardFlags): Promise<void> {
  const { job, secret } = readJob(flags.job);
  if (job.version !== packageVersion()) throw otherVersion(job.version, packageVersion());
  const load = Object.hasOwn(SHARD_KINDS, job.kind) ? SHARD_KINDS[job.kind] : undefined;
  if (load === undefined) throw unknownKind(flags.job, job.kind);
  const index = shardIndex(flags, job.shards.length);
  // The first process of a container gets no signal that it has no handler for.
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
  ] as const) {
    process.once(signal, () => process.exit(128 + number));
  }
  const folder = job.files === null ? null : mkdtempSync(join(tmpdir(), "understudy-job-"));
  const to = flags.to === KUBERNETES ? null : resolve(flags.to);
  const side: ShardSide & { close?(): Promise<void> } =
    to === null
      ? await (await loadKubernetesShardSide()).kubernetesShardSide(index, process.env)
      : folderShardSide(to, index);
  try {
    if (folder !== null) process.chdir(unpackFiles(job.files!, folder));
    const worker = await load();
    const result = await worker({
      common: job.common,
      shard: job.shards[index],
      secret,
      index,
      shards: job.shards.length,
      begin: () => side.begin(),
    });
    await side.finish(result);
  } finally {
    await side.close?.();
    if (folder !== null) {
      process.chdir(tmpdir());
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

function shardIndex({ index }: ShardFlags, shards: number): number {
  const text = index === undefined ? process.env[INDEX] : String(index);
  const found = Number(text);
  if (text === undefined || text.trim() === "" || !Number.isInteger(found) || found < 0 || found >= shards) {
    throw noSuchShard(index === undefined ? `$${INDEX}` : "--index", text ?? "nothing", shards);
  }
  return found;
}

function unknownKind(path: string, kind: string): UserError {
  const known = Object.keys(SHARD_KINDS);
  const hint = didYouMean(kind, known);
  return new UserError({
    code: "CLI_SHARD_KIND",
    where: path,
    message: `found a job of the kind ${JSON.stringify(kind)}, expected one of ${known.join(", ")}`,
    ...(hint === undefined ? {} : { hint }),
  });
}
