import { describe, expect, it } from "vitest";
import { asClosedLoop, atTimes, buildWorkload, firstPart, firstSessions, parseTrace, parseTraffic } from "#scenarios";

const TRACE = `{"timestamp": 0, "input_length": 10, "output_length": 2, "session_id": "a"}
{"timestamp": 5, "input_length": 20, "output_length": 3}
{"input_length": 30, "output_length": 4, "session_id": "a", "delay": 7}
{"timestamp": 90, "input_length": 40, "output_length": 5}
`;

describe("a trace in a closed loop", () => {
  it("keeps the trace's order and its turns, and forgets its times", () => {
    const closed = asClosedLoop(parseTrace(TRACE, "t.jsonl"), 2);
    expect(closed.openHeads).toHaveLength(0);
    expect(closed.closedLoops).toEqual([
      { concurrency: 2, heads: Int32Array.of(0, 1, 3), startMs: 0, endMs: Number.POSITIVE_INFINITY },
    ]);
    expect([...closed.arrivalMs].every(Number.isNaN)).toBe(true);
    expect(closed.nextTurn![0]).toBe(2);
    expect(closed.thinkMs![2]).toBe(7);
  });

  it("is what `concurrency:` of a trace entry asks for", () => {
    const [entry] = parseTraffic("trace: { file: t.jsonl, concurrency: 3, requests: 2 }", "shape");
    const workload = buildWorkload([entry!], {
      seed: 1,
      readTrace: (file, options) => parseTrace(TRACE, file, options),
    });
    expect(workload.closedLoops).toMatchObject([{ concurrency: 3, heads: Int32Array.of(0, 1) }]);
  });
});

describe("a trace at other times", () => {
  it("gives its sessions the times in their order and leaves out those without one", () => {
    const moved = atTimes(parseTrace(TRACE, "t.jsonl"), Float64Array.of(100, 250));
    expect([...moved.openHeads]).toEqual([0, 1]);
    expect([moved.arrivalMs[0], moved.arrivalMs[1]]).toEqual([100, 250]);
    expect(moved.horizonMs).toBe(250);
    expect(moved.arrivalMs[3]).toBeNaN();
  });
});

it("the first sessions of a workload are its first heads, turns included", () => {
  const first = firstSessions(parseTrace(TRACE, "t.jsonl"), 2);
  expect([...first.openHeads]).toEqual([0, 1]);
  expect(first.nextTurn![0]).toBe(2);
  expect(first.horizonMs).toBe(5);
});

describe("the first part of a workload", () => {
  const built = (text: string) => buildWorkload(parseTraffic(text, "t"), { seed: 1 });
  const sent = ({ openHeads, arrivalMs, isl, osl }: ReturnType<typeof built>) =>
    [...openHeads].map((head) => [arrivalMs[head], isl[head], osl[head]]);

  it("is what a shorter time would have had", () => {
    const traffic = (duration: string) =>
      `constant: { requestRate: 8, duration: ${duration}, isl: { uniform: { min: 100, max: 900 } }, osl: 50 }`;
    const part = firstPart(built(traffic("90s")), 1 / 3);
    expect(part.openHeads.length).toBeGreaterThan(100);
    expect(sent(part)).toEqual(sent(built(traffic("30s"))));
    expect(part.horizonMs).toBe(30_000);
    // Of a run that is cut off it is a part of what is played.
    expect(sent(firstPart(built(traffic("90s")), 1 / 3, 45_000))).toEqual(sent(built(traffic("15s"))));
    const whole = built(traffic("90s"));
    expect(firstPart(whole, 1)).toBe(whole);
  });

  it("has sessions that have begun as a whole", () => {
    const part = firstPart(parseTrace(TRACE, "t.jsonl"), 1 / 2);
    expect([...part.openHeads]).toEqual([0, 1]);
    expect(part.nextTurn![0]).toBe(2);
    expect(part.horizonMs).toBe(45);
  });

  it("shortens closed loops by their time, or by their sessions where they have none", () => {
    const loop = (more: string) => `closedLoop: { concurrency: 2, ${more}, isl: 100, osl: 20 }`;
    const timed = built(loop("duration: 60s"));
    expect(firstPart(timed, 1 / 4).closedLoops).toEqual([{ ...timed.closedLoops[0]!, endMs: 15_000 }]);
    const counted = built(loop("requests: 10"));
    expect(firstPart(counted, 1 / 4).closedLoops).toEqual([
      { ...counted.closedLoops[0]!, heads: Int32Array.of(0, 1, 2) },
    ]);
    const later = built(
      `[{ constant: { requestRate: 1, duration: 40s, isl: 10, osl: 2 } }, { ${loop("duration: 10s, start: 30s")} }]`,
    );
    expect(firstPart(later, 1 / 2).closedLoops).toEqual([]);
  });
});
