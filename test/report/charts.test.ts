import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { heatChart, svgToPng, THEMES, type XyChart, xyChart } from "#src/report";
import { contour, type GridValues, polygonsAbove } from "../../src/report/charts/contours.ts";
import { interFont } from "../../src/report/charts/fonts.ts";
import { niceDomain, scale } from "../../src/report/charts/scale.ts";
import { DARK, LIGHT } from "../../src/report/charts/theme.ts";
import { unpackWoff } from "../../src/report/charts/woff.ts";
import { expectWellFormed } from "./markup.ts";

const SIZE = { width: 480, height: 240 };

const chart: XyChart = {
  title: "Load doubled at 2 min & stayed",
  subtitle: "requests per second",
  x: { label: "", scale: "time", min: 0, max: 240_000 },
  y: { label: "requests/s" },
  series: [
    { name: "observed", kind: "step", colour: "ink", x: [0, 120_000, 240_000], y: [5, 10, 10] },
    {
      name: "forecast",
      kind: "line",
      colour: "forecast",
      dashed: true,
      x: [0, 60_000, 120_000, 180_000, 240_000],
      y: [5, 6, Number.NaN, 9, 9],
    },
  ],
  limits: [{ value: 12, label: "limit 12/s" }],
};

describe("scales", () => {
  const kinds = ["linear", "count", "log", "time", "share"] as const;
  const values = fc.double({ min: 1e-3, max: 1e7, noNaN: true });

  it("keep ticks inside the domain, ascending, with labels that differ", () => {
    fc.assert(
      fc.property(fc.constantFrom(...kinds), values, values, fc.integer({ min: 2, max: 12 }), (kind, a, b, wanted) => {
        // Times begin at the start of a run, and no run is shorter than 10 ms.
        const low = kind === "time" || kind === "count" ? 0 : Math.min(a, b);
        const [from, to] = niceDomain(kind, low, Math.max(a, b, kind === "time" ? 10 : 1) * 1.01, wanted);
        const { ticks, at } = scale(kind, [from, to], [0, 500], wanted);
        const slack = (to - from) * 1e-6;
        expect(ticks.length).toBeGreaterThan(0);
        expect(ticks.length).toBeLessThanOrEqual(wanted * 3 + 3);
        ticks.forEach((tick, i) => {
          expect(tick.value).toBeGreaterThanOrEqual(from - slack);
          expect(tick.value).toBeLessThanOrEqual(to + slack);
          expect(at(tick.value)).toBeGreaterThan(i === 0 ? -1 : at(ticks[i - 1]!.value));
        });
      }),
    );
  });

  it("count in whole steps", () => {
    const values = (to: number) => scale("count", [0, to], [0, 100], 3).ticks.map((tick) => tick.value);
    expect(values(1.1)).toEqual([0, 1]);
    expect(values(3.3)).toEqual([0, 1, 2, 3]);
    expect(values(13.2)).toEqual([0, 5, 10]);
  });

  it("speak of times in the unit that fits", () => {
    const labels = (endMs: number) => scale("time", [0, endMs], [0, 600], 6).ticks.map((tick) => tick.label);
    expect(labels(60_000)).toEqual(["0 s", "10 s", "20 s", "30 s", "40 s", "50 s", "60 s"]);
    expect(labels(1_800_000)).toEqual(["0 min", "5 min", "10 min", "15 min", "20 min", "25 min", "30 min"]);
    // Thirds of a minute or an hour as on a clock.
    expect(labels(240_000).slice(0, 5)).toEqual(["0 min", "1 min", "2 min", "3 min", "4 min"]);
    const finer = scale("time", [0, 240_000], [0, 600], 12).ticks.map((tick) => tick.label);
    expect([finer.length, ...finer.slice(0, 5)]).toEqual([
      ...[13, "0:00 min", "0:20 min", "0:40 min", "1:00 min", "1:20 min"],
    ]);
    const hours = scale("time", [0, 4 * 3_600_000], [0, 600], 12).ticks.map((tick) => tick.label);
    expect(hours.slice(0, 5)).toEqual(["0:00 h", "0:20 h", "0:40 h", "1:00 h", "1:20 h"]);
    expect(labels(86_400_000)).toEqual(["0 h", "4 h", "8 h", "12 h", "16 h", "20 h", "24 h"]);
  });

  it("label a logarithmic axis even within a decade", () => {
    expect(scale("log", [60, 350], [0, 400], 6).ticks.length).toBeGreaterThanOrEqual(4);
    expect(scale("log", [1, 1000], [0, 400], 5).ticks.map((tick) => tick.label)).toEqual(["1", "10", "100", "1,000"]);
  });
});

describe("an xy chart", () => {
  it("is the same text for the same input, well-formed, with its message as title", () => {
    const svg = xyChart(chart, SIZE, THEMES.light);
    expect(xyChart(chart, SIZE, THEMES.light)).toBe(svg);
    expectWellFormed(svg);
    expect(svg).toContain('aria-label="Load doubled at 2 min &amp; stayed"');
  });

  it("draws forecasts dashed, limits red and dashed, and breaks a line at NaN", () => {
    const svg = xyChart(chart, SIZE, THEMES.light);
    expect(svg).toMatch(new RegExp(`stroke="${LIGHT.limit}"[^>]*stroke-dasharray`));
    const forecast = new RegExp(`<path d="([^"]*)"[^>]*stroke="${LIGHT.forecast}"[^>]*stroke-dasharray`).exec(svg)![1]!;
    expect(forecast.match(/M/g)).toHaveLength(2);
  });

  it("draws a value without neighbours as a dot, and no line for it", () => {
    const y = [5, Number.NaN, 7, 8, Number.NaN];
    const lone = { ...chart, limits: [], series: [{ ...chart.series[1]!, y }] };
    const paths = [...xyChart(lone, SIZE, THEMES.light).matchAll(/<path d="([^"]*)"[^>]*>/g)];
    const own = paths.filter(([path]) => path.includes(`stroke="${LIGHT.forecast}"`));
    expect(own.map(([path]) => path.includes("stroke-dasharray"))).toEqual([true, false]);
    expect(own.map(([, d]) => d!.match(/M/g)!.length)).toEqual([1, 1]);
    expect(own[1]![0]).toMatch(/h0"[^>]*stroke-linecap="round"/);
  });

  it("takes its colours from the page inside a page, and has no title of its own there", () => {
    const svg = xyChart(chart, SIZE, THEMES.page);
    expect(svg).toContain("var(--forecast)");
    expect(svg).not.toMatch(/#[0-9a-f]{6}/);
    expect(svg).not.toContain("Load doubled at 2 min &amp; stayed</text>");
  });

  it("survives empty and constant data", () => {
    for (const y of [[], [0, 0], [5, 5], [Number.NaN, Number.NaN]]) {
      const x = y.map((_, i) => i);
      const svg = xyChart(
        { ...chart, limits: [], series: [{ name: "a", kind: "area", colour: "ink", x, y }] },
        SIZE,
        THEMES.light,
      );
      expectWellFormed(svg);
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
    }
  });

  it("keeps end labels apart", () => {
    const series = ["a", "b", "c"].map(
      (name) => ({ name, kind: "line", colour: "ink", x: [0, 1], y: [1, 1] }) as const,
    );
    const svg = xyChart({ ...chart, limits: [], x: { label: "x" }, series: [...series] }, SIZE, THEMES.light);
    const heights = [...svg.matchAll(/y="([\d.]+)"[^>]*>[abc]<\/text>/g)].map((match) => Number(match[1]));
    expect(heights).toHaveLength(3);
    heights.sort((p, q) => p - q);
    expect(heights[1]! - heights[0]!).toBeGreaterThanOrEqual(13.9);
    expect(heights[2]! - heights[1]!).toBeGreaterThanOrEqual(13.9);
  });
});

describe("contours", () => {
  const grids = fc
    .tuple(fc.integer({ min: 2, max: 8 }), fc.integer({ min: 2, max: 8 }))
    .chain(([columns, rows]) =>
      fc
        .array(fc.integer({ min: 0, max: 100 }), { minLength: columns * rows, maxLength: columns * rows })
        .map((values): GridValues => ({ columns, rows, values: Float64Array.from(values) })),
    );

  it("lie where the interpolated edges have the level", () => {
    fc.assert(
      fc.property(grids, fc.integer({ min: 1, max: 99 }), (grid, whole) => {
        const level = whole + 0.5;
        for (const [x1, y1, x2, y2] of contour(grid, level)) {
          expect(onEdge(grid, x1, y1)).toBeCloseTo(level, 6);
          expect(onEdge(grid, x2, y2)).toBeCloseTo(level, 6);
        }
      }),
    );
  });

  it("bound the painted area: a tilted plane is painted from its level up", () => {
    const columns = 11;
    const values = Float64Array.from({ length: columns * 5 }, (_, i) => i % columns);
    const polygons = polygonsAbove({ columns, rows: 5, values }, 6.25);
    expect(polygons.reduce((sum, polygon) => sum + area(polygon), 0)).toBeCloseTo((10 - 6.25) * 4, 9);
  });

  it("paint everything below the lowest level's complement: areas of a level and the rest make the whole", () => {
    fc.assert(
      fc.property(grids, (grid) => {
        const whole = (grid.columns - 1) * (grid.rows - 1);
        const all = polygonsAbove(grid, -1).reduce((sum, polygon) => sum + area(polygon), 0);
        expect(all).toBeCloseTo(whole, 9);
        expect(polygonsAbove(grid, 101)).toEqual([]);
      }),
    );
  });
});

describe("a heat chart", () => {
  it("is well-formed in every theme and names its levels", () => {
    const grid = { columns: 3, rows: 2, values: Float64Array.from([0, 5, 10, 2, 7, 12]) };
    const axis = { label: "x", min: 0, max: 1 };
    for (const theme of Object.values(THEMES)) {
      const limit = { value: 8, label: "SLA" };
      const spec = {
        title: "t",
        x: axis,
        y: axis,
        grid,
        valueLabel: "ms",
        levels: [4, 8],
        samples: { x: [0.5], y: [0.5] },
        limit,
      };
      const svg = heatChart(spec, SIZE, theme);
      expectWellFormed(svg);
      expect(svg).toContain(">4<");
      expect(svg).not.toMatch(/NaN|undefined/);
    }
  });
});

describe("PNG", () => {
  it("has the picture's size times the zoom, and the same bytes each time", () => {
    const svg = xyChart(chart, SIZE, THEMES.light);
    const png = svgToPng(svg, { zoom: 2 });
    expect(png.subarray(1, 4).toString()).toBe("PNG");
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([960, 480]);
    expect(svgToPng(svg, { zoom: 2 }).equals(png)).toBe(true);
  });

  it("shows text, in both weights", () => {
    const blank = (content: string, weight: string) =>
      svgToPng(
        `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="40"><text x="5" y="30" font-weight="${weight}" font-size="24">${content}</text></svg>`,
      );
    expect(blank("TTFT", "400").equals(blank("", "400"))).toBe(false);
    expect(blank("TTFT", "600").equals(blank("TTFT", "400"))).toBe(false);
  });
});

describe("the font", () => {
  it("is unpacked with tables whose checksums are right", () => {
    for (const weight of [400, 600] as const) {
      const font = unpackWoff(interFont(weight, "woff"));
      const count = font.readUInt16BE(4);
      for (let i = 0; i < count; i++) {
        const entry = 12 + 16 * i;
        const tag = font.toString("latin1", entry, entry + 4);
        if (tag === "head") continue; // its checksum is reckoned without one of its own fields
        const offset = font.readUInt32BE(entry + 8);
        let sum = 0;
        for (let at = offset; at < offset + font.readUInt32BE(entry + 12); at += 4)
          sum = (sum + font.readUInt32BE(at)) >>> 0;
        expect(sum, tag).toBe(font.readUInt32BE(entry + 4));
      }
    }
  });

  it("is refused when it is no WOFF", () => {
    expect(() => unpackWoff(Buffer.alloc(100))).toThrow("not a WOFF font");
  });
});

describe("the theme", () => {
  const textColours = [
    "ink",
    "muted",
    "prefill",
    "decode",
    "limit",
    "forecast",
    "good",
    "warn",
    "bad",
    "accent",
  ] as const;

  it.each([
    ["light", LIGHT],
    ["dark", DARK],
  ])("has text of at least 4.5 : 1 on %s cards and pages (WCAG 2 AA)", (_, palette) => {
    for (const name of textColours) {
      expect(contrast(palette[name], palette.card), name).toBeGreaterThanOrEqual(4.5);
      expect(contrast(palette[name], palette.page), name).toBeGreaterThanOrEqual(4.5);
    }
  });
});

function onEdge(grid: GridValues, x: number, y: number): number {
  const at = (column: number, row: number) => grid.values[row * grid.columns + column]!;
  const [x0, y0] = [Math.floor(x), Math.floor(y)];
  const [fx, fy] = [x - x0, y - y0];
  if (fx === 0) return at(x0, y0) * (1 - fy) + (fy === 0 ? 0 : at(x0, y0 + 1) * fy);
  return at(x0, y0) * (1 - fx) + at(x0 + 1, y0) * fx;
}

function area(polygon: (readonly [number, number])[]): number {
  let twice = 0;
  polygon.forEach(([x, y], i) => {
    const [nextX, nextY] = polygon[(i + 1) % polygon.length]!;
    twice += x * nextY - nextX * y;
  });
  return Math.abs(twice) / 2;
}

/** Contrast ratio of WCAG 2.1. */
function contrast(a: string, b: string): number {
  const luminance = (hex: string) => {
    const [r, g, blue] = [1, 3, 5].map((at) => {
      const channel = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
      return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * blue!;
  };
  const [light, dark] = [luminance(a), luminance(b)].sort((p, q) => q - p);
  return (light! + 0.05) / (dark! + 0.05);
}
