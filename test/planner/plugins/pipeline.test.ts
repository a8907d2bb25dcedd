import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { registry } from "#common/prometheus";
import type { Decision } from "#planner/core";
import { type PluginAudit, PluginLog, PluginMetrics } from "#planner/service";
import { active } from "../observations.ts";
import { type Answer, plugged, plugin, set } from "./scripted.ts";

const codes = ({ reasons }: Decision) => reasons.map(({ code }) => code);
const accept: Answer = () => ({ kind: "accept" });

describe("a plugin's opinion", () => {
  it("where there is none leaves the decision as the strategy made it", async () => {
    const plain = await plugged([]).tick(5000);
    const stages = (["predict", "propose", "reconcile", "constrain"] as const).map((stage) =>
      plugin(stage, stage, 1, accept),
    );
    expect(await plugged(stages).tick(5000)).toEqual(plain);
    expect(plain.targets).toEqual({ prefill: 4, decode: 5 });
    expect(stages.every(({ asked }) => asked.length === 1)).toBe(true);
  });

  it.each([
    ["of smaller priority than the strategy's goes before it", 9, 8],
    ["of larger priority comes after it", 11, 5],
  ])("%s", async (_what, priority, decode) => {
    const decision = await plugged([plugin("mine", "propose", priority, () => set("decode", 8))]).tick(5000);
    expect(decision.targets).toEqual({ prefill: 4, decode });
    expect(codes(decision).includes("override_by_user_plugin")).toBe(decode === 8);
  });

  it("bounds what wins, and says so", async () => {
    const decision = await plugged([
      plugin("floor", "reconcile", 1, () => set("prefill", 6, "AT_LEAST")),
      plugin("cap", "constrain", 1, () => set("decode", 4, "AT_MOST")),
    ]).tick(5000);
    expect(decision.targets).toEqual({ prefill: 6, decode: 4 });
    expect(decision.clamps).toEqual([
      { name: "plugins", role: "prefill", from: 4, to: 6 },
      { name: "plugins", role: "decode", from: 5, to: 4 },
    ]);
    expect(decision.reasons.slice(0, 2)).toEqual([
      {
        code: "reconcile_clamped_to_floor",
        role: "prefill",
        text: "plugin floor (reconcile) allows no fewer than 6: 4 were wanted",
      },
      {
        code: "constrain_capped",
        role: "decode",
        text: "plugin cap (constrain) allows no more than 4: 5 were wanted",
      },
    ]);
  });

  it("may bound but name no number in the last stage", async () => {
    const decision = await plugged([plugin("late", "constrain", 1, () => set("decode", 9))]).tick(5000);
    expect(decision.targets).toEqual({ prefill: 4, decode: 5 });
  });

  it("that is final counts alone", async () => {
    const decision = await plugged([
      plugin("final", "propose", 50, () => ({ ...set("decode", 7), final: true })),
      plugin("other", "propose", 1, () => set("decode", 9)),
    ]).tick(5000);
    // As in the reference, roles that the final override leaves out stay as they are.
    expect(decision.targets).toEqual({ prefill: 2, decode: 7 });
  });

  it("that rejects leaves everything as it is, with its reason", async () => {
    const after = plugin("after", "constrain", 1, accept);
    const audits: PluginAudit[] = [];
    const decision = await plugged(
      [plugin("freeze", "reconcile", 1, () => ({ kind: "reject", reason: "a release is under way" })), after],
      { onAudit: (audit) => audits.push(audit) },
    ).tick(5000);
    expect(decision.targets).toBeNull();
    expect(decision.reasons[0]).toEqual({
      code: "rejected_by_plugin",
      role: null,
      text: "plugin freeze rejects: a release is under way",
    });
    expect(audits[0]!.action).toBe("skip_short_circuit");
    expect(after.asked).toHaveLength(0);
  });

  it("acts where the strategy has nothing to say", async () => {
    const { tick } = plugged([plugin("mine", "propose", 20, () => set("decode", 4))], { wants: null });
    expect((await tick(5000)).targets).toEqual({ prefill: 2, decode: 4 });
  });

  it("without a number is none", async () => {
    const { tick } = plugged([plugin("mine", "propose", 1, () => set("decode", null))]);
    expect((await tick(5000)).targets).toEqual({ prefill: 4, decode: 5 });
  });
});

describe("what always holds", () => {
  it("holds against plugins: the GPU budget is never exceeded and the minimum remains", async () => {
    const wish = fc.record({
      stage: fc.constantFrom("propose" as const, "reconcile" as const, "constrain" as const),
      priority: fc.integer({ min: -5, max: 20 }),
      final: fc.boolean(),
      targets: fc.array(
        fc.record({
          role: fc.constantFrom("prefill" as const, "decode" as const),
          replicas: fc.option(fc.integer({ min: 0, max: 200 })),
          type: fc.constantFrom("SET" as const, "AT_LEAST" as const, "AT_MOST" as const),
        }),
        { maxLength: 3 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(wish, { maxLength: 5 }), async (wishes) => {
        const plugins = wishes.map(({ stage, priority, final, targets }, i) =>
          plugin(`p${i}`, stage, priority, () => ({ kind: "override", targets, final })),
        );
        const { targets } = await plugged(plugins, { wants: { prefill: 4, decode: 5 } }).tick(5000);
        if (targets === null) return;
        expect(targets.prefill + targets.decode).toBeLessThanOrEqual(16);
        expect(Math.min(targets.prefill, targets.decode)).toBeGreaterThanOrEqual(1);
      }),
      { seed: 11, numRuns: 1000 },
    );
  });

  it("is told where it changes what plugins want", async () => {
    const { tick } = plugged([plugin("greedy", "propose", 1, () => set("decode", 40))]);
    const decision = await tick(5000);
    expect(decision.targets!.prefill + decision.targets!.decode).toBeLessThanOrEqual(16);
    expect(codes(decision)).toContain("budget");
    const low = plugged([plugin("mean", "propose", 1, () => set("decode", 0))]);
    low.service.setMinimum!({ prefill: 1, decode: 3 });
    expect((await low.tick(5000)).targets!.decode).toBe(3);
  });
});

describe("forecasts", () => {
  it("from before the strategy take the place of its own, field by field", async () => {
    const { tick, planner } = plugged([
      plugin("first", "predict", -2, () => ({ kind: "override", forecast: { requestRate: 40 } })),
      plugin("second", "predict", -1, () => ({
        kind: "override",
        forecast: { requestRate: 90, osl: 100, kvHitRate: 0.5 },
      })),
    ]);
    const decision = await tick(5000);
    expect(planner.seen[0]).toMatchObject({ forecast: { requestRate: 40, isl: null, osl: 100 }, kvHitRate: 0.5 });
    expect(decision.forecast).toEqual({ requestRate: 40, isl: 3000, osl: 100 });
  });

  it("that are final end the round", async () => {
    const second = plugin("second", "predict", -1, () => ({ kind: "override", forecast: { osl: 100 } }));
    const { tick, planner } = plugged([
      plugin("first", "predict", -2, () => ({ kind: "override", forecast: { requestRate: 40 }, final: true })),
      second,
    ]);
    await tick(5000);
    expect(second.asked).toHaveLength(0);
    expect(planner.seen[0]!.forecast).toEqual({ requestRate: 40, isl: null, osl: null });
  });

  it("are there for the stages that come after", async () => {
    const late = plugin("late", "propose", 1, accept, { requires: ["predictions"] });
    await plugged([late]).tick(5000);
    expect(late.asked[0]).toMatchObject({
      forecast: { requestRate: 10, isl: 3000, osl: 300 },
      decision: { strategy: "scripted", targets: { prefill: 4, decode: 5 } },
    });
  });
});

describe("what a plugin is asked", () => {
  it("holds the deployment, the workers and the parts of the observation that it needs", async () => {
    const all = plugin("all", "propose", 1, accept);
    const some = plugin("some", "propose", 2, accept, { needs: ["traffic"] });
    await plugged([all, some]).tick(5000);
    expect(all.asked[0]).toMatchObject({
      protocolVersion: "1.0",
      pluginId: "all",
      stage: "propose",
      tick: 0,
      nowMs: 5000,
      deployment: { mode: "disagg", maxGpus: 16, minWorkers: { prefill: 1, decode: 1 } },
      workers: { prefill: active(2) },
      targets: { prefill: 2, decode: 3 },
      traffic: { startedRequests: 50, windowMs: 5000, acceptLength: null },
      prefillLoad: [],
      forwardPasses: null,
    });
    expect(Object.keys(some.asked[0]!)).not.toContain("prefillLoad");
  });

  it("holds the traffic of as long a window as it asks for, weighed by requests", async () => {
    const long = plugin("long", "propose", 1, accept, { observationWindowMs: 10_000 });
    const { tick } = plugged([long]);
    await tick(5000, { completedRequests: 10, meanIsl: 1000 });
    await tick(10_000, { completedRequests: 30, meanIsl: 2000 });
    await tick(15_000, { completedRequests: 10, meanIsl: 4000, startedRequests: null });
    expect(long.asked.map(({ traffic }) => traffic?.windowMs)).toEqual([5000, 10_000, 10_000]);
    expect(long.asked[1]!.traffic).toMatchObject({ startedRequests: 100, completedRequests: 40, meanIsl: 1750 });
    // What one tick does not know is not known of the window.
    expect(long.asked[2]!.traffic).toMatchObject({ startedRequests: null, completedRequests: 40, meanIsl: 2500 });
  });
});

describe("when a plugin is asked", () => {
  it("is as often as it says; between, its last override counts on or not", async () => {
    const counted = { intervalMs: 10_000 };
    const holds = plugin("holds", "propose", 1, () => set("decode", 8), counted);
    const idles = plugin("idles", "propose", 2, () => set("prefill", 8), {
      ...counted,
      holdPolicy: "ACCEPT_WHEN_IDLE",
    });
    const { tick } = plugged([holds, idles]);
    const targets = [];
    for (const atMs of [5000, 10_000, 15_000, 20_000]) targets.push((await tick(atMs)).targets);
    expect(targets).toEqual([
      { prefill: 4, decode: 5 },
      { prefill: 8, decode: 8 },
      { prefill: 4, decode: 8 },
      { prefill: 8, decode: 8 },
    ]);
    expect(holds.asked.map(({ nowMs }) => nowMs)).toEqual([10_000, 20_000]);
  });

  it("is not before there is what it requires", async () => {
    const early = plugin("early", "predict", -1, accept, { requires: ["predictions"] });
    const audits: PluginAudit[] = [];
    await plugged([early], { onAudit: (audit) => audits.push(audit) }).tick(5000);
    expect(early.asked).toHaveLength(0);
    expect(audits[0]!.evaluations[0]!.result).toBe("unsatisfied");
  });
});

describe("a plugin that fails", () => {
  it.each([
    ["throws", () => Promise.reject(new Error("no disk")), "no disk"],
    ["answers nonsense", () => ({ kind: "scale" }), "not of the contract"],
    ["asks for half a worker", () => set("decode", 2.5), "not of the contract: targets[0].replicas"],
    ["asks for fewer than none", () => set("decode", -1), "not of the contract"],
    ["asks for more than anybody has", () => set("decode", 1e9), "not of the contract"],
    ["forecasts in a stage that proposes", () => ({ kind: "override", forecast: { isl: 1 } }), "not of the contract"],
  ])("because it %s has no opinion, and is named", async (_what, answer, reason) => {
    const decision = await plugged([plugin("bad", "propose", 1, answer)]).tick(5000);
    expect(decision.targets).toEqual({ prefill: 4, decode: 5 });
    expect(decision.reasons.at(-1)).toMatchObject({ code: "plugin-failed" });
    expect(decision.reasons.at(-1)!.text).toContain(reason);
  });

  it("five times in a row is left alone for 30 s, then tried once", async () => {
    let fails = true;
    const shaky = plugin("shaky", "propose", 1, () => {
      if (fails) throw new Error("broken");
      return set("decode", 8);
    });
    const { tick } = plugged([shaky]);
    let atMs = 0;
    const next = async () => {
      atMs += 5000;
      return tick(atMs);
    };
    for (let i = 0; i < 5; i++) await next();
    expect(shaky.asked).toHaveLength(5);
    // Opened at 25 s: asked again at 55 s, not before.
    for (let i = 0; i < 5; i++) expect(codes(await next())).toContain("circuit_open");
    expect(shaky.asked).toHaveLength(5);
    await next();
    expect(shaky.asked).toHaveLength(6);
    for (let i = 0; i < 5; i++) await next();
    expect(shaky.asked).toHaveLength(6);
    fails = false;
    expect((await next()).targets!.decode).toBe(8);
    await next();
    expect(shaky.asked).toHaveLength(8);
  });

  it("once does not lift the limit that it set; only where it is left alone the limit ends", async () => {
    let fails = false;
    const cap = plugin("cap", "constrain", 1, () => {
      if (fails) throw new Error("broken");
      return set("decode", 4, "AT_MOST");
    });
    const { tick } = plugged([cap]);
    const decodes = [];
    for (let atMs = 5000; atMs <= 40_000; atMs += 5000) {
      decodes.push((await tick(atMs)).targets!.decode);
      fails = true;
    }
    expect(decodes).toEqual([4, 4, 4, 4, 4, 5, 5, 5]);
  });

  it("because it does not answer in time holds up nothing", async () => {
    const controller = new AbortController();
    const silent = plugin("silent", "propose", 1, () => {
      controller.abort();
      return new Promise(() => {});
    });
    const { tick } = plugged([silent], {
      timeoutSignal: (ms) => (ms === 50 ? controller.signal : new AbortController().signal),
      requestTimeoutMs: 50,
    });
    const decision = await tick(5000);
    expect(decision.targets).toEqual({ prefill: 4, decode: 5 });
    expect(decision.reasons.at(-1)!.text).toContain("no answer within 50 ms");
  });

  it("beyond the tick's time ends the tick without a change", async () => {
    const controller = new AbortController();
    const slow = plugin("slow", "propose", 1, () => {
      controller.abort();
      return new Promise(() => {});
    });
    const audits: PluginAudit[] = [];
    const { tick } = plugged([slow], {
      timeoutSignal: (ms) => (ms === 70 ? controller.signal : new AbortController().signal),
      tickMaxDurationMs: 70,
      onAudit: (audit) => audits.push(audit),
    });
    const decision = await tick(5000);
    expect(decision.targets).toBeNull();
    expect(decision.reasons[0]!.code).toBe("skip_tick_timeout");
    expect(audits[0]!.action).toBe("skip_tick_timeout");
  });
});

describe("the log of plugins", () => {
  it("tells when one begins to fail, is left alone for it, and answers again, each once", async () => {
    const said: string[] = [];
    const log = new PluginLog({ info: (text) => said.push(text), warn: (text) => said.push(`warning: ${text}`) });
    let fails: (asked: number) => boolean = () => true;
    const shaky: ReturnType<typeof plugin> = plugin("shaky", "propose", 1, () => {
      if (fails(shaky.asked.length)) throw new Error("broken");
      return { kind: "accept" };
    });
    const { tick } = plugged([shaky], { onAudit: (audit, _planner, decision) => log.record(audit, decision) });
    let atMs = 0;
    const until = async (endMs: number) => {
      while (atMs < endMs) {
        atMs += 5000;
        await tick(atMs);
      }
    };
    await until(100_000);
    expect(said).toEqual([
      "warning: plugin shaky (propose) failed: broken",
      "warning: plugin shaky (propose) failed too often: left alone for a while",
    ]);
    // Now and then it fails still.
    fails = (asked) => asked % 5 === 0;
    await until(300_000);
    expect(said).toHaveLength(2);
    fails = () => false;
    await until(400_000);
    expect(said.slice(2)).toEqual(["plugin shaky (propose) answers again"]);
  });
});

describe("metrics of plugins", () => {
  it("count what came of asking, under Dynamo's names", async () => {
    const metrics = registry();
    const plugins = new PluginMetrics(metrics);
    const { tick } = plugged(
      [
        plugin("cap", "constrain", 1, () => set("decode", 4, "AT_MOST")),
        plugin("bad", "propose", 1, () => Promise.reject(new Error("x"))),
      ],
      { onAudit: plugins.record },
    );
    await tick(5000);
    const text = metrics.text();
    for (const line of [
      'dynamo_planner_plugin_evaluations_total{plugin_id="cap",stage="constrain",result="override"} 1',
      'dynamo_planner_plugin_evaluations_total{plugin_id="bad",stage="propose",result="failed"} 1',
      'dynamo_planner_plugin_circuit_state{plugin_id="bad"} 0',
      'dynamo_planner_plugin_override_active{plugin_id="cap"} 1',
      'dynamo_planner_plugin_cache_age_seconds{plugin_id="cap"} 0',
      "dynamo_planner_constrain_capped_total 1",
      "dynamo_planner_reject_short_circuited_total 0",
    ]) {
      expect(text.split("\n")).toContain(line);
    }
  });

  it("show an override that counts on though its plugin fails", async () => {
    const metrics = registry();
    const plugins = new PluginMetrics(metrics);
    let fails = false;
    const answer = () => {
      if (fails) throw new Error("broken");
      return set("decode", 4, "AT_MOST");
    };
    const { tick } = plugged(
      [
        plugin("cap", "constrain", 1, answer),
        plugin("idle", "constrain", 2, answer, { holdPolicy: "ACCEPT_WHEN_IDLE" }),
      ],
      { onAudit: plugins.record },
    );
    await tick(5000);
    fails = true;
    expect((await tick(10_000)).targets!.decode).toBe(4);
    const lines = metrics.text().split("\n");
    expect(lines).toContain('dynamo_planner_plugin_override_active{plugin_id="cap"} 1');
    expect(lines).toContain('dynamo_planner_plugin_override_active{plugin_id="idle"} 0');
  });
});
