import {
  counterIncrease,
  type HistogramValue,
  histogramIncrease,
  parsePrometheus,
  sumOfHistograms,
  sumOfSamples,
} from "#common/prometheus";
import type { WorkerLoad } from "../wire.ts";

/**
 * A worker's load out of vLLM's own metrics, for engines that have no `GET /worker/load`. Coarser: waiting prompts count as
 * long as prompts are on average, the time of a pass is the mean gap between tokens since the last scrape, and what was spent
 * on prompts is not known.
 */
export class VllmMetrics {
  #gaps: HistogramValue | null = null;
  #drafts: { count: number; acceptedTokens: number } | null = null;

  /** @throws Error where it is not vLLM's, or says too little */
  load(text: string): WorkerLoad {
    const families = parsePrometheus(text, "/metrics");
    const gauge = (...names: string[]): number => {
      const found = names.map((name) => sumOfSamples(families.get(`vllm:${name}`))).find((value) => value !== null);
      if (found === undefined) throw new Error(`/metrics has no vllm:${names[0]}`);
      return found!;
    };
    const running = gauge("num_requests_running");
    const waiting = gauge("num_requests_waiting");
    const prompts = sumOfHistograms(families.get("vllm:request_prompt_tokens"));
    const meanPrompt = prompts !== null && prompts.count > 0 ? prompts.sum / prompts.count : 0;
    const config = families.get("vllm:cache_config_info")?.samples[0]?.labels ?? {};
    const capacity = Number(config.num_gpu_blocks) * Number(config.block_size);
    if (!(capacity > 0)) throw new Error("/metrics has no vllm:cache_config_info with num_gpu_blocks and block_size");
    return {
      ranks: [
        {
          running,
          waiting,
          queuedPrefillTokens: waiting * meanPrompt,
          kvTokens: gauge("kv_cache_usage_perc", "gpu_cache_usage_perc") * capacity,
          lastPassMs: this.#meanGapMs(
            sumOfHistograms(families.get("vllm:inter_token_latency_seconds")) ??
              sumOfHistograms(families.get("vllm:time_per_output_token_seconds")),
          ),
        },
      ],
      prefillMs: null,
      drafts: this.#draftsSince(
        sumOfSamples(families.get("vllm:spec_decode_num_drafts_total")),
        sumOfSamples(families.get("vllm:spec_decode_num_accepted_tokens_total")),
      ),
    };
  }

  /** Null without speculative decoding, and at first. */
  #draftsSince(count: number | null, acceptedTokens: number | null): NonNullable<WorkerLoad["drafts"]> | null {
    const before = this.#drafts;
    this.#drafts = count === null || acceptedTokens === null ? null : { count, acceptedTokens };
    if (before === null || this.#drafts === null) return null;
    return {
      count: counterIncrease(before.count, this.#drafts.count),
      acceptedTokens: counterIncrease(before.acceptedTokens, this.#drafts.acceptedTokens),
    };
  }

  #meanGapMs(gaps: HistogramValue | null): number | null {
    const before = this.#gaps;
    this.#gaps = gaps;
    if (gaps === null) return null;
    const { sum, count } = histogramIncrease(before, gaps);
    return count > 0 ? (sum / count) * 1000 : null;
  }
}
