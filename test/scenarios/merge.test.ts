import { describe, expect, it } from "vitest";
import { buildWorkload, mergeWorkloads, parseTraffic, type Workload } from "#scenarios";
import { graphWorkload } from "./graphs.ts";

/** One request with these ids. */
function prompted(isl: number, blockTokens: number, ids: readonly number[]): Workload {
  const workload = graphWorkload(1, []);
  const prompts = { blockTokens, offset: Int32Array.of(0, ids.length), ids: Int32Array.from(ids) };
  return { ...workload, isl: Int32Array.of(isl), prompts };
}

const merge = (...workloads: Workload[]) => mergeWorkloads(workloads.map((workload) => ({ workload, startMs: 0 })));

describe("workloads of different block sizes, merged,", () => {
  it("name no answer that had no name: parts of a prompt's last block end with the prompt", () => {
    const { prompts } = merge(prompted(100, 64, [1, 0]), prompted(40, 16, [5, 6, 5]));
    expect(prompts).toEqual({
      blockTokens: 16,
      // 100 tokens are 7 blocks of 16.
      offset: Int32Array.of(0, 7, 10),
      ids: Int32Array.of(4, 5, 6, 7, 0, 1, 2, 8 + 5, 8 + 6, 8 + 5),
    });
  });

  it("go on naming the answers that had names", () => {
    const { prompts } = merge(prompted(100, 64, [0, 1, 2]), prompted(16, 16, [0]));
    expect([...prompts!.offset]).toEqual([0, 12, 13]);
    expect([...prompts!.ids]).toEqual([...Array(12).keys(), 12]);
  });
});

describe("turns", () => {
  it("of agents keep their numbers beside requests without any", () => {
    const traffic = parseTraffic(
      "[{ constant: { requestRate: 1, duration: 1s, isl: 9, osl: 3, agents: { turns: 3, growth: 5 } } }, { constant: { requestRate: 2, duration: 1s, isl: 9, osl: 3 } }]",
      "t",
    );
    const runs = buildWorkload(traffic.slice(0, 1), { seed: 1 });
    const merged = buildWorkload(traffic, { seed: 1 });
    expect([...runs.turnIndex!].slice(0, 3)).toEqual([0, 1, 2]);
    expect([...merged.turnIndex!]).toEqual([...runs.turnIndex!, ...Array(merged.count - runs.count).fill(0)]);
  });
});
