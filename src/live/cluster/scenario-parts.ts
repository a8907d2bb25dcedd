import type { EngineConfig, TransferModel } from "#mocker/engine";
import { type RouterChoice, routerPoliciesFile } from "#scenarios";
import { graphName, type RehearsedParts } from "#src/deployment";
import type { Rehearsal } from "#src/rehearsal";
import type { PoolSpec } from "#src/simulator";
import { notInCluster } from "../errors.ts";
import { plannerSettings } from "./planner-settings.ts";

/**
 * A scenario's deployment as one of a cluster's: the engines that the simulator would be told of as flags of mock workers.
 * @throws UserError LIVE_NOT_IN_CLUSTER for what workers in a cluster can't be told
 */
export function scenarioParts(rehearsal: Rehearsal, image: string): Omit<RehearsedParts, "namespace"> {
  const { scenario, simulation } = rehearsal;
  const { deployment, sla, locate } = scenario;
  const { profile } = deployment;
  const { policies } = deployment.router;
  if (profile === null) {
    throw notInCluster(locate(["deployment"]), "a deployment in a cluster plays a profile, and this one has none");
  }
  const args = (pool: PoolSpec, key: "prefill" | "decode") => {
    const { timing } = deployment[key]!.engine;
    if (timing !== undefined && timing.kind !== "profile") {
      throw notInCluster(
        locate(["deployment"]),
        `workers in a cluster play the profile, this one has timing ${timing.kind}`,
      );
    }
    return workerArgs(rehearsal, pool);
  };
  return {
    name: graphName(scenario.name),
    image,
    profile,
    mode: simulation.prefill === null ? "agg" : "disagg",
    sla,
    prefill:
      simulation.prefill === null
        ? null
        : { replicas: simulation.prefill.workers, args: args(simulation.prefill, "prefill") },
    decode: { replicas: simulation.decode.workers, args: args(simulation.decode, "decode") },
    frontendArgs: [...routerArgs(deployment.router), "--seed", String(simulation.seed)],
    routerPolicies: policies === undefined ? null : routerPoliciesFile(policies),
    plannerSettings: plannerSettings(rehearsal),
  };
}

/** The frontend's flags for a scenario's router. */
function routerArgs(router: RouterChoice): string[] {
  const flag = (name: string, value: string | number | undefined) =>
    value === undefined ? [] : [`--${name}`, String(value)];
  const ms = (value: number | undefined) => (value === undefined ? undefined : `${value}ms`);
  return [
    ...flag("router-mode", router.mode),
    ...flag("kv-overlap-score-weight", router.overlapCredit),
    ...flag("kv-load-weight", router.prefillLoadScale),
    ...flag("router-temperature", router.temperature),
    ...(router.kvEvents === false ? ["--no-kv-events"] : []),
    ...flag("router-ttl", ms(router.cacheTtlMs)),
    ...flag("router-queue-threshold", router.queueThreshold),
    ...flag("router-queue-policy", router.queuePolicy),
    ...flag("router-session-affinity-ttl", ms(router.sessionAffinityMs)),
  ];
}

function workerArgs({ scenario, simulation }: Rehearsal, { engine, dpSize, startupMs }: PoolSpec): string[] {
  const { surfaces, quirks } = scenario.deployment;
  const { transfer } = simulation;
  return [
    ...["--surfaces", surfaces],
    ...["--startup-time", `${startupMs / 1000}s`],
    ...["--block-size", String(engine.blockSize)],
    ...["--num-gpu-blocks-override", String(engine.numGpuBlocks)],
    ...["--max-num-seqs", String(engine.maxNumSeqs)],
    ...["--max-num-batched-tokens", String(engine.maxNumBatchedTokens)],
    ...(engine.maxModelLen === null ? [] : ["--max-model-len", String(engine.maxModelLen)]),
    engine.prefixCaching ? "--enable-prefix-caching" : "--no-enable-prefix-caching",
    ...familyArgs(engine),
    ...(engine.speculative === null
      ? []
      : [
          ...["--aic-nextn", String(engine.speculative.acceptRates.length)],
          ...["--aic-nextn-accept-rates", engine.speculative.acceptRates.join(",")],
          ...["--aic-mtp-seed", String(engine.speculative.seed)],
        ]),
    ...offloadArgs(engine),
    ...reasoningArgs(engine),
    ...["--speedup-ratio", String(engine.speedupRatio)],
    ...["--decode-speedup-ratio", String(engine.decodeSpeedupRatio)],
    ...["--data-parallel-size", String(dpSize)],
    ...(quirks.length === 0 ? [] : ["--quirks", quirks.join(",")]),
    ...["--kv-transfer-bandwidth", transfer === null ? "0" : String(transfer.bytesPerSecond / 1e9)],
    ...(transfer === null ? [] : [...["--kv-transfer-timing-mode", transfer.timing]]),
    ...kvBytesArgs(engine, transfer),
  ];
}

/** Host memory behind the KV cache, in vLLM's flags. */
function offloadArgs({ kvOffload }: EngineConfig): string[] {
  if (kvOffload === null) return [];
  const { hostBlocks, bytesPerBlock, bytesPerSecond } = kvOffload;
  return [
    ...["--kv-offloading-size", String((hostBlocks * bytesPerBlock) / 2 ** 30)],
    ...["--kv-offloading-bandwidth", String(bytesPerSecond / 1e9)],
  ];
}

/** Dynamo's way to say it; which tokens the marks are makes no difference here. */
function reasoningArgs({ thinkingRatio }: EngineConfig): string[] {
  if (thinkingRatio === 0) return [];
  const marks = { start_thinking_token_id: 1000, end_thinking_token_id: 1001 };
  return ["--reasoning", JSON.stringify({ ...marks, thinking_ratio: thinkingRatio })];
}

/** A worker has one size of a token's KV, for transfers and for host memory. */
function kvBytesArgs({ kvOffload, blockSize }: EngineConfig, transfer: TransferModel | null): string[] {
  const bytesPerToken = transfer?.bytesPerToken ?? (kvOffload === null ? null : kvOffload.bytesPerBlock / blockSize);
  return bytesPerToken === null ? [] : ["--kv-bytes-per-token", String(bytesPerToken)];
}

/** Flags of the scheduler that is played. */
function familyArgs(engine: EngineConfig): string[] {
  const { family, prefillScheduleInterval, prefillDecodeInterval, sglang } = engine;
  const type = ["--engine-type", family];
  const batching = [
    engine.chunkedPrefill ? "--enable-chunked-prefill" : "--no-enable-chunked-prefill",
    ...["--watermark", String(engine.watermark)],
  ];
  if (family === "vllm") {
    const interval = ["--prefill-schedule-interval", String(prefillScheduleInterval)];
    return [...type, ...batching, ...["--preemption-mode", engine.preemption], ...interval];
  }
  if (family === "trtllm") return [...type, ...batching];
  return [
    ...type,
    ...["--sglang-schedule-policy", sglang.schedulePolicy],
    ...["--sglang-max-prefill-tokens", String(sglang.maxPrefillTokens)],
    ...["--sglang-chunked-prefill-size", String(sglang.chunkedPrefillSize)],
    ...["--sglang-clip-max-new-tokens", String(sglang.clipMaxNewTokens)],
    ...["--sglang-schedule-conservativeness", String(sglang.scheduleConservativeness)],
    ...["--prefill-decode-interval", String(prefillDecodeInterval)],
  ];
}
