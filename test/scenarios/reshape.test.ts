import { describe, expect, it } from "vitest";
import { asClosedLoop, atTimes, buildWorkload, firstSessions, parseTrace, parseTraffic } from "#scenarios";

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
