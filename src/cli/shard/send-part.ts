import { gzipSync } from "node:zlib";
import { wallClock } from "#common";
import { encodeLoadPart, resolveModel, runLoadPart } from "#src/loadgen";
import type { LoadFlags } from "../load/flags.ts";
import { loadOptions, loadTarget, openTokenizer } from "../load/options.ts";
import { trafficDigest } from "../load/traffic-digest.ts";
import { loadPlan } from "../load/workload.ts";
import { trafficDiffers } from "../sharding/errors.ts";
import type { ShardInput } from "./kinds.ts";

/** What all generators of a load have in common. */
export interface LoadCommon {
  flags: LoadFlags;
  runId: string;
  /** Of the traffic, of which each generator sends a part. */
  digest: string;
}

/** What nobody else may read. */
export interface LoadSecret {
  apiKey?: string;
  header?: string[];
}

/** A shard of `load`: it draws the whole traffic, sends its own part of it, and hands in what it measured. */
export async function sendPart({ common, secret, index, shards, begin }: ShardInput): Promise<Uint8Array> {
  const { flags: shared, runId, digest } = common as LoadCommon;
  const flags: LoadFlags = { ...shared, ...((secret ?? {}) as LoadSecret) };
  const tokenizer = await openTokenizer(flags);
  const plan = loadPlan(flags, tokenizer);
  if (trafficDigest(plan.workload) !== digest) throw trafficDiffers();
  const target = loadTarget(flags);
  const model = await resolveModel(target, flags.model);
  const clock = wallClock(flags.timeScale);
  const part = await runLoadPart(
    {
      ...loadOptions(flags, plan, tokenizer, { ...target, model }),
      clock,
      runId,
      // Shared out, like all else.
      warmupRequests: Math.floor((flags.warmupRequestCount + index) / shards),
      beginsAt: async () => clock.fromUnixMs(await begin()),
    },
    index,
    shards,
  );
  return gzipSync(encodeLoadPart(part));
}
