import { describe, expect, it } from "vitest";
import { type EngineConfig, fixedTiming } from "#mocker/engine";
import { type SimulationSpec, simulate } from "#src/simulator";
import { type MadeRequest, madePool, madeSpec } from "./hand-made.ts";

const KINDS = ["stepping", "skipping"] as const;

/** Two ranks, 100 ms a pass with prompts and 10 ms one that decodes; requests alternate between the ranks. */
function play(
  kind: SimulationSpec["engine"],
  requests: readonly MadeRequest[],
  engine: Partial<EngineConfig> = {},
): { admitMs: number[]; firstTokenMs: number[]; lastTokenMs: number[] } {
  const timing = fixedTiming({ prefillMs: 100, decodeMs: 10, perPass: true });
  const decode = madePool("aggregated", { dpSize: 2 }, { timing, ...engine });
  const { requests: table } = simulate(madeSpec({ requests }, { decode, engine: kind }));
  return {
    admitMs: [...table.admitMs],
    firstTokenMs: [...table.firstTokenMs],
    lastTokenMs: [...table.lastTokenMs],
  };
}

// All of it happened so in ai-dynamo 1.6.1's DynoSim with `dp_size: 2`.
describe.each(KINDS)("data-parallel ranks of %s engines", (kind) => {
  it("begin their passes together, and an idle one waits", () => {
    const { firstTokenMs, lastTokenMs } = play(kind, [
      { atMs: 0, isl: 100, osl: 10 },
      { atMs: 25, isl: 100, osl: 10 },
      { atMs: 50, isl: 100, osl: 10 },
      { atMs: 75, isl: 100, osl: 10 },
    ]);
    expect(firstTokenMs).toEqual([100, 210, 210, 210]);
    expect(lastTokenMs).toEqual([290, 300, 300, 300]);
  });

  const TWO = [
    { atMs: 0, isl: 100, osl: 30 },
    { atMs: 0, isl: 100, osl: 30 },
  ];

  it.each([125, 135, 145])("begin prompts in every third step alone where one that came at %d ms has to", (atMs) => {
    const { admitMs } = play(kind, [...TWO, { atMs, isl: 100, osl: 5 }], { prefillScheduleInterval: 3 });
    // Steps begin at 0, 100, 110, …: the seventh, counted from 0 the sixth, at 150.
    expect(admitMs[2]).toBe(150);
  });

  it("count steps anew once they were idle", () => {
    const early = [
      { atMs: 0, isl: 100, osl: 4 },
      { atMs: 0, isl: 100, osl: 4 },
    ];
    const later = TWO.map((request) => ({ ...request, atMs: 1000 }));
    const { admitMs } = play(kind, [...early, ...later, { atMs: 1115, isl: 100, osl: 5 }], {
      prefillScheduleInterval: 3,
    });
    expect(admitMs[4]).toBe(1120);
  });

  it("let a rank that decodes nothing begin at any step", () => {
    const { admitMs } = play(kind, [TWO[0]!, { atMs: 125, isl: 100, osl: 5 }], { prefillScheduleInterval: 3 });
    expect(admitMs[1]).toBe(130);
  });

  const LONG = [
    { atMs: 0, isl: 20, osl: 80 },
    { atMs: 0, isl: 20, osl: 80 },
  ];
  const TENTH = { prefillScheduleInterval: 10, maxNumBatchedTokens: 64 };

  it("go on with a prompt that is cut at the next such step", () => {
    const { admitMs, firstTokenMs } = play(kind, [...LONG, { atMs: 105, isl: 100, osl: 3 }], TENTH);
    expect([admitMs[2], firstTokenMs[2]]).toEqual([190, 500]);
  });

  it("go on at once as long as somebody is left waiting, and do not hold what one token completes", () => {
    const { admitMs, firstTokenMs } = play(
      kind,
      [
        ...LONG,
        { atMs: 105, isl: 100, osl: 3 },
        { atMs: 105.1, isl: 1, osl: 3 },
        { atMs: 105.2, isl: 100, osl: 3 },
        { atMs: 105.3, isl: 1, osl: 3 },
      ],
      TENTH,
    );
    expect(admitMs.slice(2)).toEqual([290, 110, 400, 110]);
    expect(firstTokenMs.slice(2)).toEqual([510, 220, 900, 220]);
  });

  it("of which a single one takes no notice", () => {
    const timing = fixedTiming({ prefillMs: 100, decodeMs: 10, perPass: true });
    const decode = madePool("aggregated", {}, { timing, prefillScheduleInterval: 3 });
    const { requests } = simulate(
      madeSpec({ requests: [TWO[0]!, { atMs: 125, isl: 100, osl: 5 }] }, { decode, engine: kind }),
    );
    expect(requests.admitMs[1]).toBe(130);
  });
});
