import { z } from "zod";
import { type EngineOverrides, engineSchema } from "./engine.ts";
import { ofOtherFamilies } from "./families.ts";
import { type RouterChoice, routerSchema, type WrittenRouter } from "./router.ts";
import { bandwidth, bytes, duration, whole } from "./values.ts";

/** Workers of one role as the run begins. */
export interface PoolSettings {
  workers: number;
  /** null: what the profile says, or 0. */
  startupMs: number | null;
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
  "slotAhead",
  "hitsCountAsRoom",
  "unclampedReserve",
  "freeTransferredToken",
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
  router: RouterChoice;
  /** null: a transfer takes no time. `bytesPerToken` null: what the profile says. */
  transfer: {
    bytesPerSecond: number;
    bytesPerToken: number | null;
    timing: "full_prompt" | "destination_missing";
  } | null;
  quirks: Quirk[];
}

/** The same before the files are read that it names. */
export type WrittenDeployment = Omit<Deployment, "router"> & { router: WrittenRouter };

const pool = z.strictObject({
  workers: z.int().min(0).max(100_000).default(1).meta({ description: "Workers at the start" }),
  startup: duration(
    "From the decision to start a worker until it is ready; by default what the profile says, or 0",
  ).optional(),
  gpusPerWorker: whole(1, 1024, "GPUs of a worker; by default what the profile says"),
  dpSize: z.int().min(1).max(1024).default(1).meta({ description: "Data-parallel ranks of a worker" }),
  engine: engineSchema.default({}),
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
    engine: engineSchema.optional().meta({ description: "Settings of all engines; a pool's own come on top" }),
    router: routerSchema,
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
    for (const issue of ofOtherFamilies(written)) context.addIssue({ code: "custom", ...issue });
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
  .transform((written): WrittenDeployment => {
    const settings = (p: typeof written.prefill): PoolSettings => ({
      workers: p?.workers ?? 1,
      startupMs: p?.startup ?? null,
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
