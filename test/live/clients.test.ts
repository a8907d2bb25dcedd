import { expect, it } from "vitest";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario } from "#scenarios";
import { type LiveRun, runLive } from "#src/live";
import { RequestStatus, type RunRecord } from "#src/record";
import { prepareRehearsal } from "#src/rehearsal";
import { summarize } from "#src/report";

/** No client loses patience so near to an answer, real ms: who is later than that may show another outcome. */
const CLEAR_MS = 150;
const RUNS = 4;

/** A worker stands still for a while: some clients wait it out, some try again in time, some fail. */
const SCENARIO = {
  name: "live-clients",
  seed: 3,
  deployment: {
    profile: "l40s-qwen3-8b-bf16-tp1-estimate",
    mode: "agg",
    agg: { workers: 1, startup: "2s" },
  },
  sla: { ttft: "800ms", itl: "60ms" },
  traffic: [{ constant: { requestRate: 1, duration: "12s", isl: 300, osl: 12, arrivals: "constant" } }],
  clients: { firstTokenTimeout: "1500ms", retries: 1, backoff: "900ms", jitter: 0.1 },
  faults: [{ at: "3500ms", freeze: "agg/0", for: "5700ms" }],
};

/** What is not a matter of milliseconds. */
function outcome(record: RunRecord) {
  const { attempts, status, outputTokens } = record.requests;
  const { requests } = summarize(record);
  const { completed, failed, rejected, retried } = requests;
  return {
    attempts: [...attempts],
    status: [...status],
    tokens: [...outputTokens].map((tokens, i) => (status[i] === RequestStatus.completed ? tokens : null)),
    counts: { completed, failed, rejected, retried, attempts: requests.attempts },
  };
}

function worstLagMs({ lag }: LiveRun): number {
  return Math.max(
    ...[...lag.processes.map((process) => process.lag), lag.client, lag.generator].map(({ maxMs }) => maxMs),
  );
}

it("clients of a live run give up and try again as those of its virtual twin do", { timeout: 300_000 }, async () => {
  const text = JSON.stringify(SCENARIO);
  const rehearsal = prepareRehearsal(parseScenario(text, "live-clients.yaml", { plannerSchema: plannerConfigSchema }));
  const virtual = rehearsal.run({ engine: "stepping" });
  const expected = outcome(virtual);
  expect(expected.counts).toEqual({ completed: 10, failed: 2, rejected: 0, retried: 4, attempts: 16 });

  let live = await runLive(rehearsal);
  for (let run = 1; run < RUNS && worstLagMs(live) >= CLEAR_MS; run++) {
    if (JSON.stringify(outcome(live.record)) === JSON.stringify(expected)) break;
    live = await runLive(rehearsal);
  }
  expect(outcome(live.record)).toEqual(expected);

  // Times count from the first attempt, and charts show every attempt.
  const { arrivalMs, firstTokenMs, attempts } = live.record.requests;
  expect([...arrivalMs]).toEqual([...virtual.requests.arrivalMs]);
  const waited = [...attempts.keys()].filter((i) => attempts[i] === 2 && live.record.requests.status[i] === 0);
  for (const i of waited) expect(firstTokenMs[i]! - arrivalMs[i]!).toBeGreaterThan(1500 + 0.9 * 900);
  const { requestRate, startMs } = live.record.timeline;
  const shown = requestRate.reduce((sum, rate, i) => {
    return sum + (rate * ((startMs[i + 1] ?? live.record.endMs) - startMs[i]!)) / 1000;
  }, 0);
  expect(Math.round(shown)).toBe(expected.counts.attempts);
});
