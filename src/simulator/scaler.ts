import type { Decision, Observation } from "#planner/core";
import type { RoleName, Sample, ScalingEvent } from "#src/record";
import { forwardPasses } from "./forward-passes.ts";
import { chooseVictims, noteDecision, scalingEvent } from "./scaling-rules.ts";
import type { Simulation } from "./simulation.ts";

const ROLES: readonly RoleName[] = ["prefill", "decode"];
const NO_WORKERS = { active: 0, starting: 0, draining: 0 };

/** The planner's eyes and hands: makes observations of the simulation, carries out decisions. */
export class Scaler {
  readonly decisions: Decision[] = [];
  readonly events: ScalingEvent[] = [];
  readonly #simulation: Simulation;
  #lastTickMs = 0;
  #lastPrefillMs = 0;
  #lastDrafts = { drafts: 0, accepted: 0 };

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  tick(): void {
    const { faults, spec } = this.#simulation;
    const observation = this.#observe();
    const made = faults === null ? spec.planner!.tick(observation) : faults.tick(spec.planner!, observation);
    if (made === null) return;
    const decision = noteDecision(this.decisions, made);
    if (faults?.canScale === false) return;
    for (const role of ROLES) {
      const pool = this.#simulation.pool(role);
      if (pool === null) continue;
      const event = scalingEvent(decision, role, pool.counts(), this.#simulation.nowMs);
      if (event === null) continue;
      this.events.push(event);
      this.#scale(role, event.to - event.from);
    }
  }

  sample(): Sample {
    const simulation = this.#simulation;
    let kvShare = 0;
    let kvWorkers = 0;
    let prefillQueueTokens = 0;
    let runningRequests = 0;
    for (const role of ROLES) {
      const pool = simulation.pool(role);
      if (pool === null) continue;
      const capacityTokens = pool.spec.engine.numGpuBlocks * pool.spec.engine.blockSize;
      for (const worker of pool.workers) {
        if (worker.state !== "active" && worker.state !== "draining") continue;
        for (const engine of worker.engines) {
          const load = simulation.engines[engine]!.load(simulation.nowMs);
          runningRequests += load.running;
          prefillQueueTokens += load.queuedPrefillTokens;
          if (role === "decode") {
            kvShare += load.kvTokens / capacityTokens;
            kvWorkers++;
          }
        }
      }
    }
    return {
      prefill: simulation.prefillPool?.counts() ?? NO_WORKERS,
      decode: simulation.decodePool.counts(),
      kvUsage: kvWorkers === 0 ? 0 : kvShare / kvWorkers,
      prefillQueueTokens,
      runningRequests,
    };
  }

  #observe(): Observation {
    const { nowMs, engines, prefillPool, decodePool, observer, spec } = this.#simulation;
    const window = observer.take();
    let prefillMs = 0;
    let drafts = 0;
    let accepted = 0;
    for (const { counters } of engines) {
      prefillMs += counters.prefillMs;
      drafts += counters.drafts;
      accepted += counters.acceptedDraftTokens;
    }
    const before = this.#lastDrafts;
    this.#lastDrafts = { drafts, accepted };
    const observation: Observation = {
      ...window,
      nowMs,
      windowMs: nowMs - this.#lastTickMs,
      prefillMeasuredS: (prefillMs - this.#lastPrefillMs) / 1000,
      workers: { prefill: prefillPool?.counts() ?? NO_WORKERS, decode: decodePool.counts() },
      prefillLoad:
        prefillPool?.active.map((worker) => {
          const loads = worker.engines.map((engine) => engines[engine]!.load(nowMs));
          return {
            workerId: worker.id,
            queuedRequests: loads.reduce((sum, load) => sum + load.waiting, 0),
            queuedTokens: loads.reduce((sum, load) => sum + load.queuedPrefillTokens, 0),
          };
        }) ?? null,
      decodeLoad: decodePool.active.map((worker) => {
        const loads = worker.engines.map((engine) => engines[engine]!.load(nowMs));
        const last = loads.map((load) => load.lastPassMs).filter((ms) => !Number.isNaN(ms));
        return {
          workerId: worker.id,
          batch: loads.reduce((sum, load) => sum + load.running, 0),
          kvTokens: loads.reduce((sum, load) => sum + load.kvTokens, 0),
          itlMs: last.length === 0 ? null : last.reduce((sum, ms) => sum + ms, 0) / last.length,
        };
      }),
      // Of each draft one token more comes out than was accepted.
      ...(drafts > before.drafts ? { acceptLength: 1 + (accepted - before.accepted) / (drafts - before.drafts) } : {}),
      ...(spec.planner?.needsForwardPasses === true
        ? {
            forwardPasses: {
              prefill: prefillPool && forwardPasses(prefillPool, engines, nowMs),
              decode: forwardPasses(decodePool, engines, nowMs),
            },
          }
        : {}),
    };
    this.#lastTickMs = nowMs;
    this.#lastPrefillMs = prefillMs;
    return observation;
  }

  #scale(role: RoleName, change: number): void {
    const simulation = this.#simulation;
    const pool = simulation.pool(role)!;
    for (let i = 0; i < change; i++) simulation.startWorker(pool);
    if (change >= 0) return;
    for (const worker of chooseVictims(pool.workers, -change, simulation.spec.quirks.highestIdsDrain)) {
      if (worker.state === "starting") {
        pool.remove(worker, simulation.nowMs);
        simulation.desk.workerRemoved(worker);
      } else {
        pool.drain(worker, simulation.nowMs);
        simulation.removeIfDrained(worker);
      }
    }
  }
}
