import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MemoryStore, type Pace } from "#planner/connectors";
import { ELECTION_TIMES, Elector } from "../../../planner/connectors/leadership/elector.ts";
import { StoreCampaign } from "../../../planner/connectors/leadership/store-campaign.ts";
import { SeverableStore } from "./stores.ts";

/** Time that stands still until it is moved; a candidate may be stopped, as a process by SIGSTOP, and wakes late. */
class HandTime {
  nowMs = 0;
  readonly #sleepers: { owner: number; untilMs: number; wake: () => void }[] = [];
  readonly stopped = new Set<number>();

  paceOf(owner: number): Pace {
    return {
      nowMs: () => this.nowMs,
      sleep: (ms, signal) =>
        new Promise<void>((resolve) => {
          if (signal?.aborted) return resolve();
          signal?.addEventListener("abort", () => resolve(), { once: true });
          this.#sleepers.push({ owner, untilMs: this.nowMs + ms, wake: resolve });
        }),
    };
  }

  async advance(ms: number): Promise<void> {
    const endMs = this.nowMs + ms;
    for (;;) {
      await settle();
      const due = this.#sleepers
        .filter(({ owner, untilMs }) => untilMs <= endMs && !this.stopped.has(owner))
        .sort((a, b) => a.untilMs - b.untilMs)[0];
      if (due === undefined) break;
      this.#sleepers.splice(this.#sleepers.indexOf(due), 1);
      this.nowMs = Math.max(this.nowMs, due.untilMs);
      due.wake();
    }
    this.nowMs = endMs;
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

function election(count: number) {
  const time = new HandTime();
  const store = new MemoryStore();
  const candidates = Array.from({ length: count }, (_, i) => {
    const cable = new SeverableStore(store);
    const identity = `planner-${i}`;
    const pace = time.paceOf(i);
    const campaign = new StoreCampaign({
      store: cable,
      key: "leader",
      identity,
      leaseMs: ELECTION_TIMES.leaseMs,
      pace,
    });
    return { cable, elector: new Elector(campaign, { identity, pace }), changes: [] as boolean[] };
  });
  const start = () =>
    Promise.all(candidates.map(({ elector, changes }) => elector.start((isLeader) => changes.push(isLeader))));
  const leaders = () => candidates.filter(({ elector }) => elector.isLeader).length;
  return { time, candidates, start, leaders };
}

describe("an election by a ballot", () => {
  it("never has two leaders, whatever is cut off or stands still, and has one again within a lease's time and two looks", async () => {
    const happening = fc.record({
      candidate: fc.nat({ max: 2 }),
      what: fc.constantFrom("cut", "join", "stop", "go"),
      afterMs: fc.integer({ min: 1, max: 9_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 25 }), async (happenings) => {
        const { time, candidates, start, leaders } = election(3);
        await start();
        for (const { candidate, what, afterMs } of happenings) {
          const { cable } = candidates[candidate]!;
          if (what === "cut" || what === "join") cable.severed = what === "cut";
          else if (what === "stop") time.stopped.add(candidate);
          else time.stopped.delete(candidate);
          // Looked at often, because two leaders may be there for a moment only.
          for (let leftMs = afterMs; leftMs > 0; leftMs -= 250) {
            await time.advance(Math.min(250, leftMs));
            expect(leaders()).toBeLessThanOrEqual(1);
          }
        }
        for (const { cable } of candidates) cable.severed = false;
        time.stopped.clear();
        const { leaseMs, retryMs } = ELECTION_TIMES;
        await time.advance(leaseMs + 2 * 2.2 * retryMs + 1_000);
        expect(leaders()).toBe(1);
      }),
      { numRuns: 40 },
    );
  });

  it("takes a dead leader's place as soon as its lease ends", async () => {
    const { time, candidates, start } = election(2);
    await start();
    await time.advance(10_000);
    const dead = candidates.findIndex(({ elector }) => elector.isLeader);
    const other = candidates[1 - dead]!.elector;
    time.stopped.add(dead);
    const { leaseMs, retryMs } = ELECTION_TIMES;
    // Renewed at the latest just now, seen one look later at the latest.
    await time.advance(leaseMs - retryMs - 1);
    expect(other.isLeader).toBe(false);
    await time.advance(retryMs + 1 + 2.2 * retryMs + 200);
    expect(other.isLeader).toBe(true);
  });

  it("is handed over when the leader releases it, and not taken by who has ended", async () => {
    const { time, candidates, start } = election(2);
    await start();
    await time.advance(1_000);
    const leader = candidates.find(({ elector }) => elector.isLeader)!;
    const other = candidates.find((candidate) => candidate !== leader)!;
    await leader.elector.release();
    expect(leader.elector.isLeader).toBe(false);
    await time.advance(2.2 * ELECTION_TIMES.retryMs);
    expect(other.elector.isLeader).toBe(true);
    await other.elector.release();
    await time.advance(60_000);
    expect(candidates.map(({ elector }) => elector.isLeader)).toEqual([false, false]);
    expect(leader.changes).toEqual([true, false]);
  });

  it("says why it can't be held", async () => {
    const { time, candidates, start } = election(1);
    candidates[0]!.cable.severed = true;
    await start();
    await time.advance(1_000);
    expect(candidates[0]!.elector.problem).toBe("severed: no answer");
    candidates[0]!.cable.severed = false;
    await time.advance(10_000);
    expect(candidates[0]!.elector).toMatchObject({ problem: null, isLeader: true, holder: "planner-0" });
  });
});
