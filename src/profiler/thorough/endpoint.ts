import { readFileSync } from "node:fs";
import { join } from "node:path";
import { didYouMean, writeFileAtomically } from "#common";
import { loadTokenizer } from "#mocker/text";
import type { DecodeSamples, PrefillSamples, Profile, Provenance } from "#profiles";
import { resolveModel, servedModels } from "#src/loadgen";
import { type DecodePoint, decodePlan, prefillIsls } from "../sampling.ts";
import { prefillThroughputPerGpu } from "../sweep/throughput.ts";
import { readHalf, writeEndpointFiles } from "./endpoint-files.ts";
import { kvTokensMissing, measurementFailed, modelNotServed, otherWorkFolder } from "./errors.ts";
import { type DecodeFigures, EndpointMeter, MeasurementFailed } from "./measure/meter.ts";

export interface EndpointOptions {
  mode: "prefill" | "decode";
  /** Any OpenAI-compatible server. */
  url: string;
  /** Default: the only one that the server lists. */
  model?: string;
  /** A `tokenizer.json` or its folder; default: the built-in one. */
  tokenizerPath?: string;
  numGpus: number;
  /** KV capacity, tokens; must be above 0 for decode. */
  maxKvTokens: number;
  workDir: string;
  /** Longest context to sample, tokens. */
  maxContextLength: number;
  granularity: number;
  attentionDpSize: number;
  apiKey?: string;
  /** How fast the server's time goes (`understudy mocker --time-scale`); 1 where absent. */
  timeScale?: number;
  /** ITL of whole runs, as AIPerf's. */
  wholeRuns?: boolean;
  /** The newer TTFT of a DEP burst. */
  correctBurst?: boolean;
  /** Measure again what an earlier run has left in the folder. */
  forceRerun?: boolean;
  seed?: number;
  /** Name and version of this program, for the profile's provenance. */
  tool: string;
  now: () => Date;
  /** Ends the run: what has been measured until then is kept. */
  signal: AbortSignal;
  onProgress?: (progress: EndpointProgress) => void;
  onWarning?: (text: string) => void;
}

export interface EndpointProgress {
  /** Points measured, skipped ones included, and all. */
  done: number;
  total: number;
  /** `ISL 2621`, `215 requests of ISL 100`. */
  point: string;
  /** What came of it; absent while it is being measured. */
  outcome?: string;
}

/** What came of it; samples of the points that could be measured. */
export interface EndpointResult {
  mode: "prefill" | "decode";
  model: string;
  prefill?: PrefillSamples;
  decode?: DecodeSamples;
  /** Present where the folder now holds both halves. */
  profile?: Profile;
  measured: number;
  total: number;
  interrupted: boolean;
  /** In the order in which they were written. */
  files: string[];
}

/**
 * Measures one running endpoint at the points that a profile is made of, as Dynamo's `profile_endpoint` does. Runs that an
 * earlier try has left in the folder count unless `forceRerun`. A point that fails is left out, with a warning.
 * @throws UserError where nobody answers, the model is not served, a setting is missing, or no point could be measured
 */
export async function measureEndpoint(options: EndpointOptions): Promise<EndpointResult> {
  const { mode, maxContextLength: maxContext, granularity, maxKvTokens, attentionDpSize: attentionDp } = options;
  if (mode === "decode" && maxKvTokens <= 0) throw kvTokensMissing();
  const model = await modelOf(options);
  checkFolder(options, model);
  const meter = new EndpointMeter(await meterOptions(options, model));
  if (mode === "prefill") {
    const isls = prefillIsls(maxContext, granularity);
    const run = await measureAll(
      isls.map((isl) => ({ isl, name: `ISL ${isl}` })),
      async ({ isl }) => meter.prefill(isl),
      (ttftMs) => `TTFT ${ttftMs.toFixed(2)} ms`,
      options,
    );
    const layout = { gpus: options.numGpus, attentionDp, tp: options.numGpus, pp: 1, moeTp: 1, moeEp: 1 };
    const prefill: PrefillSamples = { isl: [], ttftMs: [], throughputPerGpu: [] };
    for (const { point, answer } of run.answers) {
      prefill.isl.push(point.isl);
      prefill.ttftMs.push(answer);
      prefill.throughputPerGpu.push(prefillThroughputPerGpu(point.isl, answer, layout));
    }
    return finish(options, model, run, { prefill });
  }
  const plan = decodePlan({ maxContext, maxKvTokens, granularity, attentionDp });
  for (const text of plan.warnings) options.onWarning?.(text);
  const run = await measureAll(
    plan.points.map((point) => ({ ...point, name: `${point.requests} requests of ISL ${point.isl}` })),
    ({ requests, isl, osl }) => meter.decode(requests, isl, osl),
    ({ itlMs, throughputPerGpu }) => `ITL ${itlMs.toFixed(2)} ms, ${throughputPerGpu.toFixed(1)} tokens/s/GPU`,
    options,
  );
  return finish(options, model, run, { decode: decodeSamples(run.answers, maxKvTokens) });
}

function decodeSamples(
  answers: readonly { point: DecodePoint; answer: DecodeFigures }[],
  maxKvTokens: number,
): DecodeSamples {
  return {
    kvUsage: answers.map(({ point }) => point.kvUsage),
    contextLength: answers.map(({ point }) => point.contextLength),
    itlMs: answers.map(({ answer }) => answer.itlMs),
    throughputPerGpu: answers.map(({ answer }) => answer.throughputPerGpu),
    maxKvTokens,
  };
}

interface Measured<Point, Answer> {
  answers: { point: Point; answer: Answer }[];
  total: number;
  interrupted: boolean;
}

/** One point after the other, until the signal. @throws UserError where the first one fails, as all would, or all did */
async function measureAll<Point extends { name: string }, Answer>(
  points: readonly Point[],
  ask: (point: Point) => Promise<Answer>,
  tell: (answer: Answer) => string,
  { url, signal, onProgress, onWarning }: EndpointOptions,
): Promise<Measured<Point, Answer>> {
  const answers: { point: Point; answer: Answer }[] = [];
  const total = points.length;
  for (const [i, point] of points.entries()) {
    onProgress?.({ done: i, total, point: point.name });
    try {
      const answer = await ask(point);
      answers.push({ point, answer });
      onProgress?.({ done: i + 1, total, point: point.name, outcome: tell(answer) });
    } catch (error) {
      if (signal.aborted) return { answers, total, interrupted: true };
      if (!(error instanceof MeasurementFailed)) throw error;
      const failure = measurementFailed(point.name, url, error.message);
      if (i === 0) throw failure;
      onWarning?.(`${failure.message}, skipping${failure.hint === undefined ? "" : ` (${failure.hint})`}`);
      onProgress?.({ done: i + 1, total, point: point.name, outcome: "failed" });
    }
  }
  return { answers, total, interrupted: false };
}

async function finish(
  options: EndpointOptions,
  model: string,
  { answers, total, interrupted }: Measured<unknown, unknown>,
  half: { prefill: PrefillSamples } | { decode: DecodeSamples },
): Promise<EndpointResult> {
  const { mode, workDir } = options;
  const result = { mode, model, ...half, measured: answers.length, total, interrupted };
  if (answers.length === 0) return { ...result, files: [] };
  const other =
    mode === "prefill" ? { decode: readHalf(workDir, "decode") } : { prefill: readHalf(workDir, "prefill") };
  const both = { ...other, ...half };
  const profile =
    both.prefill === undefined || both.decode === undefined
      ? undefined
      : { name: model, prefill: both.prefill, decode: both.decode, provenance: provenanceOf(options, model) };
  const files = await writeEndpointFiles(workDir, {
    name: model,
    ...half,
    ...(profile === undefined ? {} : { profile }),
  });
  return { ...result, files, ...(profile === undefined ? {} : { profile }) };
}

function provenanceOf({ numGpus, tool, now }: EndpointOptions, model: string): Provenance {
  return {
    model,
    gpusPerPrefillEngine: numGpus,
    gpusPerDecodeEngine: numGpus,
    source: "measured",
    date: now().toISOString().slice(0, 10),
    tool,
  };
}

/** @throws UserError where nobody answers, or the server does not list the model */
async function modelOf({ url, model, apiKey }: EndpointOptions): Promise<string> {
  const target = { url, ...(apiKey === undefined ? {} : { apiKey }) };
  if (model === undefined) return resolveModel(target);
  const served = await servedModels(target);
  // Some servers have no list, others one that leaves adapters out: an empty one says nothing.
  if (served !== null && served.length > 0 && !served.includes(model)) {
    throw modelNotServed(model, url, served, didYouMean(model, served));
  }
  return model;
}

/** What the runs in a folder are of: those of something else must not count. */
const SUBJECT_FILE = "endpoint.json";

function checkFolder(
  { workDir, forceRerun, numGpus, attentionDpSize, wholeRuns }: EndpointOptions,
  model: string,
): void {
  const path = join(workDir, SUBJECT_FILE);
  const subject = { model, numGpus, attentionDpSize, wholeRuns: wholeRuns ?? false };
  const text = `${JSON.stringify(subject, null, 2)}\n`;
  let found: string | null = null;
  try {
    found = readFileSync(path, "utf8");
  } catch {
    // A new one.
  }
  if (found !== null && found !== text && !forceRerun) throw otherWorkFolder(workDir, found);
  writeFileAtomically(path, text);
}

async function meterOptions(options: EndpointOptions, model: string) {
  const { url, apiKey, tokenizerPath, numGpus, attentionDpSize, workDir, timeScale, wholeRuns, seed } = options;
  return {
    target: { url, model, ...(apiKey === undefined ? {} : { apiKey }) },
    gpus: numGpus,
    attentionDp: attentionDpSize,
    folder: workDir,
    decodeFolder: (requests: number, isl: number, osl: number) => `aiperf_isl${isl}_osl${osl}_n${requests}`,
    skipExisting: !options.forceRerun,
    correctBurst: options.correctBurst ?? false,
    freshPrompts: true,
    signal: options.signal,
    onWarning: (text: string) => options.onWarning?.(text),
    ...(tokenizerPath === undefined ? {} : { tokenizer: await loadTokenizer(tokenizerPath) }),
    ...(timeScale === undefined ? {} : { timeScale }),
    ...(wholeRuns === undefined ? {} : { wholeRuns }),
    ...(seed === undefined ? {} : { seed }),
  };
}
