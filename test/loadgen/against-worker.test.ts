import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineConfig } from "#mocker/engine";
import { builtinTokenizer } from "#mocker/text";
import { startWorkerHost, type WorkerHost } from "#mocker/worker";
import { asClosedLoop, buildWorkload, type Workload } from "#scenarios";
import { runLoad } from "#src/loadgen";
import { simulate } from "#src/simulator";
import { HAND_TIMING, madePool, madeSpec } from "../simulator/hand-made.ts";
import { madeContent, openLoop } from "./made-load.ts";

/** Small enough that blocks are evicted. */
const ENGINE = { timing: HAND_TIMING, blockSize: 16, numGpuBlocks: 40, speedupRatio: 0, thinkingRatio: 0.5 };

let host: WorkerHost;
beforeAll(async () => {
  host = await startWorkerHost({
    settings: {
      model: "mock",
      engine: engineConfig({ ...ENGINE, role: "aggregated", kvEvents: false }),
      dpSize: 1,
      transfer: null,
      startupMs: 0,
      tokenizer: builtinTokenizer(),
      handoffTimeoutMs: 300_000,
      trustRequestStart: false,
    },
    http: { logLevel: "silent" },
  });
});
afterAll(() => host.close());

/** Sessions that grow, with shared system prompts; one at a time, so that nothing depends on time. */
function sessions(): Workload {
  const fixed = (value: number) => ({ kind: "fixed" as const, value });
  const rate = { kind: "constant" as const, rate: 100 };
  const content = {
    ...madeContent(70, 9),
    prefix: { kind: "groups" as const, groups: 3, tokens: 48 },
    sessions: { turns: fixed(3), thinkMs: fixed(0), history: "grow" as const, maxIsl: null },
  };
  const open = buildWorkload(
    [{ kind: "open", startMs: 0, durationMs: 200, rate, arrivals: { kind: "constant" }, content }],
    { seed: 4 },
  );
  return asClosedLoop(open, 1);
}

describe("a worker under load", () => {
  it.each(["text", "ids"] as const)(
    "finds in its cache what the simulator's does, with prompts as %s",
    async (format) => {
      const workload = sessions();
      const spec = madeSpec({ requests: [] }, { decode: madePool("aggregated", {}, ENGINE) });
      const virtual = simulate({ ...spec, workload });
      // Each format has its own seed, hence contents: what one leaves in the cache is of no use to the other.
      const live = await runLoad({
        workload,
        target: { url: host.workers[0]!.url, model: "mock", endpoint: "completions" },
        prompts: { format, seed: format },
      });
      expect(live.failures).toEqual([]);
      // What a busy machine does to times is no matter here.
      expect(live.warnings.filter(({ code }) => code !== "LATE" && code !== "BUSY")).toEqual([]);
      expect([...live.requests.cachedTokens]).toEqual([...virtual.requests.cachedTokens]);
      expect([...live.requests.isl]).toEqual([...virtual.requests.isl]);
      expect([...live.requests.outputTokens]).toEqual([...virtual.requests.outputTokens]);
      const cached = live.requests.cachedTokens.reduce((sum, tokens) => sum + tokens, 0);
      expect(cached).toBeGreaterThan(1000);
    },
  );

  it.each([
    ["chat", 9, 4],
    ["completions", 9, 4],
    ["chat", 1, 0],
    ["completions", 2, 2],
  ] as const)(
    "of %s tells what of %i tokens was reasoning, and when the answer began, as the simulator",
    async (endpoint, osl, reasoning) => {
      const workload = openLoop([0, 0, 0], 20, osl);
      const virtual = simulate({
        ...madeSpec({ requests: [] }, { decode: madePool("aggregated", {}, ENGINE) }),
        workload,
      });
      const live = await runLoad({
        workload,
        target: { url: host.workers[0]!.url, model: "mock", endpoint },
        ...(endpoint === "chat" ? {} : { reasoningTokens: new Int32Array(3).fill(reasoning) }),
      });
      expect(live.failures).toEqual([]);
      const { requests } = live;
      expect([...requests.reasoningTokens!]).toEqual(Array(3).fill(reasoning));
      expect(virtual.requests.reasoningTokens).toEqual(requests.reasoningTokens);
      for (let i = 0; i < 3; i++) {
        const ttfo = requests.firstOutputTokenMs![i]!;
        expect(Number.isNaN(ttfo)).toBe(reasoning === osl);
        expect(Number.isNaN(virtual.requests.firstOutputTokenMs![i]!)).toBe(reasoning === osl);
        if (reasoning === 0) expect(ttfo).toBe(requests.firstTokenMs[i]);
      }
    },
  );

  it("has no time to first output token where its usage speaks of other reasoning than was expected", async () => {
    const ttfo = async (expected: number) => {
      const { requests } = await runLoad({
        workload: openLoop([0], 20, 9),
        target: { url: host.workers[0]!.url, model: "mock", endpoint: "completions" },
        reasoningTokens: Int32Array.of(expected),
      });
      return requests.firstOutputTokenMs![0]!;
    };
    expect(await ttfo(4)).toBeGreaterThan(0);
    expect(await ttfo(3)).toBeNaN();
    expect(await ttfo(0)).toBeNaN();
  });
});
