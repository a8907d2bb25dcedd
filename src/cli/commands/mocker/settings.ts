import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { wallClock } from "#common";
import { hostPort } from "#common/http";
import type { EngineConfig, EngineRole, TransferModel } from "#mocker/engine";
import { builtinTokenizer, loadTokenizer, type Tokenizer } from "#mocker/text";
import type { StartWorkerHostOptions } from "#mocker/worker";
import { packageVersion } from "../../version.ts";
import { engineOf } from "./engine.ts";
import { badFlag, contradiction } from "./errors.ts";
import { engineLog } from "./estimated-engine.ts";
import { readEngineArgs } from "./extra-args.ts";
import type { MockerFlags } from "./flags.ts";
import { bytesPerSecondOf, DEFAULT_KV_BYTES_PER_TOKEN, knownKvBytes } from "./kv-sizes.ts";
import { reasoningOf } from "./reasoning.ts";
import { type TimingSource, timingSource } from "./timing.ts";

/** Dynamo's default. */
const HANDOFF_TIMEOUT_MS = 300_000;
const DEFAULT_PORT = 8001;

/** What flags, the environment and files come to. */
export interface MockerSettings {
  host: StartWorkerHostOptions;
  registerDir: string | null;
  drainTimeoutMs: number;
  json: boolean;
  /** What the user should know of these settings. */
  notices: string[];
  /** Lines of the engine that is played. */
  engineLog: string[];
}

/** @throws UserError for what is wrong, contradictory or can't be honoured */
export async function mockerSettings(given: MockerFlags): Promise<MockerSettings> {
  const fromFile = given.extraEngineArgs === undefined ? {} : readEngineArgs(given.extraEngineArgs);
  const flags: MockerFlags = { ...given, ...fromFile };
  const notices: string[] = [];
  const role = roleOf(flags, notices);
  const source = timingSource(flags);
  const engine = engineOf(flags, role, source);
  const count = flags.numWorkers ?? 1;
  const zmq = zmqEndpoints(flags, engine, count);
  const [namespace, component, endpoint] = dynamoEndpoint(flags.endpoint, role);
  const names = modelNames(flags, source);
  return {
    registerDir: flags.registerDir === undefined ? null : resolve(flags.registerDir),
    drainTimeoutMs: flags.drainTimeout ?? 30_000,
    json: flags.json ?? false,
    notices,
    engineLog:
      flags.engineLog && source.kind === "estimator"
        ? engineLog(flags, source.engine, engine.numGpuBlocks * engine.blockSize)
        : [],
    host: {
      count,
      host: flags.host ?? "127.0.0.1",
      port: flags.port ?? DEFAULT_PORT,
      clock: wallClock(flags.timeScale ?? 1),
      ...(flags.advertiseHost === undefined ? {} : { advertiseHost: flags.advertiseHost }),
      ...(flags.maxConnections === undefined ? {} : { maxConnections: flags.maxConnections }),
      ...(flags.requestTimeout === undefined ? {} : { requestTimeoutMs: flags.requestTimeout }),
      // −1 s: by their number.
      ...((flags.staggerDelay ?? -1) < 0 ? {} : { staggerMs: flags.staggerDelay! }),
      ...(zmq === null ? {} : { kvEventsZmq: (index: number) => zmq.events[index] ?? null }),
      settings: {
        model: names[0]!,
        engine,
        dpSize: flags.dataParallelSize ?? 1,
        transfer: transferOf(flags, source, notices, role),
        startupMs: flags.startupTime ?? profiledStartupMs(source, role),
        tokenizer: await tokenizerOf(flags),
        handoffTimeoutMs: flags.handoffTimeout ?? HANDOFF_TIMEOUT_MS,
        trustRequestStart: flags.trustRequestStart ?? false,
      },
      http: {
        apiKeys: apiKeys(flags),
        modelAliases: names.slice(1),
        maxWaiting: flags.maxWaiting ?? null,
        ...(flags.defaultOutputTokens === undefined ? {} : { defaultOutputTokens: flags.defaultOutputTokens }),
        reasoningMarks: reasoningOf(flags.reasoning)?.marks ?? null,
        metricNames: flags.metricNames ?? (engine.family === "sglang" ? "sglang" : "vllm"),
        dynamoPlace: { namespace, component, endpoint },
        seed: flags.seed ?? 0,
        logLevel: flags.logLevel ?? "warn",
        version: packageVersion(),
        zmq: zmq?.sockets ?? {},
      },
    },
  };
}

/** What the profile says that such an engine takes to start. */
function profiledStartupMs(source: TimingSource, role: EngineRole): number {
  if (source.kind !== "profile") return 0;
  const { prefillStartupMs, decodeStartupMs } = source.profile.provenance;
  return (role === "prefill" ? prefillStartupMs : decodeStartupMs) ?? 0;
}

function roleOf(flags: MockerFlags, notices: string[]): EngineRole {
  const { isPrefillWorker, isDecodeWorker, disaggregationMode } = flags;
  if (isPrefillWorker && isDecodeWorker) {
    throw contradiction(
      "--is-prefill-worker, --is-decode-worker",
      "Cannot specify both --is-prefill-worker and --is-decode-worker",
    );
  }
  const old = isPrefillWorker ? "prefill" : isDecodeWorker ? "decode" : null;
  if (old === null)
    return disaggregationMode === undefined || disaggregationMode === "agg" ? "aggregated" : disaggregationMode;
  notices.push(`--is-${old}-worker is deprecated: --disaggregation-mode ${old}`);
  if (disaggregationMode !== undefined && disaggregationMode !== old) {
    throw contradiction(
      `--is-${old}-worker, --disaggregation-mode`,
      `one says ${old}, the other ${disaggregationMode}`,
    );
  }
  return old;
}

function transferOf(
  flags: MockerFlags,
  source: TimingSource,
  notices: string[],
  role: EngineRole,
): TransferModel | null {
  const bytesPerSecond = bytesPerSecondOf("--kv-transfer-bandwidth", flags.kvTransferBandwidth);
  const known = knownKvBytes(flags, source);
  if (known === null && (flags.kvOffloadingSize !== undefined || (role === "decode" && bytesPerSecond > 0))) {
    notices.push(
      `nothing says how large the KV of a token is: ${DEFAULT_KV_BYTES_PER_TOKEN} bytes (Llama 3.1 8B) are taken; --kv-bytes-per-token sets it`,
    );
  }
  if (bytesPerSecond === 0) return null;
  return {
    bytesPerToken: known ?? DEFAULT_KV_BYTES_PER_TOKEN,
    bytesPerSecond,
    timing: flags.kvTransferTimingMode ?? "full_prompt",
  };
}

function modelNames(flags: MockerFlags, source: TimingSource): string[] {
  const served = flags.servedModelName ?? [];
  const own = flags.modelName ?? served[0] ?? flags.model;
  const derived =
    flags.modelPath === undefined
      ? source.kind === "profile"
        ? (source.profile.provenance.model ?? source.profile.name)
        : "mock-model"
      : basename(resolve(flags.modelPath));
  return [...new Set([own ?? derived, ...served])];
}

async function tokenizerOf(flags: MockerFlags): Promise<Tokenizer> {
  if (flags.tokenizer === "builtin") return builtinTokenizer();
  if (flags.tokenizer !== undefined) return await loadTokenizer(flags.tokenizer);
  const { modelPath } = flags;
  const has = modelPath !== undefined && isFolder(modelPath) && existsSync(join(modelPath, "tokenizer.json"));
  return has ? await loadTokenizer(modelPath) : builtinTokenizer();
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

function apiKeys(flags: MockerFlags): string[] {
  const keys = [...(flags.apiKey ?? [])];
  if (flags.apiKeyFile !== undefined) {
    const lines = readFileSync(flags.apiKeyFile, "utf8").split("\n");
    keys.push(...lines.map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#")));
    if (keys.length === 0) throw badFlag("--api-key-file", flags.apiKeyFile, "a file with a key on a line");
  }
  if (keys.some((key) => !/^\S+$/.test(key))) {
    throw badFlag("--api-key", "(not shown)", "keys without spaces, and not empty");
  }
  return keys;
}

/** `dyn://namespace.component.endpoint`. */
function dynamoEndpoint(text: string | undefined, role: EngineRole): [string, string, string] {
  const namespace = process.env.DYN_NAMESPACE ?? "dynamo";
  if (text === undefined) return [namespace, role === "prefill" ? "prefill" : "backend", "generate"];
  const match = /^dyn:\/\/([^./]+)\.([^./]+)\.([^./]+)$/.exec(text);
  if (match === null) throw badFlag("--endpoint", text, "dyn://<namespace>.<component>.<endpoint>");
  return [match[1]!, match[2]!, match[3]!];
}

function zmqEndpoints(
  flags: MockerFlags,
  engine: EngineConfig,
  count: number,
): { events: string[]; sockets: Record<string, { bind: string; replay?: string }> } | null {
  const { zmqKvEventsPorts: ports, zmqReplayPorts: replayPorts } = flags;
  if (ports === undefined) {
    if (replayPorts === undefined) return null;
    throw contradiction("--zmq-replay-ports", "there is nothing to replay", "give --zmq-kv-events-ports, too");
  }
  for (const [flag, given] of [
    ["--zmq-kv-events-ports", ports],
    ["--zmq-replay-ports", replayPorts],
  ] as const) {
    if (given !== undefined && given.length !== count) {
      throw badFlag(flag, given.join(","), `one port per worker: ${count}`);
    }
  }
  if (!engine.kvEvents) {
    throw contradiction(
      "--zmq-kv-events-ports",
      "this worker has no KV events to publish",
      "they need prefix caching, and no worker of --disaggregation-mode decode publishes any",
    );
  }
  const host = flags.host ?? "127.0.0.1";
  const address = (at: string, port: number) => `tcp://${hostPort(at, port)}`;
  const events = ports.map((port) => address(flags.advertiseHost ?? host, port));
  const sockets = ports.map((port, i) => {
    const replay = replayPorts === undefined ? {} : { replay: address(host, replayPorts[i]!) };
    return [events[i]!, { bind: address(host, port), ...replay }] as const;
  });
  return { events, sockets: Object.fromEntries(sockets) };
}
