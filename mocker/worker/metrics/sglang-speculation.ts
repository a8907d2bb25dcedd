import type { ForwardPassRecord } from "#mocker/protocol";
import type { Worker } from "../types.ts";

/** Decode passes of a rank over which SGLang averages what was accepted: its default of `decode_log_interval`. */
const AVERAGED_PASSES = 40;

interface Gauge {
  set(value: number): void;
}

/** SGLang's averages of speculative decoding, of each rank's last full round of decode passes; to be told of every pass. */
export function sglangSpeculation(
  worker: Worker,
  gauge: (name: string, help: string) => readonly Gauge[],
): (record: ForwardPassRecord) => void {
  const lengths = gauge("sglang:spec_accept_length", "The average acceptance length of speculative decoding.");
  const rates = gauge(
    "sglang:spec_accept_rate",
    "The average acceptance rate of speculative decoding (`accepted tokens / total draft tokens` in batch).",
  );
  const rounds = lengths.map(() => ({ passes: 0, drafts: 0, draftTokens: 0, acceptedDraftTokens: 0 }));
  return ({ dpRank, scheduled }) => {
    if (scheduled.decodeRequests === 0) return;
    const round = rounds[dpRank]!;
    if (++round.passes < AVERAGED_PASSES) return;
    const { drafts, draftTokens, acceptedDraftTokens } = worker.rankCounters()[dpRank]!;
    const accepted = acceptedDraftTokens - round.acceptedDraftTokens;
    lengths[dpRank]!.set(1 + accepted / (drafts - round.drafts));
    rates[dpRank]!.set(accepted / (draftTokens - round.draftTokens));
    rounds[dpRank] = { passes: 0, drafts, draftTokens, acceptedDraftTokens };
  };
}
