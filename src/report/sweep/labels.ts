import { SHARE_MEASURES } from "#common";
import type { AxisSpec } from "../charts/chart.ts";
import { formatFixed, formatShare, formatSignificant, plural } from "../format.ts";
import type { SweepReport, SweptCandidate, SweptMeasure } from "./input.ts";

const NAMES: Readonly<Record<string, string>> = {
  slaAttainment: "SLA attainment",
  ttftAttainment: "TTFT attainment",
  itlAttainment: "ITL attainment",
  prefixHitRate: "prefix hit rate",
  routerHitRate: "router hit rate",
  routerRegretRate: "router regret rate",
  recoversWithin: "recovery, longest (ms)",
  goodput: "goodput (req/s)",
  goodputPerGpu: "goodput per GPU (req/s)",
  requestThroughput: "requests/s",
  outputThroughput: "output tokens/s",
  outputThroughputPerGpu: "output tokens/s/GPU",
  "perUserThroughput.mean": "tokens/s/user, mean",
  "perUserThroughput.p50": "tokens/s/user, p50",
  gpuHours: "GPU-hours",
  averageGpus: "GPUs, average",
  peakGpus: "GPUs, most",
  scaleEvents: "scale events",
};
const LATENCIES: Readonly<Record<string, string>> = { ttft: "TTFT", itl: "ITL", e2e: "latency" };
const SHARES: ReadonlySet<string> = new Set(SHARE_MEASURES);

/** A measure for people, with its unit: `TTFT p99 (ms)`. */
export function measureLabel(measure: string): string {
  const [head = "", statistic] = measure.split(".");
  const latency = LATENCIES[head];
  return NAMES[measure] ?? (latency === undefined ? measure : `${latency} ${statistic} (ms)`);
}

export function measureAxis(measure: string): AxisSpec {
  if (!SHARES.has(measure)) return { label: measureLabel(measure) };
  return { label: measureLabel(measure), scale: "share", max: 1 };
}

export function measureText(measure: string, value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (SHARES.has(measure)) return formatShare(value);
  return Number.isInteger(value) ? formatFixed(value, 0) : formatSignificant(value);
}

/** Equal values of every seed have an interval of a rounding error, which is none. */
export function hasInterval({ mean, ci95 }: SweptMeasure): boolean {
  return ci95 > 1e-9 * Math.abs(mean);
}

/** `12.3 ± 0.4` where there are several seeds. */
export function withInterval(measure: string, found: SweptMeasure | undefined): string {
  if (found === undefined) return "–";
  const mean = measureText(measure, found.mean);
  if (!hasInterval(found)) return mean;
  const half = SHARES.has(measure) ? formatFixed(found.ci95 * 100, 2) : formatSignificant(found.ci95);
  return `${mean} ± ${half}`;
}

/** Layout of a search among the scenario's own engines. */
const OWN_LAYOUT = "own";

/** `workers 4, router round-robin`: the last part of each path is enough where no two agree in it. */
export function shortAxes(names: readonly string[]): string[] {
  const last = names.map((name) => name.split(",").map((path) => path.split(".")));
  for (let parts = 1; parts < 8; parts++) {
    const short = last.map((paths) => [...new Set(paths.map((path) => path.slice(-parts).join(".")))].join(","));
    if (new Set(short).size === short.length) return short;
  }
  return [...names];
}

/** `workers 4, router kv`; of a search `1P tp2 + 1D tp1, kv`, `2P1D`, `3 workers tp1`. */
export function shortText(
  report: Pick<SweepReport, "kind" | "axes" | "candidates">,
  { values }: SweptCandidate,
): string {
  const names = report.axes.map(({ name }) => name);
  if (report.kind === "search") return deploymentText(report, names, values);
  const axes = shortAxes(names);
  return values.map((value, i) => (axes.length === 1 ? value : `${axes[i]} ${value}`)).join(", ");
}

function deploymentText(
  { candidates }: Pick<SweepReport, "candidates">,
  names: readonly string[],
  values: readonly string[],
): string {
  const of = (name: string, all = values) => all[names.indexOf(name)] ?? "";
  const hasLayouts = of("decode.layout") !== OWN_LAYOUT;
  const [prefill, decode] = [of("prefill.workers"), of("decode.workers")];
  const workers =
    of("mode") === "agg"
      ? `${plural(Number(decode), "worker")}${hasLayouts ? ` ${of("decode.layout")}` : ""}`
      : hasLayouts
        ? `${prefill}P ${of("prefill.layout")} + ${decode}D ${of("decode.layout")}`
        : `${prefill}P${decode}D`;
  // A router that all have tells nothing.
  const routers = new Set(candidates.map((candidate) => of("router", candidate.values)));
  return routers.size > 1 ? `${workers}, ${of("router")}` : workers;
}
