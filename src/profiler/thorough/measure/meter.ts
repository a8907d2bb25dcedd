import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { type RandomStream, randomStream, wallClock } from "#common";
import type { Tokenizer } from "#mocker/text";
import type { Workload } from "#scenarios";
import { type LoadOptions, type LoadProgress, type LoadResult, type LoadTarget, runLoad } from "#src/loadgen";
import type { PlannedWork } from "../driver.ts";
import { type RunFigures, readFigures, writeRun } from "./artifacts.ts";
import { TokenTimes } from "./steady.ts";

/** Prompts of each attention rank in a DEP burst (Dynamo's `attn_dp_num_req_ratio`). */
const BURST_PER_RANK = 4;
const PREFILL_OSL = 5;
const PREFILL_WARM_UP = 3;
const PREFILL_SEED = 100;
const LARGEST_SEED = 1_000_000;
/** Of the run that finds out what the server adds to a prompt, tokens. */
const PROBE_ISL = 100;
const PROBE_OSL = 2;
/** Requests before anything is measured: code on both sides that has run is compiled, connections are open. */
const PROBE_WARM_UP = 24;
/** A TTFT below this is taken so many times, one after the other, and the least counts: all that differs between
 * them is a machine's hiccups, which only add. Real ms. */
const SHORT_TTFT_MS = 1000;
const SHORT_TTFT_REQUESTS = 4;
/** A chat template adds no more than that; another tokenizer might. */
const LARGEST_TEMPLATE = 64;
/** As AIPerf is told by Dynamo's profiler, ms. */
const REQUEST_TIMEOUT_MS = 1_800_000;
/** Tokens of a warm-up: enough to have the prompts cached and the decode kernels loaded; further ones would show nothing. */
const WARM_UP_OSL = 16;

export interface MeterOptions {
  /** Chat completions, streamed. */
  target: Pick<LoadTarget, "url" | "model" | "apiKey" | "headers">;
  /** GPUs of the engine. */
  gpus: number;
  /** Ranks that each take requests of their own. */
  attentionDp: number;
  /** Where the folders of the runs go. */
  folder: string;
  /** Name of a decode run's folder. */
  decodeFolder: (requests: number, isl: number, osl: number) => string;
  /** Take the numbers of runs that an earlier try has left in the folder. */
  skipExisting: boolean;
  /**
   * Subtract from the largest TTFT of a burst what its decode steps took before the last prompt's turn, as Dynamo's profiler does
   * since 1.0: ITL × (OSL − 1) × (requests a rank − 1).
   */
  correctBurst: boolean;
  /** ITL and throughput of the whole run, as AIPerf has them, instead of those of the time in which all requests decode. */
  wholeRuns?: boolean;
  /** The server may have prompts of earlier runs cached: each run has contents of its own. */
  freshPrompts: boolean;
  tokenizer?: Tokenizer;
  /** How fast the server's time goes; 1 where absent. */
  timeScale?: number;
  pace?: (work: PlannedWork) => Promise<number>;
  signal: AbortSignal;
  /** Default: drawn at random. */
  seed?: number;
  onWarning: (text: string) => void;
  onProgress?: (progress: LoadProgress) => void;
}

const RANKS_CAVEAT =
  "each attention rank has a KV cache of its own: a prompt may reach another rank than in the warm-up, and ITL then includes some prefill";

export interface DecodeFigures {
  itlMs: number;
  /** Output tokens/s/GPU. */
  throughputPerGpu: number;
}

/** A run gave no numbers. */
export class MeasurementFailed extends Error {}

/** Measures prefill and decode of one OpenAI endpoint, as Dynamo's profiler does with AIPerf. */
export class EndpointMeter {
  readonly #options: MeterOptions;
  readonly #seeds: RandomStream;
  readonly #nonce: string;
  readonly #warned = new Set<string>();
  /** Folders that this meter has written. */
  readonly #fresh = new Set<string>();
  /** Tokens that the server adds to a prompt. */
  #template: number | null = null;

  constructor(options: MeterOptions) {
    this.#options = options;
    const { seed } = options;
    this.#nonce = seed === undefined ? randomUUID() : String(seed);
    this.#seeds = randomStream(seed ?? Number.parseInt(randomUUID().slice(0, 8), 16), "decode-prompts");
  }

  /**
   * TTFT of one prompt of `isl` tokens, after three of other content. With attention ranks: four prompts a rank in one burst,
   * and the largest TTFT ÷ 4, since a rank computes its prompts one after the other, and its first batch may be launched before
   * all of them have arrived.
   * @throws MeasurementFailed, and the signal's reason
   */
  async prefill(isl: number): Promise<number> {
    const { attentionDp, correctBurst, freshPrompts, folder } = this.#options;
    const isBurst = attentionDp > 1;
    const requests = isBurst ? attentionDp * BURST_PER_RANK : 1;
    const path = join(folder, `aiperf_isl${isl}`);
    const run = (count: number, warmUp: number) =>
      this.#run(path, {
        work: { kind: "prefill", isl, requests },
        count,
        osl: PREFILL_OSL,
        // Repetitions have contents of their own: an engine that caches after all has not seen them.
        seed: freshPrompts ? `${PREFILL_SEED}/${this.#nonce}/${isl}/${count}` : PREFILL_SEED + count - requests,
        warmUp,
      });
    let figures = await run(requests, PREFILL_WARM_UP * attentionDp);
    const isShort = figures.ttftMs.mean < SHORT_TTFT_MS * figures.speed;
    if (!isBurst && isShort && figures.completed === 1 && figures.isNew) figures = await run(SHORT_TTFT_REQUESTS, 0);
    if (!isBurst) return figures.ttftMs.min;
    const decodeMs = correctBurst ? figures.itlMs * (PREFILL_OSL - 1) * (BURST_PER_RANK - 1) : 0;
    return Math.max(0, figures.ttftMs.max - decodeMs) / BURST_PER_RANK;
  }

  /**
   * ITL and throughput of `requests` at once, whose prompts a warm-up with the same seed has put into the KV cache, so that their
   * prefill is skipped.
   * @throws MeasurementFailed, and the signal's reason
   */
  async decode(requests: number, isl: number, osl: number): Promise<DecodeFigures> {
    const { folder, decodeFolder, gpus, wholeRuns, skipExisting } = this.#options;
    if (this.#options.attentionDp > 1) this.#warn("RANKS", RANKS_CAVEAT);
    const path = join(folder, decodeFolder(requests, isl, osl));
    // Drawn whether it is needed or not: a run that goes on where another stopped sends what that would have sent.
    const seed = this.#seeds.integer(LARGEST_SEED + 1);
    const work = { kind: "decode", isl, osl, requests } as const;
    if (!(skipExisting && readFigures(path)?.completed === requests)) {
      const warmUp = { kind: "warm-up", isl, requests } as const;
      await this.#run(`${path}_warmup`, {
        work: warmUp,
        osl: Math.min(osl, WARM_UP_OSL),
        seed,
        warmUp: 0,
        again: true,
      });
    }
    const figures = await this.#run(path, { work, osl, seed, warmUp: 0 });
    const { steady } = figures;
    if (steady === null || wholeRuns) {
      if (!wholeRuns) {
        this.#warn(
          "WHOLE",
          `${requests} requests of ISL ${isl} never decoded all at once for long: the ITL of the whole run is taken, which includes waiting`,
        );
      }
      return { itlMs: figures.itlMs, throughputPerGpu: figures.tokensPerSecond / gpus };
    }
    return { itlMs: steady.itlMs, throughputPerGpu: steady.tokensPerSecond / gpus };
  }

  async #run(
    folder: string,
    run: {
      work: PlannedWork;
      /** Requests in all; those of `work` at once. */
      count?: number;
      osl: number;
      seed: number | string;
      warmUp: number;
      again?: boolean;
    },
  ): Promise<RunFigures & { isNew: boolean; speed: number }> {
    const { signal, skipExisting, target, pace, timeScale = 1, onProgress } = this.#options;
    const { work, osl, seed, warmUp, count = work.requests } = run;
    signal.throwIfAborted();
    if (skipExisting && !run.again && !this.#fresh.has(folder)) {
      const earlier = readFigures(folder);
      if (earlier !== null && earlier.completed >= work.requests) return { ...earlier, isNew: false, speed: 1 };
    }
    this.#fresh.add(folder);
    this.#template ??= await this.#probe();
    const times = new TokenTimes(count, osl);
    const speed = timeScale * ((await pace?.(work)) ?? 1);
    const prompt = Math.max(1, work.isl - this.#template);
    const result = await this.#send(workloadOf(count, work.requests, prompt, osl), speed, {
      prompts: { seed },
      warmupRequests: warmUp,
      onTokens: (request, count, atMs) => times.add(request, count, atMs),
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    this.#judge(result, count, osl);
    const steady = work.kind === "decode" ? times.steadyState() : null;
    const shown = {
      ...work,
      requests: count,
      osl,
      concurrency: work.requests,
      seed,
      warmup_requests: warmUp,
      model: target.model,
      speed,
    };
    return { ...writeRun(result, folder, steady, shown), isNew: true, speed };
  }

  /** One short request: what a chat template adds to prompts is taken off theirs, so that engines get the length that counts. */
  async #probe(): Promise<number> {
    const { pace, timeScale = 1 } = this.#options;
    const work = { kind: "warm-up", isl: PROBE_ISL, requests: 1 } as const;
    const speed = timeScale * ((await pace?.(work)) ?? 1);
    const result = await this.#send(workloadOf(1, 1, PROBE_ISL, PROBE_OSL), speed, {
      prompts: { seed: this.#nonce },
      warmupRequests: PROBE_WARM_UP,
    });
    this.#judge(result, 1, PREFILL_OSL);
    const counted = result.details.serverIsl[0]!;
    const added = counted - PROBE_ISL;
    return counted >= 0 && Math.abs(added) <= LARGEST_TEMPLATE ? added : 0;
  }

  async #send(
    workload: Workload,
    speed: number,
    options: Pick<LoadOptions, "prompts" | "warmupRequests" | "onTokens" | "onProgress">,
  ): Promise<LoadResult> {
    const { signal, target, tokenizer } = this.#options;
    const osl = workload.osl[0]!;
    try {
      const result = await runLoad({
        ...options,
        workload,
        target: { ...target, extraInputs: { ignore_eos: true, nvext: { ignore_eos: true }, min_tokens: osl } },
        prompts: { ...options.prompts, ...(tokenizer === undefined ? {} : { tokenizer }) },
        clock: wallClock(speed),
        requestTimeoutMs: REQUEST_TIMEOUT_MS,
        sendRequestStart: true,
        signal,
      });
      signal.throwIfAborted();
      return result;
    } catch (error) {
      signal.throwIfAborted();
      throw new MeasurementFailed((error as Error).message);
    }
  }

  /** @throws MeasurementFailed where requests failed: the batch was not the one asked for */
  #judge({ counts, failures, warnings }: LoadResult, requests: number, osl: number): void {
    if (counts.completed < requests) {
      const first = failures[0];
      throw new MeasurementFailed(
        `${requests - counts.completed} of ${requests} requests failed${first === undefined ? "" : `, the first: ${first.message}`}`,
      );
    }
    for (const { code, text } of warnings) {
      // Prompts are a chat template shorter than asked; of five tokens one more or less is nothing to speak of.
      if (code === "ISL" || (code === "OSL" && osl <= PREFILL_OSL)) continue;
      this.#warn(code, text);
    }
  }

  #warn(code: string, text: string): void {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    this.#options.onWarning(text);
  }
}

/** `count` requests, so many at once. */
function workloadOf(count: number, concurrency: number, isl: number, osl: number): Workload {
  return {
    count,
    isl: new Int32Array(count).fill(isl),
    osl: new Int32Array(count).fill(osl),
    arrivalMs: new Float64Array(count).fill(Number.NaN),
    openHeads: new Int32Array(0),
    closedLoops: [
      {
        concurrency,
        heads: Int32Array.from({ length: count }, (_, i) => i),
        startMs: 0,
        endMs: Number.POSITIVE_INFINITY,
      },
    ],
    nextTurn: null,
    thinkMs: null,
    turnIndex: null,
    sessionIds: null,
    prompts: null,
    horizonMs: 0,
  };
}
