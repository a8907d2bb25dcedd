import { describe, expect, it } from "vitest";
import type { RunRecord, WorkerLife } from "#src/record";
import { loop, traffic } from "../simulated.ts";
import { seenFailing } from "./seen-failing.ts";

/** Load that falls by a lot, so that workers go while they have work. */
const rate = {
  kind: "steps" as const,
  steps: [
    { atMs: 0, rate: 45 },
    { atMs: 180_000, rate: 6 },
  ],
};

const record = loop({ workload: traffic(rate, 6, 9), workers: { prefill: 5, decode: 4 } });

/** No answer is still being written by a worker that is gone. */
function claim({ requests, workers }: RunRecord, goneMs: (life: WorkerLife) => number | null): void {
  const gone = new Map(workers.filter(({ role }) => role === "decode").map((life) => [life.id, goneMs(life)]));
  let lost = 0;
  for (let i = 0; i < requests.lastTokenMs.length; i++) {
    const endMs = gone.get(requests.decodeWorker[i]!) ?? null;
    if (endMs !== null && requests.firstTokenMs[i]! <= endMs && requests.lastTokenMs[i]! > endMs) lost++;
  }
  expect(lost, "answers lost").toBe(0);
}

describe("scaling down under load", () => {
  it("takes decode workers away while they write", () => {
    expect(record.workers.filter(({ role, drainingMs }) => role === "decode" && drainingMs !== null)).not.toEqual([]);
  });

  it("[W9 held] [W19 held] lets each worker end what it has begun", () => claim(record, ({ removedMs }) => removedMs));

  it("[W9 shown] [W19 shown] loses answers where a worker goes when it is told to", () =>
    seenFailing(() => claim(record, ({ drainingMs }) => drainingMs), /answers lost: expected [1-9]/));
});
