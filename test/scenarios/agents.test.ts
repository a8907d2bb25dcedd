import { describe, expect, it } from "vitest";
import { buildWorkload, families, parseTraffic, summarizeWorkload, type Workload } from "#scenarios";
import { simulate } from "#src/simulator";
import { edgesOf } from "../../scenarios/workload/dependencies.ts";
import { madePool, madeSpec } from "../simulator/hand-made.ts";

function build(content: string, seed = 4): Workload {
  return buildWorkload(parseTraffic(`constant: { requestRate: 1, duration: 5m, ${content} }`, "t"), { seed });
}

const agent = (more = "") =>
  build(
    `isl: 500, osl: 40, agents: { turns: 4, toolWait: 2s, growth: 100${more} }, prefix: { groups: 2, tokens: 256 }`,
  );

describe("agents", () => {
  it("grow their prompts by answers and tools, and wait for both", () => {
    const made = agent();
    expect([...made.isl.subarray(0, 4)]).toEqual([500, 640, 780, 920]);
    expect(edgesOf(made.dependencies!).slice(0, 3)).toEqual(
      [0, 1, 2].map((parent) => ({ parent, child: parent + 1, delayMs: 2000, onStart: false })),
    );
    expect(made.sessionIds!.slice(0, 5)).toEqual(["0-0", "0-0", "0-0", "0-0", "0-1"]);
    expect(made.count).toBe(4 * made.openHeads.length);
    expect(summarizeWorkload(made).sessions).toBe(made.openHeads.length);
  });

  it("begin sub-agents, whose ends their next request waits for", () => {
    const made = agent(", subagents: { share: 1, count: 2, turns: 3 }");
    const edges = edgesOf(made.dependencies!).filter(({ child }) => child < 22);
    // The agent's requests, and between them two runs of three requests each.
    expect(edges.filter(({ child }) => child === 7).map(({ parent }) => parent)).toEqual([0, 3, 6]);
    expect(edges.filter(({ parent }) => parent === 0).map(({ child, delayMs }) => [child, delayMs])).toEqual([
      [1, 0],
      [4, 0],
      [7, 2000],
    ]);
    expect(made.sessionIds!.slice(0, 8)).toEqual(["0-0", ...Array(3).fill("0-0/0"), ...Array(3).fill("0-0/1"), "0-0"]);
    expect(new Set(families(made).subarray(0, 22))).toEqual(new Set([0]));
  });

  it("find all that they sent and got before in the cache", () => {
    const made = agent();
    const decode = madePool("aggregated", {}, { blockSize: 16, numGpuBlocks: 100_000 });
    const { requests } = simulate({ ...madeSpec({ requests: [] }, { decode }), workload: made });
    for (let i = 0; i < made.count; i++) {
      if (i % 4 === 0) continue;
      // The last token of an answer is never computed.
      const known = made.isl[i - 1]! + made.osl[i - 1]! - 1;
      expect(requests.cachedTokens[i]).toBe(Math.floor(known / 16) * 16);
    }
  });

  it("end before a prompt gets too long", () => {
    expect(Math.max(...agent(", maxIsl: 800").isl)).toBe(780);
  });

  it("of a closed loop that ends by time are no more than can be used, and no more than fit", () => {
    const loop = (agents: string) =>
      parseTraffic(
        `closedLoop: { concurrency: 10, duration: 10m, isl: 50, osl: 10, agents: { turns: 10, growth: 10, ${agents} } }`,
        "t",
      );
    const made = buildWorkload(loop("toolWait: 10s"), { seed: 1 });
    // A run takes 9 × 10 s, and 100 tokens of 1 ms: 7.3 of them in 1.1 × 600 s, and one under way.
    expect(made.closedLoops[0]!.heads).toHaveLength(90);
    const many = loop("toolWait: 10s, subagents: { share: 1, count: 1000, turns: 1000 }");
    expect(() => buildWorkload(many, { seed: 1 })).toThrow(/too many to hold/);
  });

  it("may be run in a closed loop", () => {
    const loop = parseTraffic(
      "closedLoop: { concurrency: 2, requests: 6, isl: 50, osl: 3, agents: { turns: 3, growth: 10, toolWait: 1s } }",
      "t",
    );
    const made = buildWorkload(loop, { seed: 1 });
    const { requests } = simulate({ ...madeSpec({ requests: [] }), workload: made });
    expect(requests.count).toBe(18);
    for (const [i, head] of made.closedLoops[0]!.heads.entries()) {
      if (i < 2) expect(requests.arrivalMs[head]).toBe(0);
      else expect([...requests.lastTokenMs]).toContain(requests.arrivalMs[head]);
    }
  });
});

describe("prompts that begin as earlier ones", () => {
  it("reuse the share that was asked for", () => {
    for (const share of [0.2, 0.6]) {
      const made = build(
        `isl: { uniform: { min: 500, max: 4000 } }, osl: 5, prefix: { reuse: ${share} }, blockSize: 16`,
      );
      expect(summarizeWorkload(made).reusableShare).toBeGreaterThan(share - 0.04);
      expect(summarizeWorkload(made).reusableShare).toBeLessThan(share + 0.02);
    }
  });

  const idsOf = ({ prompts }: Workload, request: number) => [
    ...prompts!.ids.subarray(prompts!.offset[request]!, prompts!.offset[request + 1]!),
  ];

  it("share with later turns of their session what they share with others, where these are independent", () => {
    const sessions = "sessions: { turns: 2, history: none }";
    const made = build(`isl: 640, osl: 5, ${sessions}, prefix: { tokens: 128, reuse: 0.5 }`);
    // 2 blocks are everybody's, and half of the other 8 an earlier prompt's; the first prompt had none to begin as.
    expect([idsOf(made, 0).length, idsOf(made, 1)]).toEqual([10, idsOf(made, 0).slice(0, 2)]);
    for (let first = 2; first < made.count; first += 2) {
      expect(idsOf(made, first)).toHaveLength(10);
      expect(idsOf(made, first + 1)).toEqual(idsOf(made, first).slice(0, 6));
    }
  });

  it("begin as first prompts did, not as what conversations grew to", () => {
    const sessions = "sessions: { turns: 3, growth: 512 }";
    const made = build(`isl: { list: [128, 640] }, osl: 5, ${sessions}, prefix: { reuse: 1 }`);
    const [short, grown, long] = [idsOf(made, 0), idsOf(made, 1), idsOf(made, 3)];
    expect([short.length, long.length]).toEqual([2, 10]);
    expect(grown.length).toBeGreaterThan(long.length);
    expect(long.slice(0, 2)).toEqual(short);
    expect(grown).not.toContain(long[2]);
  });
});

describe("correlated lengths", () => {
  it.each([-0.7, 0, 0.5, 0.9])("have Spearman's correlation %s", (correlation) => {
    const made = buildWorkload(
      parseTraffic(`constant: { requestRate: 30, duration: 5m, lengths: burstgpt, correlation: ${correlation} }`, "t"),
      { seed: 6 },
    );
    expect(Math.abs(summarizeWorkload(made).lengthCorrelation - correlation)).toBeLessThan(0.03);
  });
});
