import { describe, expect, it, vi } from "vitest";
import type { KvTransferParams } from "#mocker/protocol";
import type { KvPeers } from "../../../../mocker/worker/types.ts";
import { last, makeWorker, send, when } from "./live-worker.ts";
import { ManualTime, settle } from "./manual-time.ts";

describe("a worker that is not well", () => {
  it("begins no pass while it stands still, takes input, and goes on from where it was", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const running = send(worker, 5, 4);
    time.advanceTo(20);
    worker.setPace(Number.POSITIVE_INFINITY);
    time.advanceTo(40);
    const waiting = send(worker, 2, 1);
    expect(worker.census()).toEqual({ withToken: 1, withoutToken: 1, taken: 2 });
    time.advanceTo(100);
    // The pass under way ended at 25.
    expect(last(running)).toBe("token 2");
    worker.setPace(1);
    time.runOut();
    expect(when(running, "token 3")).toBe(112);
    expect(when(waiting, "finished")).toBe(112);
  });

  it("takes longer for the passes that it begins from then on", () => {
    const time = new ManualTime();
    const worker = makeWorker(time);
    const sent = send(worker, 5, 5);
    time.advanceTo(20);
    worker.setPace(3);
    time.advanceTo(60);
    worker.setPace(1);
    time.runOut();
    expect(sent.events.slice(1, -1).map(([, atMs]) => atMs)).toEqual([5, 15, 25, 55, 85]);
  });

  it("takes longer on every rank, where they draw from seeds of their own", () => {
    for (const dpRank of [0, 1]) {
      const time = new ManualTime();
      const speculative = { acceptRates: [0], seed: 1 };
      const worker = makeWorker(time, { speculative }, { dpSize: 2 });
      worker.setPace(3);
      const sent = send(worker, 5, 2, { dpRank });
      time.runOut();
      // The pass that completes the prompt decodes, too.
      expect(when(sent, "finished")).toBe(3 * (5 + 10 + 10));
    }
  });

  it("stands still between passes without duration, too", async () => {
    const time = new ManualTime();
    const worker = makeWorker(time, { speedupRatio: 0 });
    const sent = send(worker, 5, 500);
    worker.setPace(Number.POSITIVE_INFINITY);
    await new Promise((resolve) => setImmediate(resolve));
    time.runOut();
    const before = sent.events.length;
    expect(before).toBeLessThan(500);
    await new Promise((resolve) => setImmediate(resolve));
    time.runOut();
    expect(sent.events).toHaveLength(before);
    worker.setPace(1);
    await vi.waitFor(() => {
      time.runOut();
      expect(last(sent)).toBe("finished");
    });
  });

  it("loses KV transfers where it is told to", async () => {
    const time = new ManualTime();
    const asked: string[] = [];
    const peers: KvPeers = () => ({
      wait: () => Promise.reject(new Error("nobody waits here")),
      release: async () => true,
      abort: async (id) => void asked.push(id),
    });
    let left = 1;
    const settings = {
      transfer: { bytesPerToken: 1e6, bytesPerSecond: 1e8, timing: "full_prompt" as const },
      losesTransfer: () => left-- > 0,
    };
    const worker = makeWorker(time, { role: "decode" }, settings, peers);
    const kvTransfer = { do_remote_prefill: true, remote_request_id: "p", held_at: 0 } as KvTransferParams;
    const lost = send(worker, 10, 2, { kvTransfer });
    time.advanceTo(100);
    expect(last(lost)).toBe("handoff: the KV transfer was lost");
    expect(when(lost, last(lost)!)).toBe(100);
    await settle();
    expect(asked).toEqual(["p"]);
    const fine = send(worker, 10, 2, { kvTransfer });
    time.runOut();
    expect(last(fine)).toBe("finished");
  });
});
