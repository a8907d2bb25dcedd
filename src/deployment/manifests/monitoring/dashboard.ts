import type { JsonObject } from "../../graph/json.ts";
import { type Panel, ROWS, SCALED } from "./panels.ts";

const SCHEMA_VERSION = 39;
const COLUMNS = 24;
const STAT_HEIGHT = 4;
const CHART_HEIGHT = 8;
/** At most so many panels beside each other. */
const PER_LINE = { stat: 6, chart: 3 } as const;
/** Of Grafana's own, which fit both of its themes; their meanings are those of our reports. */
const COLOURS = { prefill: "blue", decode: "orange", forecast: "purple", limit: "red", bad: "dark-red" } as const;
const DATASOURCE = { type: "prometheus", uid: "$" + "{datasource}" };

/** Grafana's model of the dashboard, to be imported as it is. */
export function dashboard(): JsonObject {
  return {
    uid: "understudy",
    title: "Understudy",
    description: "A deployment of mock workers, or of Dynamo's, with frontend and planner",
    tags: ["understudy", "dynamo", "llm"],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: true,
    // One cursor through all charts.
    graphTooltip: 1,
    time: { from: "now-30m", to: "now" },
    refresh: "10s",
    timezone: "browser",
    links: [],
    annotations: {
      list: SCALED.map(({ role, expr }) => ({
        name: `${role} scaled`,
        enable: true,
        datasource: DATASOURCE,
        expr,
        iconColor: COLOURS[role],
        step: "10s",
        titleFormat: `${role} scaled`,
      })),
    },
    templating: { list: variables() },
    panels: laidOut(),
  };
}

function variables(): JsonObject[] {
  const metric = "dynamo_frontend_requests_started_total";
  const label = (name: string, query: string) => ({
    name,
    label: name,
    type: "query",
    datasource: DATASOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    sort: 1,
    includeAll: true,
    multi: true,
    allValue: ".*",
    current: { text: ["All"], value: ["$__all"] },
  });
  return [
    { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus", refresh: 1 },
    label("namespace", `label_values(${metric}, namespace)`),
    label("deployment", `label_values(${metric}{namespace=~"$namespace"}, deployment)`),
  ];
}

/** Rows one below the other, their panels in equal shares of the width. */
function laidOut(): JsonObject[] {
  const panels: JsonObject[] = [];
  let y = 0;
  for (const row of ROWS) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y, w: COLUMNS, h: 1 },
      panels: [],
    });
    y += 1;
    const isStats = row.panels.every(({ kind }) => kind === "stat");
    const lines = linesOf(row.panels, isStats ? PER_LINE.stat : PER_LINE.chart);
    const h = isStats ? STAT_HEIGHT : CHART_HEIGHT;
    for (const line of lines) {
      const w = COLUMNS / line.length;
      line.forEach((panel, i) => {
        panels.push({ id: panels.length + 1, ...panelOf(panel), gridPos: { x: i * w, y, w, h } });
      });
      y += h;
    }
  }
  return panels;
}

/** As even as possible: four panels are two lines of two rather than three and one. */
function linesOf(panels: readonly Panel[], most: number): Panel[][] {
  const count = Math.ceil(panels.length / most);
  const perLine = Math.ceil(panels.length / count);
  return Array.from({ length: count }, (_, i) => panels.slice(i * perLine, (i + 1) * perLine));
}

function panelOf(panel: Panel): JsonObject {
  const { title, what, kind, unit, max, decimals, queries } = panel;
  return {
    type: kind === "stat" ? "stat" : "timeseries",
    title,
    description: what,
    datasource: DATASOURCE,
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(max === undefined ? {} : { max }),
        ...(decimals === undefined ? {} : { decimals }),
        noValue: "no data",
        color: { mode: "palette-classic" },
        ...(kind === "stat" ? {} : { custom: drawn(kind) }),
      },
      overrides: OVERRIDES,
    },
    options: kind === "stat" ? STAT_OPTIONS : CHART_OPTIONS,
    targets: queries.map(({ expr, legend }, i) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + i),
      datasource: DATASOURCE,
      editorMode: "code",
      expr,
      legendFormat: legend,
      range: true,
      instant: false,
    })),
  };
}

const STAT_OPTIONS = {
  reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false },
  colorMode: "value",
  graphMode: "area",
  justifyMode: "auto",
  orientation: "auto",
  textMode: "auto",
};

const CHART_OPTIONS = {
  legend: { displayMode: "list", placement: "bottom", showLegend: true, calcs: [] },
  tooltip: { mode: "multi", sort: "desc" },
};

function drawn(kind: "lines" | "bars"): JsonObject {
  return {
    drawStyle: kind === "bars" ? "bars" : "line",
    lineWidth: kind === "bars" ? 1 : 2,
    fillOpacity: kind === "bars" ? 60 : 0,
    showPoints: "never",
    // What is not known is a gap.
    spanNulls: false,
    stacking: { mode: kind === "bars" ? "normal" : "none" },
  };
}

const override = (pattern: string, ...properties: JsonObject[]) => ({
  matcher: { id: "byRegexp", options: pattern },
  properties,
});
const colour = (fixedColor: string) => ({ id: "color", value: { mode: "fixed", fixedColor } });
const DASHED = { id: "custom.lineStyle", value: { fill: "dash", dash: [8, 6] } };

/** As everywhere: prefill and decode have their colour; forecasts, decisions and limits are dashed, limits red. */
const OVERRIDES = [
  override("/prefill/i", colour(COLOURS.prefill)),
  override("/decode/i", colour(COLOURS.decode)),
  override("/forecast/", colour(COLOURS.forecast), DASHED),
  override("/decided$/", DASHED),
  override("/target$/", colour(COLOURS.limit), DASHED),
  override("/^error$/", colour(COLOURS.bad)),
];
