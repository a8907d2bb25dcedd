import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Profile, saveProfileJson, saveResultsFolder } from "#profiles";
import { interpolateDecode, interpolatePrefill } from "../interpolation/interpolate.ts";
import { decodePlan, PREFILL_HEADROOM, prefillIsls } from "../sampling.ts";
import { withCandidate } from "../sweep/candidate.ts";
import type { Mapping, SearchStrategy } from "../types.ts";
import { minutesSeconds } from "./log.ts";
import { gpusText, type Run } from "./run-context.ts";

export const PREFILL_FOLDER = "selected_prefill_interpolation";
export const DECODE_FOLDER = "selected_decode_interpolation";
/** Batch size → ITL and throughput, beside the samples: what a planner looks up (Dynamo's documents, "phase 5"). */
export const BATCHES_FILE = "batch_sizes.json";

const numbers = z.array(z.number());
const facts = z
  .object({
    backendVersion: z.string().optional(),
    kvBytesPerToken: z.number().optional(),
    startupMs: z.number().optional(),
  })
  .optional();
const prefillKept = z.object({
  samples: z.object({ isl: numbers, ttftMs: numbers, throughputPerGpu: numbers }).optional(),
  warnings: z.array(z.string()),
  changes: z.array(z.string()),
  facts,
});
const decodeKept = z.object({
  samples: z.object({
    kvUsage: numbers,
    contextLength: numbers,
    itlMs: numbers,
    throughputPerGpu: numbers,
    maxKvTokens: z.number(),
    batches: z.array(
      z.object({
        isl: z.number(),
        contextLength: z.number(),
        batchSize: z.number(),
        itlMs: z.number(),
        throughputPerGpu: z.number(),
      }),
    ),
  }),
  warnings: z.array(z.string()),
  changes: z.array(z.string()),
  facts,
});

/**
 * Checks before a sweep what would end the run after it: that the longest context leaves room to sample.
 * @throws UserError PROFILER_CONTEXT_TOO_SMALL
 */
export function checkContext(run: Run): void {
  const { request, log } = run;
  const { isl, osl } = request.workload;
  const known = knownContext(run);
  if (known === undefined) return;
  if (request.sweep.interpolation !== "none") {
    prefillIsls(known, request.sweep.prefillGranularity, headroomOf(request));
    decodePlan({ maxContext: known, maxKvTokens: Number.MAX_SAFE_INTEGER, granularity: 1 });
  }
  if (isl + osl > known) {
    log.warning(
      `ISL ${isl} + OSL ${osl} exceed the longest context of ${known} tokens: no engine serves such requests`,
    );
  }
}

/**
 * Samples the chosen engines into a profile and writes it in both formats. Undefined where one of them gave none, with a warning:
 * the run goes on without a profile.
 */
export async function buildCurves(
  run: Run,
  strategy: SearchStrategy,
  chosen: { prefill: Mapping; decode: Mapping },
): Promise<Profile | undefined> {
  const { request, log, services, folder } = run;
  const source = await run.source(strategy);
  const maxContext = maxContextOf(run);
  const sampling = {
    maxContext,
    signal: services.signal,
    atOnce: strategy === "rapid",
    sanitise: strategy === "rapid",
    onFailedPoint: (what: string) => log.warning(`Decode interpolation: ${what}`),
  };
  const context = { ...run.pipeline, folderOf: (phase: "prefill" | "decode") => folderOf(phase) };
  const { prefillGranularity, decodeGranularity } = request.sweep;
  const headroom = headroomOf(request);

  run.heading(`Phase 4: Prefill interpolation (${chosen.prefill.label}, ${gpusText(chosen.prefill.layout.gpus)})`);
  const prefill = await withCandidate(
    source,
    "prefill",
    chosen.prefill,
    { maxContext, granularity: prefillGranularity, headroom },
    prefillKept,
    context,
    async (engine) => ({
      ...(await interpolatePrefill(engine, {
        ...sampling,
        granularity: prefillGranularity,
        headroom,
        onPoint: progressTeller(run, "Prefill interpolation"),
      })),
      facts: engine.facts,
    }),
  );
  run.heading(`Phase 5: Decode interpolation (${chosen.decode.label}, ${gpusText(chosen.decode.layout.gpus)})`);
  const refine = services.refine ?? 0;
  const decode = await withCandidate(
    source,
    "decode",
    chosen.decode,
    { maxContext, granularity: decodeGranularity, refine },
    decodeKept,
    context,
    async (engine) => ({
      ...(await interpolateDecode(engine, {
        ...sampling,
        granularity: decodeGranularity,
        refine,
        onPoint: progressTeller(run, "Decode interpolation"),
      })),
      facts: engine.facts,
    }),
  );
  if ("skipped" in prefill || "skipped" in decode) {
    log.warning("Deployment or model failed to become ready within timeout, skipping profiling");
    return undefined;
  }
  for (const text of [...prefill.result.warnings, ...decode.result.warnings]) log.warning(text);
  if (prefill.result.samples === undefined) return undefined;
  const { batches, ...samples } = decode.result.samples;
  const profile: Profile = {
    name: profileName(run),
    prefill: prefill.result.samples,
    decode: samples,
    provenance: provenanceOf(run, strategy, chosen, { prefill: prefill.result, decode: decode.result }),
  };
  saveResultsFolder(profile, folder.path);
  saveProfileJson(profile, `${folder.path}/profile.json`);
  folder.note(`${PREFILL_FOLDER}/raw_data.npz`, `${DECODE_FOLDER}/raw_data.npz`, "profile.json");
  folder.write(`${DECODE_FOLDER}/${BATCHES_FILE}`, `${JSON.stringify(batches, null, 2)}\n`);
  return profile;
}

/** Real ms between two lines of progress. */
const PROGRESS_MS = 10_000;

/** Says now and then how far it is, and how long the rest may take if it goes on like this. */
function progressTeller({ log, services }: Run, what: string): (done: number, total: number) => void {
  const startedAt = services.now().getTime();
  let said = startedAt;
  return (done, total) => {
    const now = services.now().getTime();
    if (now - said < PROGRESS_MS || done === total) return;
    said = now;
    const leftMs = ((now - startedAt) / done) * (total - done);
    log.info(`${what}: ${done} of ${total} points, about ${minutesSeconds(leftMs)} left`);
  };
}

/**
 * The first profiler (0.3) named the folders of the chosen engines by their size; its documents read them by that name and by the
 * later one.
 */
export function copyUnderOldNames({ folder }: Run, { prefill, decode }: { prefill: Mapping; decode: Mapping }): void {
  const names = [
    [PREFILL_FOLDER, `prefill_tp${prefill.layout.gpus}_interpolation`],
    [DECODE_FOLDER, `decode_tp${decode.layout.gpus}_interpolation`],
  ] as const;
  for (const [from, to] of names) {
    for (const file of folder.files.filter((name) => name.startsWith(`${from}/`))) {
      folder.write(`${to}/${file.slice(from.length + 1)}`, readFileSync(join(folder.path, file)));
    }
  }
}

function folderOf(phase: "prefill" | "decode"): string {
  return phase === "prefill" ? PREFILL_FOLDER : DECODE_FOLDER;
}

/** Where neither the user nor the model says it: twice the input, or this, tokens. */
const FALLBACK_CONTEXT = 8192;

/** Longest context to sample. */
function maxContextOf(run: Run): number {
  const known = knownContext(run);
  if (known !== undefined) return known;
  const { isl } = run.request.workload;
  const fallback = isl > 0 ? Math.max(2 * isl, FALLBACK_CONTEXT) : FALLBACK_CONTEXT;
  run.log.warning(`The model does not say its max_context_length, setting to ${fallback}`);
  return fallback;
}

/** The user's longest context, the model's, the shorter one where both say. */
function knownContext({ request, facts }: Run): number | undefined {
  const said = [request.engine.maxContextLength, facts?.maxContextLength].filter(
    (tokens): tokens is number => tokens !== undefined && tokens > 0,
  );
  return said.length > 0 ? Math.min(...said) : undefined;
}

function headroomOf({ dialect }: Run["request"]): number {
  return dialect === "0.3" ? 0 : PREFILL_HEADROOM;
}

function profileName({ request }: Run): string {
  const { model, hardware } = request;
  const last = model.replace(/\/+$/, "").split("/").at(-1) ?? model;
  return [hardware.gpuSku ?? request.aic.system, last].filter((part) => part !== undefined).join(" ");
}

function provenanceOf(
  { request, backend, services }: Run,
  strategy: SearchStrategy,
  { prefill, decode }: { prefill: Mapping; decode: Mapping },
  measured: { prefill: z.infer<typeof prefillKept>; decode: z.infer<typeof decodeKept> },
): Profile["provenance"] {
  const gpu = request.hardware.gpuSku ?? request.aic.system;
  const { backendVersion, kvBytesPerToken, startupMs: decodeStartupMs } = measured.decode.facts ?? {};
  const prefillStartupMs = measured.prefill.facts?.startupMs;
  const note = [...measured.prefill.changes, ...measured.decode.changes].join("; ");
  return {
    model: request.model,
    ...(gpu === undefined ? {} : { gpu }),
    backend,
    ...(backendVersion === undefined ? {} : { backendVersion }),
    ...(kvBytesPerToken === undefined ? {} : { kvBytesPerToken }),
    ...(prefillStartupMs === undefined ? {} : { prefillStartupMs }),
    ...(decodeStartupMs === undefined ? {} : { decodeStartupMs }),
    parallelism: prefill.label === decode.label ? prefill.label : `${prefill.label} prefill, ${decode.label} decode`,
    gpusPerPrefillEngine: prefill.layout.gpus,
    gpusPerDecodeEngine: decode.layout.gpus,
    source: strategy === "rapid" ? "estimated" : "measured",
    date: services.now().toISOString().slice(0, 10),
    tool: services.tool,
    ...(note === "" ? {} : { note }),
  };
}
