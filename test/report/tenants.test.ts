import { describe, expect, it } from "vitest";
import { buildWorkload, parseScenario, parseTraffic } from "#scenarios";
import { summarize } from "#src/report";
import { simulate } from "#src/simulator";
import { madePool, madeSpec } from "../simulator/hand-made.ts";

describe("tenants", () => {
  // 1 ms a prompt token and 10 ms a decode step: one at a time, 10 ms or 1000 ms to the first token.
  const traffic = parseTraffic(
    `[ { constant: { tenant: chat, requestRate: 1, arrivals: constant, isl: 10, osl: 3, duration: 4s } },
       { closedLoop: { tenant: batch, concurrency: 1, duration: 2s, start: 10s, isl: 1000, osl: 1 } },
       { constant: { requestRate: 1, arrivals: constant, isl: 5, osl: 1, duration: 2s, start: 20s } } ]`,
    "t",
  );
  const workload = buildWorkload(traffic, { seed: 1 });
  const result = simulate({
    ...madeSpec({ requests: [] }, { decode: madePool("aggregated") }),
    workload,
    sla: { ttftMs: 500, itlMs: 50 },
  });

  it("are told apart, requests that were never sent in none", () => {
    const { tenants } = summarize(result);
    expect(tenants.map(({ name, requests, completed, share }) => [name, requests, completed, share])).toEqual([
      ["chat", 4, 4, 1],
      // Its stock was larger; 1000 ms is more than an idle engine's limit allows, so nobody is judged by it.
      ["batch", 2, 2, Number.NaN],
    ]);
    expect(tenants[0]).toMatchObject({ ttftP50Ms: 10, itlP99Ms: 10 });
    expect(result.requests.count).toBe(8);
  });

  it("may be promised something of their own", () => {
    const tenantSlas = { chat: { ttftMs: 9, itlMs: 50 }, batch: { ttftMs: 2000, itlMs: 50 } };
    const { tenants, attainment } = summarize({ ...result, tenantSlas });
    expect(tenants.map(({ share }) => share)).toEqual([0, 1]);
    expect(attainment.share).toBe(1);
  });

  it("have their promises in the scenario", () => {
    const { tenantSlas } = parseScenario(
      `deployment: { profile: p, mode: agg }
sla: { ttft: 1s, itl: 50ms }
tenants: { chat: { sla: { ttft: 300ms, itl: 20ms } } }
traffic: [{ constant: { tenant: chat, requestRate: 1, isl: 9, osl: 9, duration: 1s } }]`,
      "s.yaml",
    );
    expect(tenantSlas).toEqual({ chat: { ttftMs: 300, itlMs: 20 } });
  });

  it("are nobody where none is named", () => {
    const plain = simulate(madeSpec({ requests: [{ atMs: 0, isl: 5, osl: 1 }] }));
    expect(summarize(plain).tenants).toEqual([]);
  });
});
