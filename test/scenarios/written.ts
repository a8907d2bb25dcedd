import { formatUserError, UserError } from "#common";
import { plannerConfigSchema } from "#planner/core";
import { parseScenario } from "#scenarios";

/** What the format can say. */
export const good = `name: example
shows: what the format can say
seed: 42
deployment:
  profile: h200-llama-3.1-8b-fp8-tp1-estimate
  mode: disagg
  prefill: { workers: 1, startup: 30s }
  decode: { workers: 2, startup: 1m, engine: { maxNumSeqs: 128 } }
  engine: { blockSize: 16, maxNumSeqs: 256 }
  kvTransfer: { bandwidth: 64GB/s, bytesPerToken: 128KiB }
sla: { ttft: 200ms, itl: 10ms }
planner: { strategy: default, interval: 5s, maxGpus: 12 }
traffic:
  - sinusoid: { requestRate: { min: 5, max: 45, period: 10m }, isl: 3000, osl: 300, duration: 30m }
faults:
  - { at: 12m, kill: decode/0 }
  - { at: 13m, slow: prefill/1, factor: 2, for: 1m }
expect:
  slaAttainment: ">= 0.98"
  ttft: { p99: "< 300ms" }
  replicas: [ { at: 5m, decode: [">= 2", "<= 4"] } ]
  errors: 0
limits: { duration: 1h }
`;

export function parse(text: string, file = "dir/a.yaml") {
  return parseScenario(text, file, { plannerSchema: plannerConfigSchema });
}

export function failure(text: string): UserError {
  try {
    parse(text, "a.yaml");
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

/** The message, with one part of the good scenario replaced. */
export function told(from: string, to: string): string {
  if (!good.includes(from)) throw new Error(`no ${from} in the good scenario`);
  return formatUserError(failure(good.replace(from, to)));
}
