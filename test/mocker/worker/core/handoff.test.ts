import { describe, expect, it } from "vitest";
import type { EngineConfig, TransferModel } from "#mocker/engine";
import type { KvTransferParams } from "#mocker/protocol";
import { HandoffError } from "../../../../mocker/worker/core/errors.ts";
import type { KvPeer, Worker, WorkerSettings } from "../../../../mocker/worker/types.ts";
import { last, makeWorker, type Sent, send, when } from "./live-worker.ts";
import { ManualTime, settle } from "./manual-time.ts";

/** 1 ms a token. */
const SLOW: TransferModel = { bytesPerToken: 1000, bytesPerSecond: 1e6, timing: "full_prompt" };

interface Pair {
  time: ManualTime;
  prefill: Worker;
  decode: Worker;
  /** What the decode worker asked of the prefill worker. */
  calls: string[];
  /** The prefill worker answers no more. */
  cut(): void;
}

function pair(engine: Partial<EngineConfig> = {}, decodeSettings: Partial<WorkerSettings> = {}): Pair {
  const time = new ManualTime();
  const calls: string[] = [];
  let isCut = false;
  const reach = <T>(answer: () => T | Promise<T>): Promise<T> =>
    isCut ? Promise.reject(new HandoffError("failed", "nobody answers")) : new Promise((resolve) => resolve(answer()));
  const prefill = makeWorker(
    time,
    { ...engine, role: "prefill" },
    { id: "prefill/0", address: { host: "127.0.0.1", port: 1234 } },
  );
  const source = prefill.handoff!;
  const peer: KvPeer = {
    wait: (id, signal) => {
      calls.push(`wait ${id}`);
      return reach(() => source.wait(id, { signal }));
    },
    release: (id, atMs) => {
      calls.push(`release ${id} ${atMs}`);
      return reach(() => source.release(id, atMs));
    },
    abort: (id) => {
      calls.push(`abort ${id}`);
      return reach(() => {
        source.abort(id);
      });
    },
  };
  const decode = makeWorker(time, { ...engine, role: "decode" }, decodeSettings, () => peer);
  return {
    time,
    prefill,
    decode,
    calls,
    cut: () => {
      isCut = true;
    },
  };
}

const REMOTE: KvTransferParams = { do_remote_decode: true };
const WAITING: KvTransferParams = { do_remote_prefill: true, remote_request_id: "r" };

async function heldParams({ time, prefill }: Pair, promptTokens: number): Promise<KvTransferParams> {
  send(prefill, promptTokens, 1, { requestId: "r", kvTransfer: REMOTE });
  const params = prefill.handoff!.wait("r");
  while (prefill.handoff!.heldCount === 0) time.advanceTo(time.timers.nextMs);
  return await params;
}

function isIdle(worker: Worker): boolean {
  const [load] = worker.load();
  return load!.running + load!.waiting + load!.usedBlocks === 0;
}

describe("a hand-off", () => {
  it("holds the prompt, reserves, transfers, activates and releases, each at its instant", async () => {
    const workers = pair({}, { transfer: SLOW });
    const { time, prefill, decode, calls } = workers;
    const params = await heldParams(workers, 9);
    expect(params).toEqual({
      do_remote_decode: false,
      do_remote_prefill: true,
      remote_engine_id: "prefill/0",
      remote_host: "127.0.0.1",
      remote_port: 1234,
      remote_request_id: "r",
      remote_block_ids: null,
      held_at: 0.009,
      cached_tokens: 0,
    });
    expect(prefill.load()[0]!.usedBlocks).toBe(3);
    // The answer takes 2 ms on its way; the blocks were there all the time.
    time.advanceTo(11);
    const sent = send(decode, 9, 2, { kvTransfer: params });
    expect(decode.load()[0]!.usedBlocks).toBe(3);
    time.advanceTo(18);
    await settle();
    expect(calls).toEqual(["release r 18"]);
    expect(isIdle(prefill)).toBe(true);
    time.runOut();
    expect(sent.events).toEqual([
      ["admitted 0", 18],
      ["token 0", 28],
      ["token 1", 38],
      ["finished", 38],
    ]);
    expect(isIdle(decode)).toBe(true);
  });

  it("tells the prefill worker's hits as the request's", async () => {
    const workers = pair();
    const { time, prefill, decode } = workers;
    const prompt = [1, 2, 3, 4, 5, 6];
    send(prefill, prompt, 1);
    time.runOut();
    expect(isIdle(prefill)).toBe(true);
    const first = send(prefill, prompt, 1, { requestId: "r", kvTransfer: REMOTE });
    time.advanceTo(time.nowMs + 2);
    expect(last(first)).toBe("held");
    const sent = send(decode, prompt, 2, { kvTransfer: await prefill.handoff!.wait("r") });
    time.runOut();
    expect(sent.events[0]![0]).toBe("admitted 4");
  });

  it("transfers what the decode worker has not cached, where the model says so", async () => {
    const workers = pair({}, { transfer: { ...SLOW, timing: "destination_missing" } });
    const { time, decode } = workers;
    const prompt = [1, 2, 3, 4, 5, 6];
    send(decode, prompt, 1);
    time.runOut();
    const params = await heldParams(workers, 6);
    const atMs = time.nowMs;
    const sent = send(decode, prompt, 1, { kvTransfer: params });
    time.runOut();
    expect(when(sent, "admitted 0")).toBe(atMs + 4);
  });

  it("may come to the decode worker first, which waits for the prompt", async () => {
    const { time, prefill, decode, calls } = pair({}, { transfer: SLOW });
    const sent = send(decode, 9, 2, { kvTransfer: WAITING });
    time.advanceTo(5);
    send(prefill, 9, 1, { requestId: "r", kvTransfer: REMOTE });
    time.advanceTo(14);
    await settle();
    expect(calls).toEqual(["wait r"]);
    time.advanceTo(23);
    await settle();
    expect(calls).toEqual(["wait r", "release r 23"]);
    time.runOut();
    expect(when(sent, "token 0")).toBe(33);
    expect([isIdle(prefill), isIdle(decode)]).toEqual([true, true]);
  });

  it("waits in line where the decode worker has no blocks, and so holds those of the prefill worker", async () => {
    const workers = pair({ numGpuBlocks: 4, prefixCaching: false });
    const { time, prefill, decode } = workers;
    const running = send(decode, 9, 4);
    const params = await heldParams(workers, 9);
    const sent = send(decode, 9, 1, { kvTransfer: params });
    time.advanceTo(38);
    await settle();
    expect(prefill.handoff!.heldCount).toBe(1);
    expect(sent.events).toEqual([]);
    time.advanceTo(39);
    await settle();
    expect(last(running)).toBe("finished");
    expect(prefill.handoff!.heldCount).toBe(0);
    time.runOut();
    expect(when(sent, "token 0")).toBe(49);
  });

  it("can be computed by the decode worker alone, for who asks it directly", () => {
    const { time, decode, calls } = pair();
    const sent = send(decode, 9, 2);
    time.runOut();
    expect(when(sent, "token 0")).toBe(9);
    expect(calls).toEqual([]);
  });

  it("keeps names apart where two requests have the same", async () => {
    const { time, prefill } = pair();
    send(prefill, 5, 1, { requestId: "r", kvTransfer: REMOTE });
    send(prefill, 5, 1, { requestId: "r", kvTransfer: REMOTE });
    time.advanceTo(10);
    expect(prefill.handoff!.heldCount).toBe(2);
    expect(prefill.handoff!.release("r")).toBe(true);
    expect(prefill.handoff!.release("r")).toBe(false);
    expect(prefill.handoff!.release("r-2")).toBe(true);
    await settle();
    expect(isIdle(prefill)).toBe(true);
  });
});

describe("a hand-off that fails", () => {
  async function expectFailed(sent: Sent, workers: Pair, reason: RegExp): Promise<void> {
    await settle();
    workers.time.advanceTo(workers.time.nowMs + 10);
    await settle();
    expect(last(sent)).toMatch(reason);
    expect([isIdle(workers.prefill), isIdle(workers.decode)]).toEqual([true, true]);
    expect(workers.prefill.handoff!.heldCount).toBe(0);
    await Promise.all([workers.prefill.drain(), workers.decode.drain()]);
  }

  it("on the prefill worker tells the decode worker that waits", async () => {
    const workers = pair();
    const sent = send(workers.decode, 9, 2, { kvTransfer: WAITING });
    const prompt = send(workers.prefill, 9, 1, { requestId: "r", kvTransfer: REMOTE });
    workers.time.advanceTo(3);
    prompt.handle.cancel();
    await expectFailed(sent, workers, /^handoff: .*it was cancelled/);
  });

  it("tells a decode worker that comes when all is over", async () => {
    const workers = pair();
    const prompt = send(workers.prefill, 9, 1, { requestId: "r", kvTransfer: REMOTE });
    prompt.handle.cancel();
    const sent = send(workers.decode, 9, 2, { kvTransfer: WAITING });
    await expectFailed(sent, workers, /^handoff: .*it was cancelled/);
  });

  it("because the decode worker's client is gone frees the blocks on both sides: waiting", async () => {
    const workers = pair();
    const sent = send(workers.decode, 9, 2, { kvTransfer: WAITING });
    const prompt = send(workers.prefill, 9, 1, { requestId: "r", kvTransfer: REMOTE });
    workers.time.advanceTo(3);
    sent.handle.cancel();
    await settle();
    workers.time.runOut();
    expect(workers.calls).toEqual(["wait r", "abort r"]);
    expect(last(prompt)).toBe("handoff: the decode worker gave it up");
    await expectFailed(prompt, workers, /^handoff: /);
  });

  it("because the decode worker's client is gone frees the blocks on both sides: in transfer", async () => {
    const workers = pair({}, { transfer: SLOW });
    const params = await heldParams(workers, 9);
    const sent = send(workers.decode, 9, 2, { kvTransfer: params });
    workers.time.advanceTo(workers.time.nowMs + 3);
    sent.handle.cancel();
    await settle();
    expect(workers.calls).toEqual(["abort r"]);
    workers.time.runOut();
    expect(sent.events).toEqual([]);
    expect([isIdle(workers.prefill), isIdle(workers.decode)]).toEqual([true, true]);
  });

  it("because nobody fetched the blocks in time frees them, and who comes later is told", async () => {
    const workers = pair();
    const params = await heldParams(workers, 9);
    workers.time.advanceTo(1008);
    expect(workers.prefill.handoff!.heldCount).toBe(1);
    workers.time.advanceTo(1009);
    expect(workers.prefill.handoff!.heldCount).toBe(0);
    workers.time.advanceTo(1010);
    const sent = send(workers.decode, 9, 2, { kvTransfer: params });
    workers.time.advanceTo(1011);
    await expectFailed(sent, workers, /^handoff: the prefill worker lost its blocks: it holds them no more/);
    expect(sent.events.some(([event]) => event.startsWith("token"))).toBe(false);
  });

  it("because the prompt never came gives up after the timeout", async () => {
    const workers = pair();
    const sent = send(workers.decode, 9, 2, { kvTransfer: WAITING });
    workers.time.advanceTo(999);
    await settle();
    expect(sent.events).toEqual([]);
    workers.time.advanceTo(1000);
    await expectFailed(sent, workers, /^handoff: /);
  });

  it("because the decode worker had no blocks for too long frees the prefill worker's", async () => {
    const workers = pair({ numGpuBlocks: 4, prefixCaching: false }, { handoffTimeoutMs: 20 });
    const running = send(workers.decode, 9, 8);
    const params = await heldParams(workers, 9);
    const sent = send(workers.decode, 9, 2, { kvTransfer: params });
    workers.time.advanceTo(30);
    await settle();
    expect(last(sent)).toBe("handoff: the hand-off took too long");
    expect(workers.prefill.handoff!.heldCount).toBe(0);
    workers.time.runOut();
    expect(last(running)).toBe("finished");
    expect([isIdle(workers.prefill), isIdle(workers.decode)]).toEqual([true, true]);
  });

  it("because the prefill worker is gone fails before the first token", async () => {
    const workers = pair({}, { transfer: SLOW });
    const params = await heldParams(workers, 9);
    workers.cut();
    workers.prefill.stop();
    const sent = send(workers.decode, 9, 2, { kvTransfer: params });
    workers.time.advanceTo(workers.time.nowMs + 9);
    await settle();
    workers.time.runOut();
    expect(last(sent)).toBe("handoff: the prefill worker lost its blocks: nobody answers");
    expect(when(sent, "token 0")).toBeNaN();
    expect(isIdle(workers.decode)).toBe(true);
  });

  it("after the first token is nobody's business any more", async () => {
    const time = new ManualTime();
    let answer = (_released: boolean) => {};
    const peer: KvPeer = {
      wait: () => Promise.reject(new Error("not asked")),
      release: () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
      abort: () => Promise.resolve(),
    };
    const decode = makeWorker(time, { role: "decode" }, {}, () => peer);
    const sent = send(decode, 9, 3, { kvTransfer: { ...WAITING, held_at: 0 } });
    time.advanceTo(15);
    answer(false);
    await settle();
    time.runOut();
    expect(last(sent)).toBe("finished");
  });

  it("because it can never fit is refused without asking anybody", async () => {
    const { time, decode, calls } = pair({ numGpuBlocks: 2 });
    const sent = send(decode, 9, 2, { kvTransfer: WAITING });
    await settle();
    time.runOut();
    await settle();
    expect(last(sent)).toMatch(/^rejected: /);
    expect(calls.filter((call) => !call.startsWith("abort"))).toEqual([]);
  });
});

describe("the book of a prefill worker", () => {
  it("tells who waits for an unknown request after its own timeout, or when it gives up", async () => {
    const { time, prefill } = pair();
    const book = prefill.handoff!;
    const errors: unknown[] = [];
    const giveUp = new AbortController();
    void book.wait("a", { timeoutMs: 5 }).catch((error) => errors.push(["a", error.kind]));
    void book.wait("b", { signal: giveUp.signal }).catch((error) => errors.push(["b", error.kind]));
    void book.wait("c", { signal: AbortSignal.abort() }).catch((error) => errors.push(["c", error.kind]));
    await settle();
    time.advanceTo(5);
    await settle();
    giveUp.abort();
    await settle();
    expect(errors).toEqual([
      ["c", "unknown"],
      ["a", "unknown"],
      ["b", "unknown"],
    ]);
    expect(book.abort("a")).toBe(false);
    expect(time.timers.nextMs).toBe(Number.POSITIVE_INFINITY);
  });

  it("answers everybody who waits for the same request", async () => {
    const { time, prefill } = pair();
    const answers = [prefill.handoff!.wait("r"), prefill.handoff!.wait("r")];
    send(prefill, 5, 1, { requestId: "r", kvTransfer: REMOTE });
    time.advanceTo(5);
    const [one, other] = await Promise.all(answers);
    expect(one).toEqual(other);
    expect(one!.held_at).toBe(0.005);
  });

  it("tells everybody where the worker stops", async () => {
    const { prefill } = pair();
    const waiting = prefill.handoff!.wait("r");
    prefill.stop();
    await expect(waiting).rejects.toThrow("the worker was stopped");
  });

  it("keeps a draining worker until its blocks are fetched", async () => {
    const workers = pair();
    await heldParams(workers, 5);
    let drained = false;
    void workers.prefill.drain().then(() => {
      drained = true;
    });
    await settle();
    expect(drained).toBe(false);
    workers.prefill.handoff!.release("r");
    await settle();
    expect(drained).toBe(true);
  });
});
