/** Times between tokens that a search tries besides the wanted one, ms, so that a Pareto front comes out of it (AIConfigurator's). */
export const TPOT_LADDER: readonly number[] = [
  ...Array.from({ length: 19 }, (_, i) => i + 1),
  ...Array.from({ length: 56 }, (_, i) => 20 + 5 * i),
];

/** TTFTs worth trying under a limit of the whole request, ms, and shares of that limit (AIConfigurator's). */
const TTFT_LADDER = [300, 400, 500, 600, 800, 1000, 1200, 1400, 1600, 2000, 3000, 5000, 8000];
const TTFT_SHARES = [0.1, 0.2, 0.3, 0.5, 0.7];

export interface TargetPair {
  ttftMs: number;
  tpotMs: number;
}

/** Pairs of targets: the wanted ones, and further TPOTs for the front. */
export function tokenTargets(ttftMs: number, tpotMs: number): TargetPair[] {
  const ladder = [...new Set([...TPOT_LADDER, tpotMs])].sort((a, b) => a - b);
  return ladder.map((tpot) => ({ ttftMs, tpotMs: tpot }));
}

/** Ways to split the time of a whole request into TTFT and time between tokens. */
export function requestTargets(e2eLatencyMs: number, osl: number, ttftMs?: number): TargetPair[] {
  const least = TTFT_LADDER[0]!;
  const most = TTFT_LADDER.at(-1)!;
  const shares = TTFT_SHARES.map((share) => share * e2eLatencyMs).filter((ms) => ms < least || ms > most);
  const ladder = new Set([...TTFT_LADDER, ...shares, ttftMs ?? e2eLatencyMs * 0.95]);
  return [...ladder]
    .filter((ttft) => ttft < e2eLatencyMs)
    .sort((a, b) => a - b)
    .map((ttft) => ({ ttftMs: ttft, tpotMs: (e2eLatencyMs - ttft) / Math.max(1, osl - 1) }));
}
