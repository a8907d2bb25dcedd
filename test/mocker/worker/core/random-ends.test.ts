import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HandoffError } from "../../../../mocker/worker/core/errors.ts";
import type { KvPeer, Worker } from "../../../../mocker/worker/types.ts";
import { makeWorker, type Sent, send } from "./live-worker.ts";
import { ManualTime, settle } from "./manual-time.ts";

const RUNS = Number(process.env.UNDERSTUDY_FUZZ_RUNS ?? 200);
const HANDOFF_TIMEOUT_MS = 400;

const step = fc.record({
  waitMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 }), fc.double({ min: 0, max: 30, noNaN: true })),
  does: fc.constantFrom("send", "send", "send", "cancel", "cancel", "abort", "release", "clear", "cut", "mend"),
  isl: fc.integer({ min: 1, max: 40 }),
  osl: fc.integer({ min: 1, max: 20 }),
  first: fc.constantFrom("prefill", "decode"),
  which: fc.nat(20),
});

const setup = fc.record({
  numGpuBlocks: fc.integer({ min: 4, max: 24 }),
  maxNumSeqs: fc.integer({ min: 1, max: 6 }),
  maxNumBatchedTokens: fc.integer({ min: 1, max: 64 }),
  prefixCaching: fc.boolean(),
  settleMs: fc.constantFrom(0, 1),
  dpSize: fc.constantFrom(1, 2),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Setup = typeof setup extends fc.Arbitrary<infer T> ? T : never;

interface Followed {
  sent: Sent;
  cancelled: boolean;
}

/** Whether everything that a worker had is free: seats, blocks, numbers of contents. */
async function expectEmpty(worker: Worker): Promise<void> {
  for (const load of worker.load()) expect(load).toMatchObject({ running: 0, waiting: 0, usedBlocks: 0 });
  worker.clearKvBlocks();
  for (let id = 0; id < 500; id++) expect(worker.blockIdentity(id)).toBeNull();
  expect(worker.handoff?.heldCount ?? 0).toBe(0);
  await worker.drain();
}

function expectEnded({ sent: { events }, cancelled }: Followed): void {
  const ends = events.filter(([event]) => /^(finished|held|rejected|handoff|stopped)/.test(event));
  if (cancelled) expect(ends.length).toBeLessThanOrEqual(1);
  else expect(ends).toHaveLength(1);
  if (ends.length > 0) expect(events.at(-1)).toEqual(ends[0]);
}

describe("whatever clients and peers do", () => {
  it("an aggregated worker tells each generation its end and is empty afterwards", async () => {
    await fc.assert(
      fc.asyncProperty(setup, fc.array(step, { maxLength: 40 }), async ({ settleMs, dpSize, ...engine }, steps) => {
        const time = new ManualTime();
        const worker = makeWorker(time, { ...engine, kvEvents: true }, { settleMs, dpSize });
        const followed: Followed[] = [];
        for (const { waitMs, does, isl, osl, which } of steps) {
          time.advanceTo(time.nowMs + waitMs, which % 3 === 0 ? 4 : 0);
          if (does === "send") followed.push({ sent: send(worker, isl, osl), cancelled: false });
          const chosen = followed[which % Math.max(1, followed.length)];
          if (does === "cancel" && chosen !== undefined) {
            chosen.cancelled = true;
            chosen.sent.handle.cancel();
          }
          if (does === "clear") worker.clearKvBlocks();
        }
        await settle();
        time.runOut();
        await settle();
        followed.forEach(expectEnded);
        await expectEmpty(worker);
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
  });

  it("a pair of prefill and decode workers does so, too, and neither keeps blocks for the other", async () => {
    let finished = 0;
    await fc.assert(
      fc.asyncProperty(setup, fc.array(step, { maxLength: 40 }), async (made, steps) => {
        finished += await runPair(made, steps);
      }),
      { numRuns: RUNS, seed: Number(process.env.UNDERSTUDY_FUZZ_SEED ?? 1) },
    );
    // It is worth something only where some get through.
    expect(finished).toBeGreaterThan(RUNS / 4);
  });
});

async function runPair({ settleMs, dpSize, ...engine }: Setup, steps: Step[]): Promise<number> {
  const time = new ManualTime();
  let cut = false;
  const reach = <T>(answer: () => T | Promise<T>): Promise<T> =>
    cut ? Promise.reject(new HandoffError("failed", "nobody answers")) : new Promise((resolve) => resolve(answer()));
  const settings = { settleMs, dpSize, handoffTimeoutMs: HANDOFF_TIMEOUT_MS };
  const prefill = makeWorker(time, { ...engine, kvEvents: true, role: "prefill" }, settings);
  const source = prefill.handoff!;
  const peer: KvPeer = {
    wait: (id, signal) => reach(() => source.wait(id, { signal })),
    release: (id, atMs) => reach(() => source.release(id, atMs)),
    abort: (id) =>
      reach(() => {
        source.abort(id);
      }),
  };
  const decode = makeWorker(time, { ...engine, kvEvents: true, role: "decode" }, settings, () => peer);
  const followed: Followed[] = [];
  const follow = (sent: Sent) => followed.push({ sent, cancelled: false });
  let requests = 0;
  for (const { waitMs, does, isl, osl, first, which } of steps) {
    time.advanceTo(time.nowMs + waitMs, which % 3 === 0 ? 4 : 0);
    await settle();
    const requestId = `q${which % Math.max(1, requests)}`;
    const chosen = followed[which % Math.max(1, followed.length)];
    if (does === "send") {
      const id = `q${requests++}`;
      const fetched = { do_remote_prefill: true, remote_request_id: id };
      const decoded = () => follow(send(decode, isl, osl, { requestId: id, kvTransfer: fetched }));
      if (first === "decode") decoded();
      follow(send(prefill, isl, 1, { requestId: id, kvTransfer: { do_remote_decode: true } }));
      if (first === "prefill") decoded();
    }
    if (does === "cancel" && chosen !== undefined) {
      chosen.cancelled = true;
      chosen.sent.handle.cancel();
    }
    if (does === "abort") source.abort(requestId);
    if (does === "release") source.release(requestId);
    if (does === "clear") decode.clearKvBlocks();
    if (does === "cut" || does === "mend") cut = does === "cut";
  }
  cut = false;
  await settle();
  while (time.timers.nextMs < Number.POSITIVE_INFINITY) {
    time.advanceTo(time.timers.nextMs);
    await settle();
  }
  followed.forEach(expectEnded);
  await expectEmpty(prefill);
  await expectEmpty(decode);
  return followed.filter(({ sent }) => sent.events.at(-1)?.[0] === "finished").length;
}
