import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildSurface, loadProfile } from "#profiles";
import { interpolationPlots, type SweepPlotInput, svgToPng, sweepPlots, THEMES } from "#src/report";
import { pointLabels } from "../../src/report/charts/point-labels.ts";
import { projection } from "../../src/report/charts/projection.ts";
import { textWidth } from "../../src/report/charts/text-width.ts";
import { LIGHT } from "../../src/report/charts/theme.ts";
import { expectWellFormed } from "./markup.ts";

const SWEEP: SweepPlotInput = {
  subject: "Qwen/Qwen3-32B, trtllm on h200_sxm",
  isl: 3000,
  osl: 150,
  sla: { ttftMs: 200, itlMs: 20 },
  prefill: [
    { label: "TP=1", ttftMs: 410, throughputPerGpu: 7300 },
    { label: "TP=2", ttftMs: 190, throughputPerGpu: 7000 },
    { label: "TP=4", ttftMs: 120, throughputPerGpu: 6000 },
  ],
  decode: [
    { label: "TP=1", concurrency: 1, itlMs: 19, throughputPerGpu: 52 },
    { label: "TP=1", concurrency: 80, itlMs: 31, throughputPerGpu: 2600 },
    { label: "TP=2", concurrency: 1, itlMs: 10, throughputPerGpu: 50 },
    { label: "TP=2", concurrency: 160, itlMs: 18, throughputPerGpu: 4400 },
  ],
  picked: { prefill: 1, decode: 3 },
  costs: [120, 190, 410].flatMap((ttftMs, i) =>
    [10, 18].map((itlMs, j) => ({ ttftMs, itlMs, dollars: 4 - i - 2 * j + 0.336 * j })),
  ),
  dollarsPerGpuHour: 3,
};

const plotOf = (name: string, input: SweepPlotInput = SWEEP) =>
  sweepPlots(input).find((plot) => plot.name === name)!.svg;

/** Where the one vertical red dashed line stands, px. */
function limitX(svg: string): number {
  const match = new RegExp(`<path d="M([\\d.]+) [\\d.]+V[\\d.]+" stroke="${LIGHT.limit}"[^>]*stroke-dasharray`).exec(
    svg,
  );
  return Number(match![1]);
}

/** Where a value stands on a linear axis, px, by the positions of the axis' labels. */
function tickPosition(svg: string, axis: "x" | "y", value: number): number {
  const anchor = axis === "x" ? "middle" : "end";
  const ticks = [...svg.matchAll(/<text ([^>]*)>([\d,.]+)<\/text>/g)].flatMap(([, style, label]) => {
    if (!style!.includes(`text-anchor="${anchor}"`)) return [];
    const position = Number(new RegExp(` ?${axis}="([\\d.]+)"`).exec(style!)![1]) - (axis === "y" ? 4 : 0);
    return [{ position, value: Number(label!.replaceAll(",", "")) }];
  });
  const [first, last] = [ticks[0]!, ticks.at(-1)!];
  return first.position + ((value - first.value) / (last.value - first.value)) * (last.position - first.position);
}

/** Centres of the dots of a colour, px, in the order of the data. */
function dots(svg: string, colour: string): [number, number][] {
  const paths = [...svg.matchAll(new RegExp(`<path d="((?:M[\\d.]+ [\\d.]+h0)+)"[^>]*stroke="${colour}"`, "g"))];
  return paths.flatMap(([, d]) =>
    [...d!.matchAll(/M([\d.]+) ([\d.]+)h0/g)].map(([, x, y]): [number, number] => [Number(x), Number(y)]),
  );
}

describe("pictures of a sweep", () => {
  it("[R073][R120][R189] shows TTFT against throughput per GPU, one point a mapping, named", () => {
    const svg = plotOf("prefill_performance");
    expectWellFormed(svg);
    const points = dots(svg, LIGHT.prefill);
    expect(points).toHaveLength(3);
    // Lower TTFT further left, higher throughput further up.
    expect(points[0]![0]).toBeGreaterThan(points[1]![0]);
    expect(points[1]![0]).toBeGreaterThan(points[2]![0]);
    expect(points[0]![1]).toBeLessThan(points[2]![1]);
    for (const { label } of SWEEP.prefill) expect(svg).toContain(`>${label}</text>`);
    // Each dot stands where the axes' own ticks say its TTFT and its throughput are.
    const at = (axis: "x" | "y", value: number) => tickPosition(svg, axis, value);
    for (const [i, { ttftMs, throughputPerGpu }] of SWEEP.prefill.entries()) {
      expect(points[i]![0]).toBeCloseTo(at("x", ttftMs), 0);
      expect(points[i]![1]).toBeCloseTo(at("y", throughputPerGpu), 0);
    }
    expect(svg).toContain(">TTFT (ms)</text>");
    expect(svg).toContain(">prefill throughput (tokens/s/GPU)</text>");
  });

  it("[R087][R125][R151] draws the target as a red dashed line that divides what keeps it from what does not", () => {
    const prefill = plotOf("prefill_performance");
    const [tp1, tp2] = dots(prefill, LIGHT.prefill);
    expect(limitX(prefill)).toBeLessThan(tp1![0]);
    expect(limitX(prefill)).toBeGreaterThan(tp2![0]);
    expect(prefill).toContain("target TTFT 200 ms");
    expect(plotOf("decode_performance")).toContain("target ITL 20 ms");
  });

  it("[R082][R120] shows ITL against throughput per GPU, one line a mapping over its loads, the pick ringed", () => {
    const svg = plotOf("decode_performance");
    expectWellFormed(svg);
    const ring = dots(svg, LIGHT.good)[0]!;
    expect(dots(svg, LIGHT.decode)).toContainEqual(ring);
    expect(svg).toContain("TP=2 with 160 requests at once gives the most output tokens per GPU within an ITL of 20 ms");
  });

  it("says so where no mapping keeps the target", () => {
    const strict = { ...SWEEP, sla: { ttftMs: 50, itlMs: 5 }, picked: { prefill: 2, decode: 2 } };
    expect(plotOf("prefill_performance", strict)).toContain("No mapping keeps a TTFT of 50 ms; TP=4 comes closest");
    expect(plotOf("cost_sla", strict)).toContain("No pair of mappings keeps both targets");
  });

  it("[R126] shows what 1,000 requests cost by the targets, a line a prefill mapping, the picked pair ringed", () => {
    const svg = plotOf("cost_sla");
    expectWellFormed(svg);
    // Of the two TTFTs within the target the slower one is cheaper, at the larger load.
    expect(svg).toContain("Within both targets 1,000 requests cost $1.34 at best");
    expect(svg).toContain("$3 per GPU-hour");
    for (const ttft of ["120", "190", "410"]) expect(svg).toContain(`>TTFT ${ttft} ms</text>`);
    const lines = [...svg.matchAll(/<path d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"[^>]*stroke="([^"]+)"/g)];
    expect(lines.map(([, , , , , colour]) => colour)).toEqual([LIGHT.prefill, LIGHT.prefill, LIGHT.muted]);
    expect(dots(svg, LIGHT.good)).toEqual([[Number(lines[1]![3]), Number(lines[1]![4])]]);
    expect(plotOf("cost_sla", { ...SWEEP, dollarsPerGpuHour: 6 })).toContain("$6 per GPU-hour");
  });

  it("does not praise what a person picked instead of the best", () => {
    const picked = { ...SWEEP, picked: { prefill: 2, decode: 1 } };
    expect(plotOf("prefill_performance", picked)).toContain("TP=4 was picked: it keeps a TTFT of 200 ms");
    expect(plotOf("decode_performance", picked)).toContain(
      "TP=1 with 80 requests at once was picked: it misses an ITL of 20 ms",
    );
    const strict = { ...picked, sla: { ttftMs: 50, itlMs: 20 }, picked: { prefill: 0 } };
    expect(plotOf("prefill_performance", strict)).toContain("No mapping keeps a TTFT of 50 ms; TP=1 was picked");
  });

  it("leaves out a phase without results", () => {
    expect(sweepPlots({ ...SWEEP, decode: [], costs: [], picked: {} }).map((plot) => plot.name)).toEqual([
      "prefill_performance",
    ]);
  });
});

describe("pictures of an interpolation", () => {
  const profile = loadProfile("h200-llama-3.1-8b-fp8-tp1-estimate");
  const surface = buildSurface(profile);
  const plots = interpolationPlots(profile, surface, { sla: { ttftMs: 30, itlMs: 12 } });
  const svgOf = (name: string) => plots.find((plot) => plot.name === name)!.svg;

  it("[R121][R122] draws TTFT with its quadratic fit and target, and prefill throughput, through all samples", () => {
    for (const name of ["prefill_ttft_interpolation", "prefill_throughput_interpolation"]) {
      expectWellFormed(svgOf(name));
      expect(dots(svgOf(name), LIGHT.prefill)).toHaveLength(profile.prefill.isl.length);
    }
    expect(svgOf("prefill_ttft_interpolation")).toContain("quadratic fit");
    expect(svgOf("prefill_ttft_interpolation")).toContain("target TTFT 30 ms");
  });

  it("[R123][R124] draws ITL and decode throughput as surfaces over KV usage and context, with every sample", () => {
    for (const name of ["decode_itl_interpolation", "decode_throughput_interpolation"]) {
      const svg = svgOf(name);
      expectWellFormed(svg);
      expect(svg.match(/<circle /g)).toHaveLength(profile.decode.itlMs.length);
      expect(svg).toContain("KV cache in use (%)");
      expect(svg).toContain("mean context length (tokens)");
    }
    expect(svgOf("decode_itl_interpolation")).toContain("target ITL 12 ms");
  });

  it("[R125] draws the ITL target on the surface, and not where the surface never reaches it", () => {
    const red = `stroke="${LIGHT.limit}"`;
    const far = interpolationPlots(profile, surface, { sla: { itlMs: 1e6 } });
    expect(svgOf("decode_itl_interpolation")).toContain(red);
    expect(far.find((plot) => plot.name === "decode_itl_interpolation")!.svg).not.toContain(red);
  });

  it("rasterises, in the dark, too", () => {
    const [dark] = interpolationPlots(profile, surface, { theme: THEMES.dark });
    for (const { svg } of [dark!, ...plots]) {
      const png = svgToPng(svg, { zoom: 1 });
      expect(png.subarray(1, 4).toString()).toBe("PNG");
      expect(png.readUInt32BE(16)).toBe(800);
    }
  });
});

describe("names beside points", () => {
  const plot = { left: 0, right: 800, top: 0, bottom: 400 };

  it("stay in the plot and off each other where there is room", () => {
    const place = fc.record({
      x: fc.double({ min: 60, max: 740, noNaN: true }),
      y: fc.double({ min: 40, max: 360, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(place, { minLength: 1, maxLength: 6 }), (places) => {
        // Columns of their own: there is always a free place.
        const labels = places.map(({ y }, i) => ({ text: `TP=${i}`, x: 60 + i * 120, y, radius: 4.5, colour: "#000" }));
        const svg = pointLabels(labels, plot, "#fff");
        const boxes = [...svg.matchAll(/<text x="([\d.]+)" y="([\d.]+)"/g)].map(([, x, y]) => ({
          x: Number(x),
          y: Number(y),
        }));
        expect(boxes).toHaveLength(labels.length);
        boxes.forEach((box, i) => {
          const width = textWidth(labels[i]!.text, 11.5, 600);
          expect(box.x).toBeGreaterThanOrEqual(0);
          expect(box.x + width).toBeLessThanOrEqual(800);
          for (const other of boxes.slice(i + 1)) {
            const apart = Math.abs(box.y - other.y) >= 12.9 || box.x + width <= other.x || other.x + width <= box.x;
            expect(apart).toBe(true);
          }
        });
      }),
    );
  });
});

describe("parallel projection", () => {
  const room = { left: 50, right: 750, top: 20, bottom: 420 };
  const share = fc.double({ min: 0, max: 1, noNaN: true });

  it("keeps the whole cube in the room, straight lines straight, and higher points higher", () => {
    const angles = fc.record({
      elevation: fc.integer({ min: 5, max: 85 }),
      azimuth: fc.integer({ min: -180, max: 180 }),
    });
    fc.assert(
      fc.property(angles, share, share, share, (view, x, y, z) => {
        const { at } = projection(view, 0.7, room);
        const [px, py] = at([x, y, z]);
        expect(px).toBeGreaterThanOrEqual(room.left - 1e-6);
        expect(px).toBeLessThanOrEqual(room.right + 1e-6);
        expect(py).toBeGreaterThanOrEqual(room.top - 1e-6);
        expect(py).toBeLessThanOrEqual(room.bottom + 1e-6);
        const [ax, ay] = at([0, 0, 0]);
        const [bx, by] = at([x, y, z].map((v) => v / 2) as [number, number, number]);
        expect(bx).toBeCloseTo((ax + px) / 2, 6);
        expect(by).toBeCloseTo((ay + py) / 2, 6);
        expect(at([x, y, 1])[1]).toBeLessThanOrEqual(at([x, y, 0])[1]);
      }),
    );
  });

  it("puts the far walls behind everything", () => {
    const view = projection({ elevation: 30, azimuth: 45 }, 0.7, room);
    expect(view.far).toEqual({ x: 0, y: 0 });
    expect(view.depth([view.far.x, 0.5, 0.5])).toBeGreaterThan(view.depth([view.near.x, 0.5, 0.5]));
  });
});
