import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  buildWorkload,
  entryDocument,
  fitTrace,
  parseScenario,
  parseTrace,
  parseTraffic,
  readTraceFile,
  summarizeWorkload,
  traceBlockTokens,
  traceLines,
  type Workload,
} from "#scenarios";
import { fitContent } from "../../scenarios/fit/fit-content.ts";
import { describeWithReference, referencePath } from "../reference.ts";

const build = (yaml: string, seed: number): Workload => buildWorkload(parseTraffic(yaml, "t"), { seed });

/** Written as a trace and read again: whole ms, and nothing but what a trace says. */
function asTrace(workload: Workload): Workload {
  const lines = [...traceLines(workload)].join("\n");
  return parseTrace(lines, "t.jsonl", { blockTokens: traceBlockTokens(workload) });
}

const fitAgain = (workload: Workload) => fitTrace(asTrace(workload), "t.jsonl", 9);
const error = (fitted: ReturnType<typeof fitAgain>, name: string) =>
  Math.abs(fitted.statistics.find((statistic) => statistic.name === name)!.error);

describe("traffic of a known shape, fitted", () => {
  const runs = { numRuns: 6 };

  it("has its rate and its burstiness: within 6 % and 15 % of 3,000 arrivals and more", () => {
    const known = fc.record({
      rate: fc.integer({ min: 5, max: 40 }),
      cv: fc.constantFrom(0.3, 1, 2, 3),
      seed: fc.nat(1000),
    });
    fc.assert(
      fc.property(known, ({ rate, cv, seed }) => {
        const made = build(
          `constant: { requestRate: ${rate}, arrivals: { gamma: { cv: ${cv} } }, isl: 100, osl: 10, duration: ${3000 / rate}s }`,
          seed,
        );
        const { entry } = fitAgain(made);
        const mean = (1000 * made.count) / entry.durationMs;
        expect(Math.abs(mean / rate - 1)).toBeLessThan(0.06 * Math.max(1, cv));
        const fitted = entry.arrivals.kind === "gamma" ? entry.arrivals.cv : 1;
        expect(Math.abs(fitted / cv - 1)).toBeLessThan(0.15);
        expect(entry.content.patterns[0]).toMatchObject({ isl: { value: 100 }, osl: { value: 10 } });
      }),
      runs,
    );
  });

  it("is constant where it was, and steps where it stepped", () => {
    const steady = fitAgain(build("constant: { requestRate: 20, isl: 100, osl: 10, duration: 10m }", 3));
    expect(steady.entry.rate.kind).toBe("constant");
    expect(steady.entry.arrivals.kind).toBe("poisson");
    const even = fitAgain(
      build("constant: { requestRate: 20, arrivals: constant, isl: 100, osl: 10, duration: 10m }", 3),
    );
    expect(even.entry.arrivals.kind).toBe("constant");
    const stepped = fitAgain(
      build("steps: { requestRate: [{ at: 0, rate: 5 }, { at: 5m, rate: 30 }], isl: 100, osl: 10, duration: 10m }", 3),
    ).entry.rate;
    if (stepped.kind !== "steps") throw new Error(stepped.kind);
    // The window in which the rate changed may be a step of its own.
    expect(stepped.steps.length).toBeLessThanOrEqual(3);
    const last = stepped.steps.at(-1)!;
    expect(Math.abs(last.atMs - 300_000)).toBeLessThan(10_000);
    expect(Math.abs(stepped.steps[0]!.rate / 5 - 1)).toBeLessThan(0.08);
    expect(Math.abs(last.rate / 30 - 1)).toBeLessThan(0.04);
  });

  it("follows a rate that changes all the time: within a tenth of its range at any time, on average", () => {
    const made = build(
      "sinusoid: { requestRate: { min: 5, max: 45, period: 10m }, isl: 100, osl: 10, duration: 20m }",
      5,
    );
    const { rate } = fitAgain(made).entry;
    if (rate.kind !== "steps") throw new Error(rate.kind);
    let off = 0;
    for (let s = 5; s < 1200; s += 10) {
      const step = rate.steps.findLast(({ atMs }) => atMs <= s * 1000)!;
      off += Math.abs(step.rate - (25 - 20 * Math.cos((2 * Math.PI * s) / 600))) / 120;
    }
    expect(off).toBeLessThan(4);
  });

  it("has its lengths: lognormals by name within 3 %, anything by its quantiles", () => {
    const made = build(
      "constant: { requestRate: 20, isl: { lognormal: { mean: 3000, sigma: 0.6 } }, osl: { mixture: [{ weight: 1, of: 20 }, { weight: 2, of: { uniform: { min: 200, max: 900 } } }] }, duration: 10m }",
      7,
    );
    const fitted = fitAgain(made);
    const { isl, osl } = fitted.entry.content.patterns[0]!;
    if (isl.kind !== "lognormal") throw new Error(isl.kind);
    expect(Math.abs(isl.mean / 3000 - 1)).toBeLessThan(0.03);
    expect(Math.abs(isl.sigma / 0.6 - 1)).toBeLessThan(0.03);
    expect(osl.kind).toBe("quantiles");
    for (const name of ["ISL p50", "ISL p90", "OSL mean", "OSL p50", "OSL p90", "OSL p99"]) {
      expect(error(fitted, name), name).toBeLessThan(0.06);
    }
  });

  it.each([-0.6, 0.4, 0.8])("keeps long prompts with long answers, or short ones: correlation %s", (correlation) => {
    const made = build(
      `constant: { requestRate: 20, lengths: burstgpt, correlation: ${correlation}, duration: 5m }`,
      2,
    );
    const fitted = fitAgain(made);
    expect(Math.abs(fitted.entry.content.patterns[0]!.correlation! - correlation)).toBeLessThan(0.04);
    expect(error(fitted, "rank correlation ISL–OSL")).toBeLessThan(0.05);
  });

  it("has its sessions: turns, waits and what is added", () => {
    const made = build(
      "constant: { requestRate: 4, isl: { lognormal: { mean: 2000, sigma: 0.3 } }, osl: 50, sessions: { turns: { uniform: { min: 1, max: 7 } }, thinkTime: { exponential: { mean: 8s } }, growth: { lognormal: { mean: 300, sigma: 0.4 } } }, duration: 10m }",
      4,
    );
    const fitted = fitAgain(made);
    const { sessions, patterns } = fitted.entry.content;
    expect(sessions!.history).toBe("grow");
    if (sessions!.growth?.kind !== "lognormal" || patterns[0]!.isl.kind !== "lognormal")
      throw new Error("no lognormals");
    expect(Math.abs(sessions!.growth.mean / 300 - 1)).toBeLessThan(0.04);
    expect(Math.abs(patterns[0]!.isl.mean / 2000 - 1)).toBeLessThan(0.03);
    expect(error(fitted, "turns of a session, mean")).toBeLessThan(0.05);
    expect(error(fitted, "wait between turns, p50")).toBeLessThan(0.1);
    expect(error(fitted, "reusable prompt tokens")).toBeLessThan(0.03);
  });

  it.each([
    "{ groups: 5, tokens: 1024 }",
    "{ groups: 1, tokens: 512 }",
    "{ tokens: 512, reuse: { uniform: { min: 0, max: 0.8 } }, window: 40 }",
  ])("reuses as much of its prompts: %s", (prefix) => {
    const made = build(
      `constant: { requestRate: 10, isl: { lognormal: { mean: 4000, sigma: 0.4 } }, osl: 10, prefix: ${prefix}, duration: 5m }`,
      8,
    );
    expect(error(fitAgain(made), "reusable prompt tokens")).toBeLessThan(0.03);
  });

  it("has no share of reuse below those that were seen, where these scatter as lognormals do", () => {
    const lengths = "isl: { lognormal: { mean: 300, sigma: 0.3 } }, osl: 10";
    const drawn = build(`constant: { requestRate: 30, ${lengths}, duration: 20s }`, 6);
    // All begin with the same 10 blocks, one in five ends there; the others go on as the first one's answer, some blocks of 1000.
    const isShort = (request: number) => request % 5 === 0;
    const named = drawn.isl.map((blocks, request) => 10 + (request === 0 ? 1000 : isShort(request) ? 0 : blocks));
    const offset = new Int32Array(drawn.count + 1);
    named.forEach((blocks, request) => {
      offset[request + 1] = offset[request]! + blocks;
    });
    const { prefix } = fitContent({
      ...drawn,
      isl: drawn.isl.map((_, request) => 16 * (isShort(request) ? 10 : 1010)),
      prompts: {
        blockTokens: 16,
        offset,
        ids: Int32Array.from([...named].flatMap((blocks) => [...Array(blocks).keys()])),
      },
    });
    if (prefix?.kind !== "reuse" || prefix.share.kind !== "quantiles") throw new Error(JSON.stringify(prefix));
    const seen = Array.from(
      drawn.isl.filter((_, request) => !isShort(request)),
      (blocks) => blocks / 1000,
    );
    expect(prefix.tokens).toBe(160);
    expect(prefix.share.points[0]).toEqual({ q: 0, value: Math.min(...seen) });
    expect(prefix.share.points.at(-1)).toEqual({ q: 1, value: Math.max(...seen) });
  });

  it("is a scenario in its text, too", () => {
    const traffic = [
      "sinusoid: { requestRate: { min: 2, max: 30, period: 5m }, lengths: sharegpt, correlation: 0.3, arrivals: { gamma: { cv: 2 } }, prefix: { reuse: 0.3 }, duration: 10m }",
      "constant: { requestRate: 3, isl: 500, osl: { exponential: { mean: 90 } }, sessions: { turns: 3, thinkTime: 2s }, duration: 5m }",
    ];
    for (const yaml of traffic) {
      const { entry } = fitAgain(build(yaml, 1));
      const frame = { name: "a", deployment: { profile: "p", mode: "agg" }, sla: { ttft: "1s", itl: "50ms" } };
      const text = entryDocument(entry, frame, "fitted");
      const scenario = parseScenario(text, "fitted.yaml");
      const again = summarizeWorkload(buildWorkload(scenario.traffic, { seed: 9 }));
      const before = summarizeWorkload(buildWorkload([entry], { seed: 9 }));
      // Lengths are written as whole tokens, and figures to four digits.
      for (const of of [
        (s: typeof again) => s.isl.mean,
        (s: typeof again) => s.osl.p90,
        (s: typeof again) => s.requests,
      ]) {
        expect(Math.abs(of(again) / of(before) - 1)).toBeLessThan(0.01);
      }
      expect(Math.abs(again.reusableShare - before.reusableShare)).toBeLessThan(0.01);
    }
  });
});

describe("runs of agents, fitted", () => {
  const AGENTS =
    "constant: { requestRate: 1, isl: { lognormal: { mean: 6000, sigma: 0.3 } }, osl: { lognormal: { mean: 180, sigma: 0.5 } }, prefix: { groups: 3, tokens: 2048 }, blockSize: 256, duration: 15m, agents: { turns: { uniform: { min: 3, max: 12 } }, toolWait: { lognormal: { mean: 4s, sigma: 0.8 } }, growth: { lognormal: { mean: 900, sigma: 0.7 } }, subagents: { share: 0.2, count: { uniform: { min: 1, max: 3 } }, turns: { uniform: { min: 1, max: 5 } }, isl: { lognormal: { mean: 1500, sigma: 0.2 } } } } }";
  const trace = asTrace(build(AGENTS, 3));

  /** About 900 runs and 2,400 sub-agents, drawn twice: relative errors, and those of shares. */
  const BOUNDS: Record<string, number> = {
    "rate, mean": 0.08,
    "requests of a run, mean": 0.05,
    "turns of an agent, mean": 0.04,
    "turns of an agent, p90": 0.1,
    "first prompt of an agent, mean": 0.03,
    "first prompt of an agent, p90": 0.05,
    "growth of a prompt, mean": 0.03,
    "growth of a prompt, p50": 0.03,
    "growth of a prompt, p90": 0.05,
    "tool wait, mean": 0.04,
    "tool wait, p50": 0.04,
    "tool wait, p90": 0.05,
    "steps that begin sub-agents": 0.02,
    "sub-agents at once, mean": 0.05,
    "sub-agents of a run, mean": 0.08,
    "turns of a sub-agent, mean": 0.05,
    "first prompt of a sub-agent, mean": 0.03,
    "ISL mean": 0.05,
    "ISL p90": 0.05,
    "OSL mean": 0.03,
    // Traces do not name answers, of which the scenario's next prompts find the blocks.
    "reusable prompt tokens": 0.05,
  };

  it("have their turns, tool waits, growth and fan-out, as a scenario in its text, too", () => {
    const fitted = fitTrace(trace, "t.jsonl", 9);
    for (const [name, bound] of Object.entries(BOUNDS)) expect(error(fitted, name), name).toBeLessThan(bound);
    expect(fitted.entry.content.sessions).toBeNull();
    const frame = { name: "a", deployment: { profile: "p", mode: "agg" }, sla: { ttft: "1s", itl: "50ms" } };
    const text = entryDocument(fitted.entry, frame, "fitted");
    expect(Math.max(...text.split("\n").map(({ length }) => length))).toBeLessThan(200);
    const again = buildWorkload(parseScenario(text, "fitted.yaml").traffic, { seed: 9 });
    const [was, is] = [fitted.regenerated, summarizeWorkload(again)];
    expect(is.requests).toBe(was.requests);
    expect(is.turns).toEqual(was.turns);
    for (const of of [(s: typeof is) => s.isl.mean, (s: typeof is) => s.osl.mean, (s: typeof is) => s.waitMs!.mean]) {
      expect(Math.abs(of(is) / of(was) - 1)).toBeLessThan(0.01);
    }
  });

  it("are told apart by their prompts where no session has a name", () => {
    const named = fitTrace(trace, "t.jsonl", 9);
    const nameless = fitTrace({ ...trace, sessionIds: null }, "t.jsonl", 9);
    expect(nameless.entry.content).toEqual(named.entry.content);
  });

  it("have no sub-agents where they had none, and no tools where nobody waited", () => {
    const traffic =
      "constant: { requestRate: 2, isl: 900, osl: 20, duration: 2m, agents: { turns: { list: [1, 4] }, growth: 100 } }";
    const { entry } = fitAgain(build(traffic, 1));
    const fixed = (value: number) => ({ kind: "fixed", value });
    const { turns, ...rest } = entry.content.agents!;
    expect(rest).toEqual({ toolWaitMs: fixed(0), growth: fixed(100), maxIsl: null, subagents: null });
    if (turns.kind !== "mixture") throw new Error(turns.kind);
    expect(turns.parts.map(({ of }) => of)).toEqual([fixed(1), fixed(4)]);
    // One after the other: as often, give or take the last one.
    expect(Math.abs(turns.parts[0]!.weight - turns.parts[1]!.weight)).toBeLessThanOrEqual(1);
    expect(entry.content.patterns[0]).toMatchObject({ isl: fixed(900), osl: fixed(20) });
  });

  it("wait for their tools alone, not for their sub-agents, in recorded traces of Dynamo", () => {
    /** An agent's three requests with two sub-agents at the second, which take ten times as long as the tools. */
    const events = Array.from({ length: 20 }, (_, run) => {
      const at = run * 100_000;
      const end = (session: string, fromMs: number, tookMs: number, isl: number, parent?: string) => ({
        event_type: "request_end",
        agent_context: { session_id: session, ...(parent === undefined ? {} : { parent_session_id: parent }) },
        request: {
          input_tokens: isl,
          output_tokens: 10,
          request_received_ms: at + fromMs,
          total_time_ms: tookMs,
        },
      });
      const [a, b, c] = [`a${run}`, `b${run}`, `c${run}`];
      return [
        end(a, 0, 100, 1000),
        end(a, 600, 100, 1060),
        end(b, 650, 4000, 300, a),
        end(c, 650, 5000, 300, a),
        end(a, 6150, 100, 1120),
        end(a, 6750, 100, 1180),
      ];
    }).flat();
    const recorded = parseTrace(events.map((event) => JSON.stringify(event)).join("\n"), "t.jsonl");
    const { agents, patterns } = fitTrace(recorded, "t.jsonl", 1).entry.content;
    const fixed = (value: number) => ({ kind: "fixed", value });
    expect(patterns[0]!.isl).toEqual(fixed(1000));
    expect(agents).toEqual({
      turns: fixed(4),
      toolWaitMs: fixed(500),
      growth: fixed(50),
      maxIsl: null,
      subagents: { share: 0.3333, count: fixed(2), turns: fixed(1), isl: fixed(300) },
    });
  });

  it("are refused where prompts don't repeat those that they wait for: play the trace itself", () => {
    const rows = Array.from({ length: 30 }, (_, i) =>
      JSON.stringify({
        request_id: `${i}`,
        session_id: `${Math.floor(i / 3)}`,
        input_length: 512,
        output_length: 1,
        hash_ids: [i],
        ...(i % 3 === 0 ? { timestamp: i * 1000 } : { wait_for: [`${i - 1}`] }),
      }),
    );
    expect(() => fitTrace(parseTrace(rows.join("\n"), "t.jsonl", { format: "agentic" }), "t.jsonl", 1)).toThrow(
      /repeat the prompt/,
    );
  });
});

describeWithReference("the Mooncake conversation trace, fitted", () => {
  it("comes back with its rate, its lengths and its reuse", () => {
    const fitted = fitTrace(readTraceFile(referencePath("traces", "mooncake_conversation.jsonl")), "mooncake", 1);
    expect(fitted.original.burstiness.bucketMs).toBe(3000);
    const bounds: Record<string, number> = {
      requests: 0.03,
      "rate, mean": 0.03,
      "rate, peak of 60 parts": 0.1,
      "cv of gaps, locally": 0.06,
      "ISL mean": 0.02,
      "ISL p50": 0.03,
      "ISL p90": 0.03,
      "ISL p99": 0.08,
      "OSL mean": 0.02,
      "OSL p50": 0.03,
      "OSL p90": 0.03,
      "OSL p99": 0.05,
      "rank correlation ISL–OSL": 0.03,
      "reusable prompt tokens": 0.01,
      "requests that reuse": 0.01,
    };
    for (const [name, bound] of Object.entries(bounds)) expect(error(fitted, name), name).toBeLessThan(bound);
  });
});
