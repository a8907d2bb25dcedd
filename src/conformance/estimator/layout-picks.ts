import type { RecordedEntry, RecordedModel } from "./recorded.ts";

/**
 * Which layout an SLA picks, by the reference's numbers and by ours. Prompts: the layout with the most tokens per second and GPU
 * whose TTFT keeps the limit. Decoding: the layout and batch with the most tokens per second and GPU whose ITL keeps the limit
 * and whose requests fit into the KV cache.
 */
export const PREFILL_ISLS: readonly number[] = [1024, 2048, 4096, 8192, 16384];
export const PREFILL_SLAS_MS: readonly number[] = [50, 100, 200, 400, 800, 1600, 3200];
export const DECODE_CONTEXTS: readonly number[] = [512, 2048, 4096, 8192, 16384];
export const DECODE_SLAS_MS: readonly number[] = [5, 7.5, 10, 15, 20, 30, 50];

/** Our answers for one entry, on the grid of its file. */
export interface Answers {
  ttftMs: number[];
  itlMs: number[][];
  kvTokens: number;
}

export interface Agreement {
  /** Questions that at least one side could answer. */
  asked: number;
  agreed: number;
  /** Reference throughput that our picks give away, a share, summed over the questions that both sides answered. */
  regret: number;
  compared: number;
}

export const noAgreement = (): Agreement => ({ asked: 0, agreed: 0, regret: 0, compared: 0 });

export function addAgreement(into: Agreement, more: Agreement): void {
  into.asked += more.asked;
  into.agreed += more.agreed;
  into.regret += more.regret;
  into.compared += more.compared;
}

interface Candidate {
  entry: RecordedEntry;
  ours: Answers;
}

/** Where a number is missing the reference has no data, and the layout takes no part for either side. */
export function prefillAgreement(file: RecordedModel, candidates: readonly Candidate[]): Agreement {
  const total = noAgreement();
  for (const isl of PREFILL_ISLS) {
    const at = file.isl.indexOf(isl);
    if (at < 0) continue;
    const points = candidates.flatMap(({ entry, ours }) => {
      const reference = entry.ttftMs?.[at];
      if (reference == null || !fits(entry)) return [];
      const throughput = (ms: number) => (isl * entry.attnDp) / ms / entry.gpus;
      const ourMs = ours.ttftMs[at]!;
      return [{ entry, throughput, reference, ours: ourMs, feasible: true, ourFeasible: true }];
    });
    for (const sla of PREFILL_SLAS_MS) ask(total, points, sla);
  }
  return total;
}

export function decodeAgreement(file: RecordedModel, candidates: readonly Candidate[]): Agreement {
  const total = noAgreement();
  for (const context of DECODE_CONTEXTS) {
    const column = file.context.indexOf(context);
    if (column < 0) continue;
    const points = candidates.flatMap(({ entry, ours }) =>
      file.batch.flatMap((batch, row) => {
        const reference = entry.itlMs?.[row]?.[column];
        if (reference == null || !fits(entry)) return [];
        const throughput = (ms: number) => (batch * entry.attnDp) / ms / entry.gpus;
        const tokens = batch * context;
        const feasible = entry.kv !== undefined && "tokens" in entry.kv && tokens <= entry.kv.tokens;
        return [
          {
            entry,
            throughput,
            reference,
            ours: ours.itlMs[row]![column]!,
            feasible,
            ourFeasible: tokens <= ours.kvTokens,
          },
        ];
      }),
    );
    for (const sla of DECODE_SLAS_MS) ask(total, points, sla);
  }
  return total;
}

function fits(entry: RecordedEntry): boolean {
  return entry.kv !== undefined && "tokens" in entry.kv;
}

interface Point {
  entry: RecordedEntry;
  throughput(ms: number): number;
  reference: number;
  ours: number;
  feasible: boolean;
  ourFeasible: boolean;
}

function ask(total: Agreement, points: readonly Point[], slaMs: number): void {
  const best = (keeps: (point: Point) => boolean, ms: (point: Point) => number): Point | undefined =>
    points
      .filter((point) => keeps(point) && ms(point) <= slaMs)
      .reduce<Point | undefined>(
        (found, point) => (!found || point.throughput(ms(point)) > found.throughput(ms(found)) ? point : found),
        undefined,
      );
  const theirs = best(
    (point) => point.feasible,
    (point) => point.reference,
  );
  const ours = best(
    (point) => point.ourFeasible,
    (point) => point.ours,
  );
  if (!theirs && !ours) return;
  total.asked++;
  if (!theirs || !ours) return;
  if (theirs.entry === ours.entry) total.agreed++;
  total.compared++;
  // A pick that breaks the limit may look better than the best one that keeps it.
  total.regret += Math.max(0, 1 - ours.throughput(ours.reference) / theirs.throughput(theirs.reference));
}
