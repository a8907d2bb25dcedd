import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { RequestStatus, requestTable } from "#src/record";
import { type Distribution, summarize } from "#src/report";
import { describeWithReference, referencePath } from "../reference.ts";
import { recordOf } from "./record.ts";

interface RecordedRequest {
  arrival_time_ms: number;
  dispatched_at_ms: number | null;
  first_token_ms: number | null;
  ttft_ms: number | null;
  ttst_ms: number | null;
  last_token_ms: number | null;
  input_length: number;
  output_length: number;
  terminal_status: string;
}

interface RecordedRun {
  summary?: Record<string, number>;
  per_request?: RecordedRequest[];
}

describeWithReference("summaries of recorded DynoSim runs", () => {
  const runs = readdirSync(referencePath("dynosim"))
    .filter((name) => name.endsWith(".json"))
    .map((name) => ({ name, run: JSON.parse(readFileSync(referencePath("dynosim", name), "utf8")) as RecordedRun }))
    .filter(({ run }) => (run.per_request?.length ?? 0) > 0);

  it("are at least twenty", () => {
    expect(runs.length).toBeGreaterThanOrEqual(20);
  });

  it.each(runs)("follow from the requests of $name under the rank rule", ({ run }) => {
    const { metrics } = summarize(recordFrom(run.per_request!), { percentiles: "roundedRank" });
    const recorded = run.summary!;
    const pairs: [string, Distribution][] = [
      ["ttft_ms", metrics.ttftMs],
      ["ttst_ms", metrics.ttstMs],
      ["tpot_ms", metrics.itlMs],
      ["e2e_latency_ms", metrics.latencyMs],
    ];
    for (const [name, { count, mean, min, max, standardDeviation, p50, p75, p90, p95, p99 }] of pairs) {
      if (count === 0) continue;
      const found = { mean, min, max, std: standardDeviation, median: p50, p75, p90, p95, p99 };
      for (const [statistic, value] of Object.entries(found)) {
        const expected = recorded[`${statistic}_${name}`]!;
        expect(Math.abs(value - expected), `${statistic}_${name}`).toBeLessThanOrEqual(
          1e-6 * Math.max(1, Math.abs(expected)),
        );
      }
    }
  });
});

function recordFrom(requests: RecordedRequest[]) {
  const table = requestTable(requests.length);
  requests.forEach((request, i) => {
    if (request.terminal_status !== "completed") return;
    table.status[i] = RequestStatus.completed;
    table.isl[i] = request.input_length;
    table.outputTokens[i] = request.output_length;
    // Latencies count from the first token back: a closed loop's arrival is its dispatch.
    table.arrivalMs[i] = request.first_token_ms! - request.ttft_ms!;
    table.firstTokenMs[i] = request.first_token_ms!;
    table.secondTokenMs[i] = request.ttst_ms === null ? Number.NaN : request.first_token_ms! + request.ttst_ms;
    table.lastTokenMs[i] = request.last_token_ms!;
  });
  return recordOf([], { requests: table, feasible: new Uint8Array(requests.length).fill(1) });
}
