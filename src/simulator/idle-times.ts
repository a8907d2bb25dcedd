import { clearPassWork, type EngineConfig, emptyPassWork, prefillPassMs } from "#mocker/engine";
import type { Workload } from "#scenarios";
import type { SimulationSpec, TransferModel } from "./types.ts";

/** What an idle engine takes for one prompt, ms, by prompt length and cached tokens. */
export class IdlePrefill {
  readonly #config: EngineConfig;
  readonly #work = emptyPassWork();
  readonly #byIsl = new Map<number, number>();

  constructor(config: EngineConfig) {
    this.#config = config;
  }

  ms(isl: number, cachedTokens: number): number {
    if (cachedTokens > 0) return this.#compute(isl, Math.min(cachedTokens, isl - 1));
    let known = this.#byIsl.get(isl);
    if (known === undefined) {
      known = this.#compute(isl, 0);
      this.#byIsl.set(isl, known);
    }
    return known;
  }

  #compute(isl: number, cachedTokens: number): number {
    clearPassWork(this.#work);
    this.#work.prefillCount = 1;
    this.#work.prefillStartSum = cachedTokens;
    this.#work.prefillEndSum = isl;
    this.#work.chunkWorkMs = this.#config.timing.chunkWorkMs(cachedTokens, isl);
    return prefillPassMs(this.#config, this.#work);
  }
}

/** Whole ns, as DynoSim has it; 0 without a transfer model. */
export function transferMs(transfer: TransferModel | null, tokens: number): number {
  if (transfer === null) return 0;
  const ns = Math.round((tokens * transfer.bytesPerToken) / (transfer.bytesPerSecond / 1e9));
  return (ns / 1e9) * 1000;
}

/** Per request 1 where an idle deployment meets the TTFT: ttft(isl) + transfer ≤ SLA; others are not judged. */
export function feasibleRequests(spec: SimulationSpec, workload: Workload, idle: IdlePrefill): Uint8Array {
  const feasible = new Uint8Array(workload.count);
  for (let request = 0; request < workload.count; request++) {
    const isl = workload.isl[request]!;
    feasible[request] = idle.ms(isl, 0) + transferMs(spec.transfer, isl) <= spec.sla.ttftMs ? 1 : 0;
  }
  return feasible;
}
