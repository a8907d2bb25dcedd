import { describe, expect, it } from "vitest";
import { plannerContent } from "#src/report";
import type { PlannerPageInput, PlannerTick } from "../../src/report/planner/input.ts";
import { plannerInput, plannerTick } from "./planner-ticks.ts";

/** Cells of the table of inputs, by the input's name. */
function known(ticks: readonly PlannerTick[], more: Partial<PlannerPageInput> = {}) {
  const html = plannerContent(plannerInput(ticks, more));
  const section = html.slice(html.indexOf('id="data-known"'), html.indexOf('id="actions"'));
  const rows = [...section.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row]) =>
    [...row!.matchAll(/<t[dh][^>]*>(.*?)<\/t[dh]>/gs)].map(([, cell]) => cell!.replaceAll(/<[^>]+>/g, "")),
  );
  return { html, section, of: Object.fromEntries(rows.map(([name, ...cells]) => [name, cells])) };
}

const GONE = {
  startedRequests: null,
  completedRequests: null,
  meanIsl: null,
  meanOsl: null,
  meanTtftMs: null,
  meanItlMs: null,
  meanRequestDurationMs: null,
};

describe("what is known, on the planner's page", () => {
  it("shows values, and a zero as something that was measured", () => {
    const { of, section } = known([plannerTick(1, { queuedTokens: {}, kvHitRate: 0 })]);
    expect(of["requests that arrived"]).toEqual(["101", ""]);
    expect(of["mean TTFT"]).toEqual(["139 ms", ""]);
    expect(of["KV hit rate"]).toEqual(["0", "measured: none"]);
    expect(of["prefill engines that tell their load"]).toEqual(["0", "measured: none"]);
    expect(of["forward passes of decode engines"]).toEqual(["310", ""]);
    expect(of["accepted tokens a pass"]).toEqual(["–", "not reported"]);
    expect(section).toContain("Everything that is decided by is known.");
    expect(section).not.toContain("warn");
  });

  it.each([
    ["null", null],
    ["NaN", Number.NaN],
  ])("says since when an input is missing (%s), and what it was", (_, value) => {
    const ticks = [plannerTick(1), plannerTick(2, { meanIsl: value }), plannerTick(3, { meanIsl: value })];
    const { of, section } = known(ticks);
    expect(of["mean input length"]).toEqual(["no data", "since 0:05, when it was 3,000 tokens"]);
    expect(section).toContain("One input is missing");
    expect(section).toContain("Missing is not zero");
  });

  it("tells an input that was never known, and a tick at which nothing was observed", () => {
    const { of } = known([plannerTick(1, { startedRequests: null }), plannerTick(2, null)]);
    expect(of["requests that arrived"]).toEqual(["no data", "never known"]);
    expect(of["requests that ended"]).toEqual(["no data", "since 0:05, when it was 98"]);
  });

  it("tells no traffic from no data: over no requests there are no means", () => {
    const idle = { ...GONE, startedRequests: 0, completedRequests: 0 };
    const { of, html } = known([plannerTick(1), plannerTick(2, idle)]);
    expect(of["requests that arrived"]).toEqual(["0", "measured: none"]);
    expect(of["mean TTFT"]).toEqual(["–", "no request ended; last 139 ms at 0:05"]);
    expect(html).toContain("no request ended");
    expect(html).not.toContain("no data");
    const missing = known([plannerTick(1), plannerTick(2, GONE)]);
    expect(missing.of["mean TTFT"]).toEqual(["no data", "since 0:05, when it was 139 ms"]);
    expect(missing.section).toContain("7 inputs are missing");
  });

  it("counts time from the first tick that is shown, and says when that was", () => {
    const ticks = Array.from({ length: 12 }, (_, i) => plannerTick(17_281 + i));
    const html = plannerContent(plannerInput(ticks));
    const { endMs } = JSON.parse(/id="content-data">(.*?)<\/script>/s.exec(html)![1]!) as { endMs: number };
    expect(endMs).toBe(60_000);
    expect(html).toContain(
      "Time counts from 24:00:00 after the planner's start: from 0:05 (2026-03-02 12:00:05 UTC) to 1:00 (2026-03-02 12:01:00 UTC). 17,280 ticks before these are in the logs.",
    );
    expect(html).toContain("since the start, 24:01:00 ago");
    expect(html).toContain("12 quiet ticks, 0:05–1:00");
    const young = plannerContent(plannerInput([plannerTick(1), plannerTick(2)]));
    expect(young).toContain(
      "Time counts from the planner's start: from 0:05 (2026-03-01 12:00:05 UTC) to 0:10 (2026-03-01 12:00:10 UTC).</p>",
    );
  });

  it("reckons what titles say of all ticks, those that are too many to draw as well", () => {
    const usual = Array.from({ length: 4000 }, (_, i) => ({ ...plannerTick(1), tick: i + 1, atMs: (i + 1) * 5000 }));
    // Eleven ticks lie between two that are drawn.
    const odd = { ...plannerTick(1, { startedRequests: 4000, meanTtftMs: 900, queuedTokens: { "0": 77_000 } }) };
    const state = {
      ...odd.state!,
      roles: { ...odd.state!.roles, decode: { ...odd.state!.roles.decode!, desired: 7 } },
    };
    usual[2002] = { ...odd, state, tick: 2003, atMs: 2003 * 5000 };
    const html = plannerContent(plannerInput(usual));
    expect(html).toContain("800 at most");
    expect(html).toContain("Mean TTFT was within 200 ms at 100.0 % of the ticks");
    expect(html).toContain("at most 77,000 on one");
    expect(html).toContain("Decode: 1 of 1 ready, 1.0 on average, 2 changes");
  });

  it("lists what could not be had", () => {
    const last = { ...plannerTick(2, GONE), problems: ["Prometheus http://p:9090: no answer <in time>"] };
    const { html } = known([plannerTick(1), last]);
    expect(html).toContain('<li class="warn">Prometheus http://p:9090: no answer &lt;in time&gt;</li>');
  });

  it("shows the engines of the mode alone", () => {
    const { of } = known([plannerTick(1)], { mode: "agg" });
    expect(of["decode engines that tell their load"]).toEqual(["2", ""]);
    expect(of["prefill engines that tell their load"]).toBeUndefined();
  });
});
