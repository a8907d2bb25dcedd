import { z } from "zod";
import { bandwidth, bytes, duration, exactlyOne, ONE_KEY, share, whole } from "./values.ts";

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

/** Host memory of each data-parallel rank behind its KV cache. */
export interface KvOffloadChoice {
  /** One of both. */
  hostBytes?: number | undefined;
  hostBlocks?: number | undefined;
  bytesPerSecond: number;
  /** What the profile says, where it is left out. */
  bytesPerToken?: number | undefined;
}

/** Settings of an engine that differ from what its profile and the defaults say. */
export interface EngineOverrides {
  /** Whose scheduler it plays. */
  family?: "vllm" | "trtllm" | "sglang" | undefined;
  /** What only the family `sglang` looks at. */
  sglang?:
    | {
        schedulePolicy?: "fifo" | "lpm" | undefined;
        maxPrefillTokens?: number | undefined;
        chunkedPrefillSize?: number | undefined;
        clipMaxNewTokens?: number | undefined;
        scheduleConservativeness?: number | undefined;
      }
    | undefined;
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
  prefillScheduleInterval?: number | undefined;
  prefillDecodeInterval?: number | undefined;
  /** Chances of the draft tokens of a step to be accepted, each if those before it were. */
  speculative?: { acceptRates: number[]; seed: number } | undefined;
  kvOffload?: KvOffloadChoice | undefined;
  /** Share of each answer that is reasoning, 0..1. */
  reasoning?: { ratio: number } | undefined;
  speedupRatio?: number | undefined;
  decodeSpeedupRatio?: number | undefined;
  timing?: TimingChoice | undefined;
}

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
const sglang = z
  .strictObject({
    schedulePolicy: z
      .enum(["fifo", "lpm"])
      .optional()
      .meta({ description: "Queue as it came, or longest cached prefix first" }),
    maxPrefillTokens: whole(1, 1e8, "Prompt tokens of a prefill batch"),
    chunkedPrefillSize: whole(1, 1e8, "Tokens of a prefill batch; longer prompts are cut, at whole blocks"),
    clipMaxNewTokens: whole(1, 1e8, "Most output tokens that the reservation of a request counts"),
    scheduleConservativeness: z
      .number()
      .positive()
      .max(100)
      .optional()
      .meta({ description: "Share of the reserved output that is kept free, before it decays" }),
  })
  .meta({ description: "Settings of the family sglang" });
const kvOffload = z
  .strictObject({
    hostBytes: bytes("Host memory of a worker, or of each of its data-parallel ranks").optional(),
    hostBlocks: whole(1, 2 ** 31 - 1, "The same in KV blocks"),
    bytesPerSecond: bandwidth("From host memory to the GPU; loads go one after the other"),
    bytesPerToken: bytes("KV cache of one token; by default what the profile says").optional(),
  })
  .superRefine(({ hostBytes, hostBlocks }, context) =>
    exactlyOne("size of host memory")({ hostBytes, hostBlocks }, context),
  )
  .meta({ description: "Keeps what the KV cache evicts in host memory (vllm, with prefix caching)" });
/** The settings of an engine; nothing is required. */
export const engineSchema = z.strictObject({
  family: z
    .enum(["vllm", "trtllm", "sglang"])
    .optional()
    .meta({ description: "Whose scheduler it plays; vllm by default" }),
  sglang: sglang.optional(),
  maxNumSeqs: whole(1, 1e6, "Most sequences in a batch"),
  maxNumBatchedTokens: whole(1, 1e8, "Token budget of a pass"),
  blockSize: whole(1, 65_536, "Tokens of a KV block"),
  numGpuBlocks: whole(1, 2 ** 31 - 1, "KV blocks of a worker; by default what the profile holds"),
  maxModelLen: whole(1, 1e8, "Longest prompt with its output, tokens"),
  prefixCaching: z.boolean().optional(),
  chunkedPrefill: z.boolean().optional(),
  preemption: z.enum(["lifo", "fifo"]).optional().meta({ description: "Who yields when the KV cache is full" }),
  prefillScheduleInterval: whole(1, 1000, "Data-parallel ranks that decode compute prompts every nth step (vllm)"),
  prefillDecodeInterval: whole(0, 1e6, "Decode passes after each pass with prompts, before the next (sglang)"),
  speculative: z
    .strictObject({
      acceptRates: z
        .array(share)
        .min(1)
        .max(5)
        .meta({ description: "Chance of each draft token to be accepted if those before it were" }),
      seed: z.int().min(0).default(42).meta({ description: "Of the draws" }),
    })
    .optional()
    .meta({ description: "Speculative decoding: several tokens a step" }),
  kvOffload: kvOffload.optional(),
  reasoning: z
    .strictObject({ ratio: share.meta({ description: "Of an answer's tokens, from its beginning" }) })
    .optional()
    .meta({ description: "A model that thinks before it answers" }),
  watermark: share.optional().meta({ description: "Share of the blocks kept free at admission" }),
  speedupRatio: z.number().min(0).max(1e9).optional().meta({ description: "Divides all engine times; 0: no waiting" }),
  decodeSpeedupRatio: z.number().min(0).max(1e9).optional().meta({ description: "Divides decode times once more" }),
  timing: timing.optional().meta({ description: "Where the times of a pass come from; the profile by default" }),
});
