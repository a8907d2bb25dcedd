import { posix } from "node:path";
import { ENGINE_FAMILIES } from "#mocker/engine";
import { type FlagRule, type FlagTable, flags, flagValue, type GivenFlag, readFlags, translated } from "../flags.ts";
import { readEngineArgs } from "./engine-args.ts";
import { containerPath, mountedProfile } from "./paths.ts";
import { PLAIN, type Source, type Translation } from "./translation.ts";

const KV_CACHE_DTYPES = ["auto", "bfloat16", "fp8", "fp8_ds_mla", "fp8_e4m3", "fp8_e5m2", "fp8_inc"];
const BACKENDS = [...ENGINE_FAMILIES];
const OVER_HTTP: FlagRule = { value: "text", leave: "workers and frontends meet over HTTP here" };

/** The flags of `python3 -m dynamo.mocker`, of all its generations. */
export const MOCKER_FLAGS: FlagTable = new Map([
  ...flags({ value: "text" }, "model-path", "model-name", "endpoint", "extra-engine-args", "planner-profile-data"),
  ...flags({ value: "text" }, "reasoning", "aic-system", "aic-backend-version"),
  ...flags({ value: "count" }, "num-gpu-blocks-override", "block-size", "max-num-seqs", "max-num-batched-tokens"),
  ...flags({ value: "count" }, "max-model-len", "data-parallel-size", "num-workers", "kv-bytes-per-token"),
  ...flags({ value: "count" }, "aic-tp-size", "aic-moe-tp-size", "aic-moe-ep-size", "aic-attention-dp-size"),
  ...flags({ value: "amount" }, "watermark", "speedup-ratio", "decode-speedup-ratio", "startup-time"),
  ...flags({ value: "amount" }, "gpu-memory-utilization", "mem-fraction-static", "free-gpu-memory-fraction"),
  ...flags({ value: "amount" }, "kv-transfer-bandwidth"),
  ...flags({ value: "number" }, "stagger-delay"),
  ...flags({ value: "switch" }, "enable-prefix-caching", "no-enable-prefix-caching"),
  ...flags({ value: "switch" }, "enable-chunked-prefill", "no-enable-chunked-prefill"),
  ...flags({ value: "switch" }, "aic-perf-model", "is-prefill-worker", "is-decode-worker"),
  ...flags({ value: ["lifo", "fifo"] }, "preemption-mode"),
  ...flags({ value: BACKENDS }, "engine-type", "aic-backend"),
  ...flags({ value: ["agg", "prefill", "decode"] }, "disaggregation-mode"),
  ...flags({ value: ["full_prompt", "destination_missing"] }, "kv-transfer-timing-mode"),
  ...flags({ value: KV_CACHE_DTYPES }, "kv-cache-dtype"),
  ...flags({ value: ["fifo", "fcfs", "lpm"] }, "sglang-schedule-policy"),
  ...flags({ value: "count" }, "sglang-page-size", "sglang-max-prefill-tokens", "sglang-chunked-prefill-size"),
  ...flags({ value: "count" }, "sglang-clip-max-new-tokens"),
  ...flags({ value: "amount" }, "sglang-schedule-conservativeness"),
  ...flags({ value: ["guaranteed_no_evict"] }, "trtllm-capacity-scheduler-policy"),
  ...flags({ value: "text" }, "aic-nextn-accept-rates"),
  ...flags({ value: "count" }, "aic-nextn"),
  ...flags({ value: "amount" }, "aic-mtp-seed"),
  ...flags(OVER_HTTP, "discovery-backend", "request-plane", "event-plane", "store-kv", "bootstrap-ports"),
  ...flags({ value: "text", leave: "KV events are at GET /kv_events here" }, "zmq-kv-events-ports", "zmq-replay-ports"),
  ...flags(
    { value: "switch", leave: "KV events are at GET /kv_events here" },
    ...["durable-kv-events", "no-durable-kv-events", "enable-local-indexer", "no-enable-local-indexer"],
  ),
  ...flags(
    {
      value: "text",
      refuse: {
        reason: "recorded answers are not replayed",
        hint: "leave it out: the same prompt gets the same text",
      },
    },
    "response-replay-trace-path",
  ),
]);

/** `python3 -m dynamo.mocker` as `understudy mocker`. @throws UserError for what can't be honoured */
export function translateMocker(source: Source): Translation {
  const { scope, program } = source;
  const where = scope.component.containerPath();
  const given = readFlags(program.args, MOCKER_FLAGS, program.name, where);
  const engineArgs = readEngineArgs(given, source);
  const all = withoutRivals([...withoutRoleSwitches(given), ...engineArgs.flags], scope.note);
  const kept = all.flatMap((flag) => ownFlag(flag, all, source));
  const argv = ["mocker", ...translated(kept, MOCKER_FLAGS, scope.note)];
  return { ...workerOf(argv), argv, files: engineArgs.files };
}

/** What a worker's command line of ours says of it. */
export function workerOf(argv: readonly string[]): Omit<Translation, "argv"> {
  const mode =
    flagValue(argv, "disaggregation-mode") ??
    (argv.includes("--is-prefill-worker") ? "prefill" : argv.includes("--is-decode-worker") ? "decode" : "agg");
  const path = flagValue(argv, "model-path");
  const model =
    flagValue(argv, "model-name") ?? flagValue(argv, "served-model-name") ?? flagValue(argv, "model") ?? null;
  const count = Number(flagValue(argv, "num-workers") ?? 1);
  return {
    ...PLAIN,
    kind: "worker",
    workersPerReplica: Number.isSafeInteger(count) && count > 0 ? count : 1,
    worker: {
      role: mode === "prefill" || mode === "decode" ? mode : "worker",
      model: model ?? (path === undefined ? null : posix.basename(path)),
    },
  };
}

/** The old switches of roles are the mode. */
function withoutRoleSwitches(given: readonly GivenFlag[]): GivenFlag[] {
  return given.map((flag) => {
    if (flag.name !== "is-prefill-worker" && flag.name !== "is-decode-worker") return flag;
    return { name: "disaggregation-mode", value: flag.name === "is-prefill-worker" ? "prefill" : "decode" };
  });
}

/** Times come from one source: what was measured goes before what is estimated. */
function withoutRivals(given: readonly GivenFlag[], note: (text: string) => void): GivenFlag[] {
  const has = (name: string) => given.some((flag) => flag.name === name);
  if (!has("planner-profile-data") || !has("aic-perf-model")) return [...given];
  note("--aic-perf-model and what belongs to it left aside: --planner-profile-data says the times");
  return given.filter(({ name }) => !name.startsWith("aic-"));
}

/** A flag whose value means something else here. */
function ownFlag(flag: GivenFlag, all: readonly GivenFlag[], source: Source): GivenFlag[] {
  const { name, value } = flag;
  if (name === "planner-profile-data") return [{ name, value: mountedProfile(value!, `--${name}`, source) }];
  if (name === "extra-engine-args") return [{ name, value: containerPath(value!, source) }];
  if (name === "model-path") {
    const known = all.find((other) => other.name === "model-name")?.value;
    return [{ name, value: modelPath(value!, known, source) }];
  }
  return [flag];
}

/** Weights on a claim are not here: the model's name says as much of it. */
export function modelPath(path: string, name: string | undefined, { scope, mounts }: Source): string {
  const isOnClaim = mounts.folders.some(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`));
  if (name === undefined || !isOnClaim) return path;
  scope.note(`--model-path ${path} is ${name} here: what its volume holds is not at hand`);
  return name;
}
