import type { FaultRecord } from "#src/record";
import type { SimulatedWorker } from "../pool.ts";
import type { Stage } from "./stage.ts";
import type { TouchedRequests } from "./touched.ts";

interface Trouble {
  worker: SimulatedWorker;
  record: FaultRecord;
  /** Passes take so many times as long; Infinity: none begins. */
  factor: number;
}

/** Workers that are alive and yet not well: frozen ones begin no pass, slow ones take longer for each. */
export class EngineTroubles {
  readonly #stage: Stage;
  readonly #touched: TouchedRequests;
  readonly #troubles = new Set<Trouble>();
  /** Engines of frozen workers, and by how many faults. */
  readonly #frozen = new Map<number, number>();

  constructor(stage: Stage, touched: TouchedRequests) {
    this.#stage = stage;
    this.#touched = touched;
  }

  isFrozen(engine: number): boolean {
    return this.#frozen.has(engine);
  }

  /** A request has come to a worker. */
  placed(request: number, worker: SimulatedWorker): void {
    for (const trouble of this.#troubles) if (trouble.worker === worker) this.#touched.add(trouble.record, request);
  }

  /** @param factor Infinity freezes it @returns how to end it */
  begin(worker: SimulatedWorker, factor: number, record: FaultRecord): () => void {
    const trouble: Trouble = { worker, factor, record };
    this.#troubles.add(trouble);
    this.#apply(worker, (engine) => {
      if (factor === Number.POSITIVE_INFINITY) this.#frozen.set(engine, (this.#frozen.get(engine) ?? 0) + 1);
    });
    return () => {
      this.#troubles.delete(trouble);
      this.#apply(worker, (engine) => {
        if (factor !== Number.POSITIVE_INFINITY) return;
        const others = this.#frozen.get(engine)! - 1;
        if (others > 0) this.#frozen.set(engine, others);
        else this.#frozen.delete(engine);
      });
    };
  }

  /** The pass under way ends as it was begun; the next one knows. */
  #apply(worker: SimulatedWorker, change: (engine: number) => void): void {
    if (worker.state === "removed") return;
    const { simulation } = this.#stage;
    const { speedupRatio } = simulation.pool(worker.role)!.spec.engine;
    let factor = 1;
    for (const trouble of this.#troubles) {
      if (trouble.worker === worker && Number.isFinite(trouble.factor)) factor *= trouble.factor;
    }
    for (const engine of worker.engines) {
      this.#stage.touch(engine);
      change(engine);
      simulation.engines[engine]!.config.speedupRatio = speedupRatio / factor;
      this.#stage.wake(engine);
    }
  }
}
