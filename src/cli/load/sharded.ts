import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { gunzipSync } from "node:zlib";
import { collectFiles } from "#src/executor";
import { decodeLoadPart, type LoadPart, type LoadResult, mergeLoadParts, split } from "#src/loadgen";
import type { LoadCommon, LoadSecret } from "../shard/send-part.ts";
import { execute } from "../sharding/execute.ts";
import type { ExecutorFlags } from "../sharding/flags.ts";
import { referencedFiles } from "../sharding/referenced-files.ts";
import { packageVersion } from "../version.ts";
import type { LoadFlags } from "./flags.ts";
import { loadTarget } from "./options.ts";
import { trafficDigest } from "./traffic-digest.ts";
import type { LoadPlan } from "./workload.ts";

/** What the executor is told by is nothing that a generator reads. */
type SentFlags = LoadFlags & ExecutorFlags;

/**
 * One load by several generators: each sends its part of one stream of arrivals from a common start, and what they measured is
 * merged request by request.
 * @param model asked for already, or left to the generators
 * @returns null where it was interrupted
 */
export async function loadSharded(
  flags: SentFlags,
  plan: LoadPlan,
  model: string | undefined,
): Promise<{ result: LoadResult; model: string } | null> {
  const generators = usefulGenerators(plan, flags.shards ?? 1);
  const { apiKey, header, ...shared } = flags;
  const secret: LoadSecret = {
    ...(apiKey === undefined ? {} : { apiKey }),
    ...(header === undefined ? {} : { header }),
  };
  const common: LoadCommon = {
    flags: { ...inReach(shared), ...(model === undefined ? {} : { model }) },
    runId: randomUUID(),
    digest: trafficDigest(plan.workload),
  };
  const results = await execute(
    {
      job: {
        kind: "load",
        version: packageVersion(),
        common,
        shards: Array.from({ length: generators }, () => null),
        startTogether: true,
        files: flags.executor === "kubernetes" ? collectFiles(filesOf(flags), process.cwd()) : null,
      },
      secret: Object.keys(secret).length === 0 ? null : secret,
    },
    flags,
  );
  if (results === null) return null;
  const parts = results.map((bytes) => decodeLoadPart(gunzipSync(bytes), plan.workload.count));
  const [first] = parts as [LoadPart];
  const target = { ...loadTarget(flags), model: first.model };
  const result = mergeLoadParts({ workload: plan.workload, target }, parts as [LoadPart, ...LoadPart[]]);
  return { result, model: first.model };
}

/** Generators that have something to send. */
function usefulGenerators({ workload }: LoadPlan, asked: number): number {
  const parts = split(workload, asked);
  const idle = (part: (typeof parts)[number]) =>
    part.openHeads.length === 0 && part.closedLoops.every(({ heads }) => heads.length === 0);
  const useful = parts.findIndex(idle);
  return useful < 0 ? asked : Math.max(1, useful);
}

/** Paths as they lead to the same files elsewhere. */
function inReach(flags: LoadFlags): LoadFlags {
  const here = (path: string) => relative(process.cwd(), path);
  return {
    ...flags,
    ...(flags.scenario === undefined ? {} : { scenario: here(flags.scenario) }),
    ...(flags.inputFile === undefined ? {} : { inputFile: here(flags.inputFile) }),
    ...(flags.tokenizer === "builtin" ? {} : { tokenizer: here(flags.tokenizer) }),
  };
}

function filesOf({ scenario, inputFile, tokenizer, traffic }: LoadFlags): string[] {
  return [
    ...(scenario === undefined ? [] : [scenario, ...referencedFiles(readFileSync(scenario, "utf8"), scenario)]),
    ...(inputFile === undefined ? [] : [inputFile]),
    ...(tokenizer === "builtin" ? [] : [tokenizer]),
    ...(traffic === undefined ? [] : referencedFiles(traffic, "--traffic")),
  ];
}
