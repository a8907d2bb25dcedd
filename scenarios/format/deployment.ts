import { z } from "zod";
import { bandwidth, bytes, duration, exactlyOne, ONE_KEY, share } from "./values.ts";

/** What an engine's times come from; `profile` reads the deployment's profile. */
export type TimingChoice =
  | { kind: "profile" }
  | { kind: "polynomial" }
  | { kind: "fixed"; prefillMs: number; decodeMs: number }
  /** Path of a mocker table (npz). */
  | { kind: "table"; file: string }
  | ({ kind: "estimator" } & EstimatedEngine);

/** An engine whose times the built-in estimator knows. */
export interface EstimatedEngine {
  /** Hugging Face id, or a folder with a `config.json` (made absolute). */
  model: string;
  /** GPU system, such as `h200_sxm`. */
  gpu: string;
  backend: "vllm" | "sglang" | "trtllm";
  backendVersion?: string | undefined;
  /** `tp4`, `tep8`, `dep8`. */
  parallelism: string;
  /** Share of GPU memory that the engine may use, in its backend's own sense. */
  memoryFraction?: number | undefined;
  quantization?:
    | { gemm?: string | undefined; moe?: string | undefined; kvcache?: string | undefined; fmha?: string | undefined }
    | undefined;
}

/** Settings of an engine that differ from what its profile and the defaults say. */
export interface EngineOverrides {
  maxNumSeqs?: number | undefined;
  maxNumBatchedTokens?: number | undefined;
  blockSize?: number | undefined;
  numGpuBlocks?: number | undefined;
  maxModelLen?: number | undefined;
  prefixCaching?: boolean | undefined;
  chunkedPrefill?: boolean | undefined;
  preemption?: "lifo" | "fifo" | undefined;
  /** Share of the blocks kept free at admission, 0..1. */
  watermark?: number | undefined;
  speedupRatio?: number | undefined;
  decodeSpeedupRatio?: number | undefined;
  timing?: TimingChoice | undefined;
}

/** Workers of one role as the run begins. */
export interface PoolSettings {
  workers: number;
  startupMs: number;
  /** null: what the profile says, or 1. */
  gpusPerWorker: number | null;
  dpSize: number;
  engine: EngineOverrides;
}

/** Switches of compatibility with DynoSim that a scenario may name; `dynosim` stands for all. */
export const QUIRKS = [
  "integerMeans",
  "freeOutputRecompute",
  "fifoSkipsNext",
  "freeDecodeRecompute",
  "oneReservationPerTrigger",
  "duplicateBlocks",
  "gateWithoutReservation",
  "doubleRounding",
  "abortOnStuck",
  "fixedPrefillPerPass",
  "reservationsFirst",
  "passesBeforeArrivals",
] as const;
export type Quirk = (typeof QUIRKS)[number];

export interface Deployment {
  /** A shipped profile's name or a path (made absolute); null where no engine needs one. */
  profile: string | null;
  surfaces: "robust" | "compat";
  mode: "agg" | "disagg";
  /** null in aggregated mode, where `decode` is the one pool. */
  prefill: PoolSettings | null;
  decode: PoolSettings;
  router: "round-robin" | "least-loaded";
  /** null: a transfer takes no time. `bytesPerToken` null: what the profile says. */
  transfer: {
    bytesPerSecond: number;
    bytesPerToken: number | null;
    timing: "full_prompt" | "destination_missing";
  } | null;
  quirks: Quirk[];
}

const whole = (least: number, most: number, description: string) =>
  z.int().min(least).max(most).optional().meta({ description });

const format = z.string().min(1).optional();
const estimatedEngine = z
  .strictObject({
    model: z.string().min(1).meta({ description: "Hugging Face id, or a folder with a config.json" }),
    gpu: z.string().min(1).meta({ description: "GPU system, such as h200_sxm" }),
    backend: z.enum(["vllm", "sglang", "trtllm"]),
    backendVersion: z.string().min(1).optional(),
    parallelism: z
      .string()
      .regex(/^(tp|tep|dep)[1-9]\d*$/, "expected tpN, tepN or depN")
      .meta({ description: "tp4, tep8 or dep8: how the engine is spread over its GPUs" }),
    memoryFraction: share.optional().meta({ description: "GPU memory the engine may use, in its backend's sense" }),
    quantization: z
      .strictObject({ gemm: format, moe: format, kvcache: format, fmha: format })
      .optional()
      .meta({ description: "Number formats where they are not the checkpoint's, such as fp8" }),
  })
  .meta({ description: "The built-in estimator's times of an engine" });
const timing = z
  .union([
    z.enum(["profile", "polynomial"]),
    z
      .strictObject({
        fixed: z.strictObject({ prefill: duration("A prefill pass"), decode: duration("A decode pass") }).optional(),
        table: z
          .string()
          .min(1)
          .optional()
          .meta({ description: "A mocker table (npz), relative to the scenario's file" }),
        estimator: estimatedEngine.optional(),
      })
      .superRefine(exactlyOne("kind of timing"))
      .meta(ONE_KEY),
  ])
  .transform((written): TimingChoice => {
    if (typeof written === "string") return { kind: written };
    if (written.fixed) {
      return { kind: "fixed", prefillMs: written.fixed.prefill, decodeMs: written.fixed.decode };
    }
    if (written.estimator) return { kind: "estimator", ...written.estimator };
    return { kind: "table", file: written.table! };
  });
const engine = z.strictObject({
  maxNumSeqs: whole(1, 1e6, "Most sequences in a batch"),
  maxNumBatchedTokens: whole(1, 1e8, "Token budget of a pass"),
  blockSize: whole(1, 65_536, "Tokens of a KV block"),
  numGpuBlocks: whole(1, 2 ** 31 - 1, "KV blocks of a worker; by default what the profile holds"),
  maxModelLen: whole(1, 1e8, "Longest prompt with its output, tokens"),
  prefixCaching: z.boolean().optional(),
  chunkedPrefill: z.boolean().optional(),
  preemption: z.enum(["lifo", "fifo"]).optional().meta({ description: "Who yields when the KV cache is full" }),
  watermark: share.optional().meta({ description: "Share of the blocks kept free at admission" }),
  speedupRatio: z.number().min(0).max(1e9).optional().meta({ description: "Divides all engine times; 0: no waiting" }),
  decodeSpeedupRatio: z.number().min(0).max(1e9).optional().meta({ description: "Divides decode times once more" }),
  timing: timing.optional().meta({ description: "Where the times of a pass come from; the profile by default" }),
});

const pool = z.strictObject({
  workers: z.int().min(0).max(100_000).default(1).meta({ description: "Workers at the start" }),
  startup: duration("From the decision to start a worker until it is ready").prefault(0),
  gpusPerWorker: whole(1, 1024, "GPUs of a worker; by default what the profile says"),
  dpSize: z.int().min(1).max(1024).default(1).meta({ description: "Data-parallel ranks of a worker" }),
  engine: engine.default({}),
});

/** The `deployment:` section; paths as written. */
export const deploymentSchema = z
  .strictObject({
    profile: z
      .string()
      .min(1)
      .optional()
      .meta({ description: "A shipped profile's name, a folder, or an npz, relative to the scenario's file" }),
    surfaces: z.enum(["robust", "compat"]).default("robust").meta({ description: "How the profile is interpolated" }),
    mode: z.enum(["agg", "disagg"]).meta({ description: "One pool of workers, or prefill and decode apart" }),
    prefill: pool.optional(),
    decode: pool.optional(),
    agg: pool.optional().meta({ description: "The workers in aggregated mode" }),
    engine: engine.optional().meta({ description: "Settings of all engines; a pool's own come on top" }),
    router: z.enum(["round-robin", "least-loaded"]).default("least-loaded"),
    kvTransfer: z
      .strictObject({
        bandwidth: bandwidth("Of one transfer; transfers do not share it"),
        bytesPerToken: bytes("KV cache of one token; by default what the profile says").optional(),
        timing: z
          .enum(["full_prompt", "destination_missing"])
          .default("full_prompt")
          .meta({ description: "Whether all of the prompt travels or only what the decode worker lacks" }),
      })
      .optional(),
    quirks: z
      .union([z.literal("dynosim"), z.array(z.enum(QUIRKS))])
      .default([])
      .meta({ description: "Compatibility with DynoSim: all of it, or single switches" }),
  })
  .superRefine((written, context) => {
    const wrong = written.mode === "agg" ? (["prefill", "decode"] as const) : (["agg"] as const);
    for (const key of wrong) {
      if (written[key] === undefined) continue;
      const hint =
        written.mode === "agg"
          ? "in mode agg the workers stand under agg:"
          : "in mode disagg they stand under prefill: and decode:";
      context.addIssue({
        code: "custom",
        path: [key],
        message: `expected no ${key} in mode ${written.mode}`,
        params: { hint },
      });
    }
    if (written.mode === "agg" && written.kvTransfer !== undefined) {
      context.addIssue({
        code: "custom",
        path: ["kvTransfer"],
        message: "expected no kvTransfer in mode agg: nothing travels",
      });
    }
    if (written.profile !== undefined) return;
    const pools = written.mode === "agg" ? [written.agg] : [written.prefill, written.decode];
    const timings = pools.map((p) => p?.engine.timing ?? written.engine?.timing);
    if (timings.some((timing) => timing === undefined || timing.kind === "profile")) {
      context.addIssue({
        code: "custom",
        path: ["profile"],
        message: "found nothing, expected the profile that the engines play",
        params: {
          hint: "such as profile: h200-llama-3.1-8b-fp8-tp1-estimate; only timing: polynomial, fixed, table or estimator go without",
        },
      });
    }
  })
  .transform((written): Deployment => {
    const settings = (p: typeof written.prefill): PoolSettings => ({
      workers: p?.workers ?? 1,
      startupMs: p?.startup ?? 0,
      gpusPerWorker: p?.gpusPerWorker ?? null,
      dpSize: p?.dpSize ?? 1,
      engine: { ...written.engine, ...p?.engine },
    });
    const { kvTransfer } = written;
    return {
      profile: written.profile ?? null,
      surfaces: written.surfaces,
      mode: written.mode,
      prefill: written.mode === "agg" ? null : settings(written.prefill),
      decode: settings(written.mode === "agg" ? written.agg : written.decode),
      router: written.router,
      transfer:
        kvTransfer === undefined
          ? null
          : {
              bytesPerSecond: kvTransfer.bandwidth,
              bytesPerToken: kvTransfer.bytesPerToken ?? null,
              timing: kvTransfer.timing,
            },
      quirks: written.quirks === "dynosim" ? [...QUIRKS] : written.quirks,
    };
  });
