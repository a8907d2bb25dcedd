import { describe, expect, it } from "vitest";
import { formatUserError, UserError } from "#common";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario } from "#scenarios";
import { keepInMemory, runAtUrl, runLive } from "#src/live";
import { RequestStatus, type RunRecord } from "#src/record";
import { prepareRehearsal } from "#src/rehearsal";

const BASE = {
  name: "live-faults",
  seed: 3,
  deployment: {
    profile: "l40s-qwen3-8b-bf16-tp1-estimate",
    mode: "disagg",
    prefill: { workers: 2, startup: "2s" },
    decode: { workers: 2, startup: "2s" },
    kvTransfer: { bandwidth: "16GB/s" },
  },
  sla: { ttft: "800ms", itl: "60ms" },
  traffic: [{ constant: { requestRate: 3, duration: "14s", isl: 1000, osl: 60, arrivals: "constant" } }],
};

function rehearsalOf(more: object) {
  const text = JSON.stringify({ ...BASE, ...more });
  return prepareRehearsal(parseScenario(text, "live-faults.yaml", { plannerSchema: plannerConfigSchema }));
}

/** Every request has ended in one way, and how often each. */
function ends({ requests }: RunRecord): { completed: number; failed: number } {
  const count = (status: number) => requests.status.filter((one) => one === status).length;
  const completed = count(RequestStatus.completed);
  const failed = count(RequestStatus.failed);
  expect(completed + failed).toBe(requests.count);
  return { completed, failed };
}

describe("a live run with faults", { timeout: 240_000 }, () => {
  it("kills workers, freezes one, and restarts the planner", async () => {
    const rehearsal = rehearsalOf({
      planner: { strategy: "static", interval: "1s", prefill: 2, decode: 2 },
      faults: [
        { at: "4100ms", kill: "decode/0" },
        { at: "5100ms", restartPlanner: "3s" },
        { at: "7300ms", freeze: "decode/1", for: "2s" },
        { at: "8100ms", kill: "decode/9" },
      ],
    });
    const { record } = await runLive(rehearsal);
    const [kill, restart, freeze, nobody] = record.faults!;
    const { failed } = ends(record);

    // What had a token broke off, and the frontend gave the rest to another worker.
    expect(kill).toMatchObject({ workers: 1, atMs: 4100 });
    expect(kill!.requests).toBe(kill!.failed + kill!.retried);
    expect(failed).toBeLessThanOrEqual(kill!.failed);
    const decode = record.workers.filter(({ role }) => role === "decode");
    expect(decode[0]).toMatchObject({ removedMs: 4100, drainingMs: null });
    expect(decode[2]!.createdMs).toBeGreaterThanOrEqual(4100);
    expect(decode[2]!.readyMs).toBe(decode[2]!.createdMs + 2000);
    expect(decode[2]!.removedMs).toBeNull();

    // Ticks of 6, 7 and 8 s were left out, and nothing was scaled for what the planner had forgotten.
    expect(record.decisions.map(({ atMs }) => atMs)).not.toContain(6000);
    expect(record.decisions.map(({ atMs }) => atMs)).toContain(9000);
    expect(record.decisions.map(({ tick }) => tick)).toEqual(record.decisions.map((_, i) => i));
    expect(restart!.ticks).toBe(3);
    expect(record.scalingEvents).toEqual([]);

    // Somebody who decoded on the frozen worker waited for it.
    expect(freeze!.workers).toBe(1);
    expect(freeze!.requests).toBeGreaterThan(0);
    const { firstTokenMs, lastTokenMs, decodeWorker } = record.requests;
    const over = [...decodeWorker.keys()].filter(
      (i) => decodeWorker[i] === 1 && firstTokenMs[i]! < 7300 && lastTokenMs[i]! > 8300,
    );
    for (const i of over) expect(lastTokenMs[i]).toBeGreaterThanOrEqual(9300);
    expect(over.length).toBeGreaterThan(0);

    expect(nobody).toMatchObject({ workers: 0, requests: 0 });
  });

  it("loses transfers, slows a worker and the network down, lets starts fail, and hides the metrics", async () => {
    const rehearsal = rehearsalOf({
      planner: { strategy: "static", interval: "1s", prefill: 2, decode: 4 },
      faults: [
        { at: 0, delayStartup: "decode", by: "500ms" },
        { at: 0, failStartup: "decode", starts: 2 },
        { at: 0, delayNetwork: "all", by: "300ms" },
        { at: "2s", loseTransfers: { next: 2 } },
        { at: "2s", loseTransfers: { next: 1 } },
        { at: "2500ms", slow: "decode/0", factor: 1.2, for: "3500ms" },
        { at: "3s", loseMetrics: "2500ms" },
        { at: "6s", slow: "prefill/0", factor: 20, for: "4s" },
        { at: "6s", slow: "prefill/1", factor: 20, for: "4s" },
      ],
    });
    const { record } = await runLive(rehearsal);
    expect(ends(record).failed).toBe(0);
    // Two starts of each, each half a second longer; the second one began at once.
    for (const worker of record.workers.filter(({ role, id }) => role === "decode" && id >= 2)) {
      expect(worker).toMatchObject({ createdMs: 1000, readyMs: 6000 });
    }
    expect(record.workers.filter(({ role }) => role === "decode")).toHaveLength(4);
    const { arrivalMs, firstTokenMs } = record.requests;
    for (let i = 0; i < record.requests.count; i++) {
      // There and back to the prefill worker, there and back to the decode worker.
      expect(firstTokenMs[i]! - arrivalMs[i]!).toBeGreaterThan(1200);
    }
    const faults = new Map(record.faults!.map((fault) => [fault.kind, fault]));
    // Both lose theirs, and are over then.
    const losses = record.faults!.filter(({ kind }) => kind === "loseTransfers");
    expect(losses).toMatchObject([
      { requests: 2, retried: 2 },
      { requests: 1, retried: 1 },
    ]);
    expect(record.requests.attempts.reduce((sum, attempts) => sum + attempts - 1, 0)).toBe(3);
    expect(losses[0]!.untilMs).toBeGreaterThan(2000);
    expect(losses[1]!.untilMs).toBeGreaterThan(losses[0]!.untilMs!);
    expect(losses[1]!.untilMs).toBeLessThan(record.endMs);
    expect(faults.get("loseMetrics")!.ticks).toBe(3);
    // All of them, each once.
    expect(faults.get("delayNetwork")!.requests).toBe(record.requests.count);
    expect(faults.get("slow")!.workers).toBe(1);
    // Those that come meanwhile, too, and not only whom it has at its beginning and its end.
    const { decodeWorker, lastTokenMs } = record.requests;
    const decoded = [...arrivalMs.keys()].filter((i) => decodeWorker[i] === 0);
    const surely = decoded.filter((i) => firstTokenMs[i]! > 3500 && firstTokenMs[i]! < 6000);
    const perhaps = decoded.filter((i) => lastTokenMs[i]! > 2500 && arrivalMs[i]! < 6500);
    const slow = record.faults!.find(({ atMs }) => atMs === 2500)!;
    expect(slow.requests).toBeGreaterThanOrEqual(surely.length);
    expect(slow.requests).toBeLessThanOrEqual(perhaps.length);
    // A prompt takes twenty times as long there.
    const ttft = (fromMs: number, toMs: number) => {
      const within = [...arrivalMs.keys()].filter((i) => arrivalMs[i]! >= fromMs && arrivalMs[i]! < toMs);
      return within.map((i) => firstTokenMs[i]! - arrivalMs[i]!).sort((a, b) => a - b)[within.length >> 1]!;
    };
    expect(ttft(7000, 9000)).toBeGreaterThan(ttft(11_500, 14_000) + 500);
  });
});

describe("what can't be played live", () => {
  const told = async (work: Promise<unknown>) => {
    try {
      await work;
    } catch (error) {
      if (error instanceof UserError) return formatUserError(error);
      throw error;
    }
    throw new Error("nothing was thrown");
  };

  it("is said with its place", async () => {
    const faulty = rehearsalOf({ faults: [{ at: "1s", kill: "decode/0" }] });
    const url = "http://127.0.0.1:9";
    expect(await told(runAtUrl(faulty, { url, model: "m" }, keepInMemory))).toMatch(
      /faults\[0\]\.kill.*kill can't be played live/s,
    );
  });
});
