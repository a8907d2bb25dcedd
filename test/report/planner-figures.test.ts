import { describe, expect, it } from "vitest";
import { timeFigureHtml } from "../../src/report/page/figure.ts";
import { plannerFigures } from "../../src/report/planner/figures.ts";
import type { PlannerPageInput, PlannerTick } from "../../src/report/planner/input.ts";
import { compatTicks } from "./compat-ticks.ts";
import { plannerInput } from "./planner-ticks.ts";

const ticks = compatTicks(48);

function figure(id: string, of: readonly PlannerTick[] = ticks, more: Partial<PlannerPageInput> = {}) {
  const found = plannerFigures(plannerInput(of, more)).find((each) => each.id === id);
  if (found === undefined) throw new Error(`no figure ${id}`);
  return found;
}

const seriesOf = (id: string, name: string) => figure(id).chart.series.find((series) => series.name === name)!;

describe("the charts of a planner with loops over load and throughput", () => {
  it("has all that the reports of Dynamo's planner have", () => {
    expect(plannerFigures(plannerInput(ticks)).map(({ id }) => id)).toEqual([
      "load",
      "prefill-replicas",
      "decode-replicas",
      "ttft",
      "itl",
      "prefill-engines",
      "decode-engines",
      "capacity",
      "lengths",
      "load-decisions",
      "throughput-decisions",
      "gpu-hours",
    ]);
  });

  it.each(["prefill", "decode"] as const)("draws the lower bound of %s, as the strategy says it", (role) => {
    const bound = seriesOf(`${role}-replicas`, "lower bound");
    expect(bound.dashed).toBe(true);
    expect(Array.from(bound.y)).toEqual(ticks.map(({ decision }) => decision!.values[`${role}Floor`]));
    expect(Math.max(...Array.from(bound.y))).toBeGreaterThan(1);
    expect(figure(`${role}-replicas`).readouts.map(({ name }) => name)).toContain("lower bound");
  });

  it("draws a decision without targets as what stands, and a dot where it changes something", () => {
    const { series } = figure("decode-replicas").chart;
    const decided = Array.from(series.find(({ name }) => name === "decided")!.y);
    expect(decided.some(Number.isNaN)).toBe(false);
    const dots = Array.from(series.find(({ kind }) => kind === "scatter")!.y);
    const changed = ticks.map(({ decision }) => {
      const target = decision!.targets?.decode ?? null;
      return target === null || target === decision!.workers.decode.active ? Number.NaN : target;
    });
    expect(changed.some((target) => !Number.isNaN(target))).toBe(true);
    expect(dots).toEqual(changed);
  });

  it("holds the engines' capacity from one tick of throughput scaling to the next", () => {
    for (const role of ["prefill", "decode"] as const) {
      const said = ticks.map(({ decision }) => decision!.values[`${role}WorkerPerS`]);
      const drawn = Array.from(seriesOf("capacity", role).y);
      expect(said.slice(0, 7)).toEqual([undefined, undefined, undefined, said[3], undefined, undefined, undefined]);
      expect(drawn.slice(0, 7)).toEqual([Number.NaN, Number.NaN, Number.NaN, said[3], said[3], said[3], said[3]]);
    }
    expect(timeFigureHtml(figure("capacity"))).toMatch(/<path d="M[\d. ]+[HV]/);
  });

  it("draws single values as dots: no chart with values is empty", () => {
    const load = figure("load");
    const single = { ...load.chart.series[0]!, y: ticks.map((_, i) => (i % 4 === 0 ? i : Number.NaN)) };
    const html = timeFigureHtml({ ...load, chart: { ...load.chart, series: [single] } });
    expect(html.match(/M[\d.]+ [\d.]+h0/g)).toHaveLength(3 * 12);
  });

  it("tells KV tokens in flight from queued ones, below what an engine holds", () => {
    const { chart, readouts } = figure("decode-engines");
    expect(chart.limits).toMatchObject([{ value: 400_000 }]);
    expect(readouts.map(({ name }) => name)).toEqual(["in flight, all engines", "queued"]);
    const last = ticks.at(-1)!.observed!;
    expect(readouts[0]!.y.at(-1)).toBe(Number(sum(last.kvTokens!).toPrecision(4)));
    expect(readouts[1]!.y.at(-1)).toBe(Number(sum(last.queuedKvTokens!).toPrecision(4)));
    expect(sum(last.queuedKvTokens!)).toBeGreaterThan(0);
    expect(figure("decode-engines", ticks, { maxKvTokens: null }).chart.limits).toEqual([]);
  });

  it.each(["load", "throughput"] as const)("says at each tick what the loop over %s came to", (loop) => {
    const { chart, readouts } = figure(`${loop}-decisions`);
    const [{ y, words }] = readouts as [(typeof readouts)[number]];
    const said = y.map((lane) => words![lane!]!);
    const states = ticks.map(({ decision }) => decision!.loops![loop]);
    const pairs = new Set(states.map((state, i) => `${state}: ${said[i]}`));
    expect(pairs.size).toBe(new Set(states).size);
    expect(new Set(said).size).toBe(pairs.size);
    expect(chart.series.map(({ name }) => name)).toEqual(words);
    if (loop === "load") expect(pairs).toContain("scale_up: one more");
    else expect(pairs).toContain("set_lower_bound: sets the bound");
  });
});

const sum = (loads: Record<string, number>) => Object.values(loads).reduce((all, tokens) => all + tokens, 0);
