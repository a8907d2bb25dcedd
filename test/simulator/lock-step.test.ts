import { describe, expect, it } from "vitest";
import { ENGINE_DEFAULTS, type EngineConfig, fixedTiming } from "#mocker/engine";
import { type SimulationSpec, simulate } from "#src/simulator";
import { type MadeRequest, madePool, madeSpec } from "./hand-made.ts";

const KINDS = ["stepping", "skipping"] as const;

/** Two ranks by default, 100 ms a pass with prompts and 10 ms one that decodes; requests alternate between the ranks. */
function play(
  kind: SimulationSpec["engine"],
  requests: readonly MadeRequest[],
  engine: Partial<EngineConfig> = {},
  dpSize = 2,
): { admitMs: number[]; firstTokenMs: number[]; lastTokenMs: number[] } {
  const timing = fixedTiming({ prefillMs: 100, decodeMs: 10, perPass: true });
  const decode = madePool("aggregated", { dpSize }, { timing, ...engine });
  const { requests: table } = simulate(madeSpec({ requests }, { decode, engine: kind }));
  return {
    admitMs: [...table.admitMs],
    firstTokenMs: [...table.firstTokenMs],
    lastTokenMs: [...table.lastTokenMs],
  };
}

// All of it happened so in ai-dynamo 1.6.1's DynoSim with `dp_size: 2`.
describe.each(KINDS)("data-parallel ranks of %s engines", (kind) => {
  it("take a prompt that was computed elsewhere once the step under way is over, idle or not", () => {
    const timing = fixedTiming({ prefillMs: 105, decodeMs: 10, perPass: true });
    const requests = [1, 2, 3].map(() => ({ atMs: 0, isl: 100, osl: 40 }));
    const pool = (role: "prefill" | "decode", dpSize: number) =>
      madePool(role, { dpSize }, { timing, maxNumSeqs: role === "prefill" ? 1 : 8 });
    const { transfers } = simulate(
      madeSpec({ requests }, { prefill: pool("prefill", 1), decode: pool("decode", 2), engine: kind }),
    );
    expect([...transfers!.sourceHeldMs]).toEqual([105, 210, 315]);
    // Steps end at 115, 125 and so on; the second's rank has nothing to do in them.
    expect([...transfers!.destinationReservedMs]).toEqual([105, 215, 315]);
  });

  it("release a prompt once the step under way is over, idle or not", () => {
    const timing = fixedTiming({ prefillMs: 105, decodeMs: 10, perPass: true });
    const requests = [
      { atMs: 0, isl: 100, osl: 40 },
      { atMs: 5, isl: 100, osl: 40 },
    ];
    const { transfers } = simulate(
      madeSpec(
        { requests },
        {
          prefill: madePool("prefill", { dpSize: 2 }, { timing }),
          decode: madePool("decode", {}, { timing }),
          transfer: { bytesPerToken: 1, bytesPerSecond: 5000, timing: "full_prompt" },
          engine: kind,
        },
      ),
    );
    // The first's transfer is over at 125, in the middle of the step in which the other rank computes the second.
    expect([...transfers!.destinationActivatedMs]).toEqual([125, 235]);
    expect([...transfers!.sourceReleasedMs]).toEqual([210, 235]);
  });

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

// So it was in ai-dynamo 1.6.1's DynoSim with `prefill_decode_interval: 3`.
describe.each(KINDS)("%s engines of SGLang that owe three decode passes after each one with prompts", (kind) => {
  const THREE: Partial<EngineConfig> = { family: "sglang", blockSize: 1, prefillDecodeInterval: 3 };
  const chunks = (chunkedPrefillSize: number) => ({
    ...THREE,
    sglang: { ...ENGINE_DEFAULTS.sglang, chunkedPrefillSize },
  });

  it("let who comes meanwhile wait for them, and nobody wait longer", () => {
    const arrivals = [105, 155, 165, 455].map((atMs) => ({ atMs, isl: 50, osl: 2 }));
    const { admitMs, lastTokenMs } = play(kind, [{ atMs: 0, isl: 50, osl: 60 }, ...arrivals], THREE, 1);
    expect(admitMs).toEqual([0, 130, 260, 260, 460]);
    expect(lastTokenMs[0]).toBe(990);
  });

  it("owe them after each chunk, where anybody runs", () => {
    const long = { isl: 200, osl: 3 };
    expect(play(kind, [{ atMs: 0, ...long }], chunks(64), 1).firstTokenMs).toEqual([400]);
    const beside = play(
      kind,
      [
        { atMs: 0, isl: 50, osl: 40 },
        { atMs: 115, ...long },
      ],
      chunks(64),
      1,
    );
    expect(beside.firstTokenMs[1]).toBe(620);
  });

  it("hold all ranks as long as one of them runs", () => {
    const longer = { atMs: 0, isl: 50, osl: 30 };
    const { admitMs, lastTokenMs } = play(kind, [longer, { atMs: 105, isl: 50, osl: 2 }], THREE);
    expect([admitMs[1], lastTokenMs[0]]).toEqual([130, 480]);
    const ended = [
      { atMs: 0, isl: 50, osl: 2 },
      { atMs: 0, isl: 51, osl: 1 },
      { atMs: 105, isl: 50, osl: 2 },
    ];
    expect(play(kind, ended, THREE).admitMs[2]).toBe(110);
  });

  it("keep as much room for output as at first once a pass is owed to nobody", () => {
    const arrivals = [
      { atMs: 0, isl: 50, osl: 300 },
      { atMs: 150, isl: 50, osl: 600 },
      { atMs: 3800, isl: 50, osl: 100 },
    ];
    const admitMs = (prefillDecodeInterval: number) => {
      const sglang = { ...ENGINE_DEFAULTS.sglang, clipMaxNewTokens: 300 };
      return play(kind, arrivals, { ...THREE, prefillDecodeInterval, sglang, numGpuBlocks: 656 }, 1).admitMs;
    };
    // The first ends before 400 passes are over: nobody runs, and the second comes in. The third asks 400 passes later, in vain.
    expect(admitMs(400)).toEqual([0, 3090, 9180]);
    expect(admitMs(200)).toEqual([0, 2100, 4200]);
  });

  it("share a prefill batch among ranks", () => {
    const { firstTokenMs } = play(
      kind,
      [
        { atMs: 0, isl: 50, osl: 30 },
        { atMs: 0, isl: 200, osl: 2 },
      ],
      chunks(128),
    );
    expect(firstTokenMs).toEqual([100, 490]);
    expect(() => play(kind, [{ atMs: 0, isl: 50, osl: 1 }], chunks(1))).toThrow("2 data-parallel ranks");
  });
});
