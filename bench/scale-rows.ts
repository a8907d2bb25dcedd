/** A row of the bench of scale: what it plays, and what the project promises of it. */
export interface ScaleRow {
  name: string;
  requests: number;
  /** CPU seconds of the whole process, start-up included. */
  promisedSeconds: number;
  promisedBytes: number;
}

export const SCALE_ROWS: readonly ScaleRow[] = [
  { name: "1 M requests, 1,024 workers, planner", requests: 1e6, promisedSeconds: 15, promisedBytes: 1e9 },
  { name: "1 M requests, 480P544D, planner", requests: 1e6, promisedSeconds: 15, promisedBytes: 1e9 },
  { name: "10 M requests", requests: 1e7, promisedSeconds: 180, promisedBytes: 2e9 },
];

/** The scenario of a row, drawn with about so many requests. */
export function scaleScenario(name: string, requests: number): object {
  if (!name.includes("planner")) return plain(requests);
  return name.includes("480P") ? disaggregated(requests) : aggregated(requests);
}

const SLA = { ttft: "1s", itl: "20ms" };
const PLANNER = { strategy: "default", interval: "5s", maxGpus: 1024 };
const PROFILE = "h200-llama-3.1-8b-fp8-tp1-estimate";

/** Requests per second, so that about a thousand workers are needed throughout. */
function constant(requestRate: number, requests: number): object {
  const duration = `${requests / requestRate}s`;
  return { constant: { requestRate, arrivals: "poisson", isl: 3000, osl: 300, duration } };
}

function aggregated(requests: number): object {
  return {
    name: "scale-planner-agg",
    deployment: { profile: PROFILE, mode: "agg", agg: { workers: 1024, startup: "30s" } },
    sla: SLA,
    planner: PLANNER,
    traffic: [constant(6000, requests)],
  };
}

function disaggregated(requests: number): object {
  const pool = (workers: number) => ({ workers, startup: "30s" });
  const pools = { prefill: pool(480), decode: pool(544) };
  return {
    name: "scale-planner-disagg",
    deployment: { profile: PROFILE, mode: "disagg", ...pools, kvTransfer: { bandwidth: "64GB/s" } },
    sla: SLA,
    planner: PLANNER,
    traffic: [constant(6500, requests)],
  };
}

function plain(requests: number): object {
  return {
    name: "scale",
    deployment: {
      profile: PROFILE,
      mode: "agg",
      agg: { workers: 64 },
    },
    sla: { ttft: "2s", itl: "50ms" },
    traffic: [
      { constant: { requestRate: 1000, arrivals: "poisson", isl: 1000, osl: 100, duration: `${requests / 1000}s` } },
    ],
  };
}
