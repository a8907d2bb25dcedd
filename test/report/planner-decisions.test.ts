import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { plannerContent, plannerFragment, plannerPage } from "#src/report";
import { reasonsText } from "../../src/report/summary/decision-changes.ts";
import { compatTicks } from "./compat-ticks.ts";
import { plannerInput, plannerTick } from "./planner-ticks.ts";

const ticks = compatTicks(48);
const report = plannerInput(ticks, { isLive: false });
const live = plannerInput(ticks);
const PARTS = ["Reasons", "Limits", "Inputs at the tick", "Forecast", "Formula values"];

function fragmentsIn(html: string): Record<string, string> {
  const [, packed] = /<script type="text\/plain" id="fragments">([^<]+)<\/script>/.exec(html)!;
  return JSON.parse(gunzipSync(Buffer.from(packed!, "base64")).toString());
}

/** Names of what opens in a piece of HTML, and whether what is in it comes later. */
const opening = (html: string) =>
  [...html.matchAll(/<details class="(?:decision|ticks)" id="([^"]+)"([^>]*)>/g)].map(([, id, rest]) => ({
    id: id!,
    isLater: rest!.includes(`data-load="${id}"`),
  }));

describe("the decisions of a planner's page", () => {
  it("opens every tick to all that led to it, in the report", () => {
    const html = plannerContent(report);
    const fragments = fragmentsIn(html);
    const opened = new Map<string, string>();
    for (const { id, isLater } of opening(html)) {
      const inside = isLater ? fragments[id]! : html.slice(html.indexOf(`id="${id}"`)).split("</details>")[0]!;
      if (id.startsWith("tick-")) opened.set(id, inside);
      else for (const line of opening(inside)) opened.set(line.id, fragments[line.id]!);
    }
    expect([...opened.keys()].sort()).toEqual(ticks.map(({ decision }) => `tick-${decision!.tick}`).sort());
    for (const inside of opened.values()) for (const part of PARTS) expect(inside).toContain(`<h4>${part}</h4>`);
    const fifth = opened.get(`tick-${ticks[4]!.decision!.tick}`)!;
    for (const name of ["prefillFloor", "mean TTFT", "queued prompts", "KV queued", "forward passes"])
      expect(fifth).toContain(name);
  });

  it("has what it cost in the report's title", () => {
    expect(plannerPage(report)).toContain("<title>llama · 0.480 GPU-hours · Understudy planner</title>");
    expect(plannerPage(live)).toContain("<title>llama · Understudy planner</title>");
  });

  it("asks the server for it while the planner runs", () => {
    const html = plannerContent(live);
    expect(html).not.toContain("Formula values");
    const keys = opening(html).flatMap(({ id, isLater }) => {
      expect(isLater).toBe(true);
      const inside = plannerFragment(live, id)!;
      return id.startsWith("tick-") ? [id] : opening(inside).map((line) => line.id);
    });
    expect(keys).toHaveLength(ticks.length);
    for (const key of keys) for (const part of PARTS) expect(plannerFragment(live, key)).toContain(`<h4>${part}</h4>`);
    expect(plannerFragment(live, "tick-4711")).toBeNull();
  });

  it("never calls a tick quiet at which a limit or a plugin had a hand", () => {
    const plain = Array.from({ length: 30 }, (_, i) => plannerTick(i + 1));
    for (const tick of [10, 11, 12, 20, 25]) {
      const decision = plain[tick - 1]!.decision!;
      if (tick === 25) {
        const text = "plugin ext (reconcile) allows no fewer than 2: 1 were wanted";
        decision.reasons = [{ code: "reconcile_clamped_to_floor", role: "prefill", text }];
      } else decision.clamps = [{ name: "gpuBounds", role: "decode", from: 9, to: decision.targets!.decode }];
      decision.workers = { prefill: decision.workers.prefill, decode: decision.workers.decode };
    }
    const html = plannerContent(plannerInput(plain));
    const labels = [...html.matchAll(/<li class="(quiet|limited) group"><details[^>]*><summary>([^<]*)</g)];
    expect(labels.map(([, kind, label]) => `${kind} ${label}`)).toEqual([
      "quiet 9 quiet ticks, 0:05–0:45",
      "limited 3 ticks limited alike, 0:50–1:00: the workers suffice",
      "quiet 7 quiet ticks, 1:05–1:35",
      "quiet 4 quiet ticks, 1:45–2:00",
      "quiet 5 quiet ticks, 2:10–2:30",
    ]);
    expect(html).toContain("30 left all as it was, 5 of them by a limit or a plugin");
    const single = html.slice(html.indexOf('id="tick-25"')).split("</details>")[0]!;
    expect(single).toContain('<span class="chip plugin">plugin</span>');
    expect(single).toContain("prefill: plugin ext (reconcile) allows no fewer than 2");
  });

  it("says a reason once, with the roles that it holds for", () => {
    const decision = ticks[0]!.decision!;
    const text = "the load asks for neither more nor fewer workers";
    const same = (role: "prefill" | "decode" | null) => ({ code: "no-change", role, text });
    expect(reasonsText({ ...decision, reasons: [same(null), same("prefill"), same("decode")] })).toBe(
      `prefill and decode: ${text}`,
    );
    expect(reasonsText({ ...decision, reasons: [] })).toBe("no loop was due");
    for (const { decision: made } of ticks) expect(reasonsText(made!)).not.toMatch(/: *$|^$/);
  });

  it("stays small with thousands of ticks", () => {
    const many = Array.from({ length: 5000 }, (_, i) => plannerTick(i + 1));
    const start = (html: string) => html.slice(html.indexOf('id="decisions"'), html.indexOf('id="data-known"'));
    expect(start(plannerContent(plannerInput(many))).length).toBeLessThan(2000);
    const whole = plannerContent(plannerInput(many.slice(0, 1000), { isLive: false }));
    expect(Object.keys(fragmentsIn(whole)).length).toBe(1001);
    expect(start(whole).length).toBeLessThan(80 * 1000);
  });

  it("opens the groups nearest to the end of a report with more ticks than a page can hold", () => {
    const many = Array.from({ length: 5600 }, (_, i) => ({ ...plannerTick(1), tick: i + 1, atMs: (i + 1) * 5000 }));
    const ticks = many.map((tick, i) => {
      const targets = i < 5000 ? { prefill: 1, decode: 1 } : { prefill: 2, decode: 1 };
      return { ...tick, decision: { ...tick.decision!, tick: i + 1, targets: i === 5000 ? targets : null } };
    });
    const whole = plannerContent(plannerInput(ticks, { isLive: false }));
    expect(whole).toContain("Each that changed something opens, and the last of the others to what led to it.");
    const keys = Object.keys(fragmentsIn(whole));
    expect(keys.filter((key) => key.startsWith("from-"))).toHaveLength(1);
    expect(keys).toHaveLength(600);
    expect(whole).toContain("5,000 quiet ticks");
  });
});
