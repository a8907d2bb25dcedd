import { didYouMean, UserError } from "#common";
import { RequestStatus, type RequestTable } from "#src/record";

/** A limit that a good request keeps. */
export interface GoodputLimit {
  metric: GoodputMetric;
  /** ms; tokens/s for the throughput, which must reach it. */
  limit: number;
}

const METRICS = {
  time_to_first_token: (table: RequestTable, i: number) => table.firstTokenMs[i]! - table.arrivalMs[i]!,
  time_to_second_token: (table: RequestTable, i: number) => table.secondTokenMs[i]! - table.firstTokenMs[i]!,
  inter_token_latency: interTokenLatency,
  request_latency: (table: RequestTable, i: number) => table.lastTokenMs[i]! - table.arrivalMs[i]!,
  output_token_throughput_per_user: (table: RequestTable, i: number) => 1000 / interTokenLatency(table, i),
};

export type GoodputMetric = keyof typeof METRICS;

/** vLLM's names for the same. */
const ALIASES: Readonly<Record<string, GoodputMetric>> = {
  ttft: "time_to_first_token",
  tpot: "inter_token_latency",
  itl: "inter_token_latency",
  e2el: "request_latency",
};

function interTokenLatency(table: RequestTable, i: number): number {
  return (table.lastTokenMs[i]! - table.firstTokenMs[i]!) / (table.outputTokens[i]! - 1);
}

/**
 * Reads `time_to_first_token:250 inter_token_latency:10` (AIPerf's `--goodput`; vLLM's `ttft:250 tpot:10`).
 * @throws UserError LOADGEN_BAD_GOODPUT
 */
export function parseGoodput(text: string): GoodputLimit[] {
  return text
    .split(/[\s,]+/)
    .filter((part) => part !== "")
    .map((part) => {
      const [name = "", value = ""] = part.split(":");
      const metric = Object.hasOwn(METRICS, name) ? (name as GoodputMetric) : ALIASES[name];
      if (metric === undefined) {
        throw badGoodput(
          `found the metric ${JSON.stringify(name)}, expected one of ${Object.keys(METRICS).join(", ")}`,
          {
            hint: didYouMean(name, Object.keys(METRICS)),
          },
        );
      }
      const limit = Number(value);
      if (value.trim() === "" || !(limit > 0)) {
        throw badGoodput(`found ${JSON.stringify(part)}, expected a limit above 0`, { hint: `such as ${metric}:250` });
      }
      return { metric, limit };
    });
}

function badGoodput(message: string, { hint }: { hint: string | undefined }): UserError {
  return new UserError({
    code: "LOADGEN_BAD_GOODPUT",
    where: "--goodput",
    message,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Completed requests that keep all limits. What a request does not have (a gap, with one token) it cannot miss. */
export function goodRequests(table: RequestTable, limits: readonly GoodputLimit[]): number {
  let good = 0;
  for (let i = 0; i < table.count; i++) {
    if (table.status[i] !== RequestStatus.completed) continue;
    const single = table.outputTokens[i]! <= 1;
    if (limits.every(({ metric, limit }) => keeps(METRICS[metric](table, i), metric, limit, single))) good++;
  }
  return good;
}

function keeps(value: number, metric: GoodputMetric, limit: number, single: boolean): boolean {
  if (metric === "output_token_throughput_per_user") return single || value >= limit;
  if (single && (metric === "inter_token_latency" || metric === "time_to_second_token")) return true;
  return value <= limit;
}
