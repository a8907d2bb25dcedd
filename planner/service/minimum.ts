import { didYouMean } from "#common";
import type { Planner, Role, Targets } from "#planner/core";

/** A request that can't be granted, as Dynamo's control API answers it. */
export class ControlRefused extends Error {
  readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 422 | 500 | 503;

  constructor(status: ControlRefused["status"], message: string) {
    super(message);
    this.status = status;
  }
}

export interface MinimumOptions {
  mode: "disagg" | "prefill" | "decode" | "agg";
  initial: Targets;
  gpusPerWorker: Targets;
  /** Null: no limit. */
  maxGpus: number | null;
  powerPerWorker?: { prefill: number | null; decode: number | null };
  powerLimitWatts?: number | null;
}

/** Most replicas that anybody may ask for. */
const MOST = 100_000;

/** Workers that always remain, changed while the planner runs; kept by this process alone. */
export class MinimumEndpoints {
  readonly #planner: Pick<Planner, "strategy" | "setMinimum">;
  readonly #options: MinimumOptions;
  #current: Targets;

  constructor(planner: Pick<Planner, "strategy" | "setMinimum">, options: MinimumOptions) {
    this.#planner = planner;
    this.#options = options;
    this.#current = { ...options.initial };
  }

  /** The active fields, by their names in Dynamo's configuration. */
  read(): Record<string, number | string> {
    const { mode } = this.#options;
    const fields = this.#fields().map(([field, role]): [string, number] => [field, this.#current[role]]);
    return { mode, ...Object.fromEntries(fields) };
  }

  /**
   * All of a change, or nothing of it; it counts from the next tick on.
   * @throws ControlRefused 400 for what is no change, 422 for one that can't be
   */
  change(body: unknown): Record<string, number | string> {
    if (typeof body !== "object" || body === null || Array.isArray(body)) {
      throw new ControlRefused(
        400,
        `found ${kindOf(body)}, expected an object such as {"${this.#fields()[0]![0]}": 2}`,
      );
    }
    const entries = Object.entries(body);
    if (entries.length === 0) throw new ControlRefused(400, "found no field, expected at least one");
    const next = { ...this.#current };
    for (const [field, value] of entries) next[this.#roleOf(field)] = this.#valueOf(field, value);
    this.#checkFootprint(next);
    if (this.#planner.setMinimum === undefined) {
      throw new ControlRefused(422, `strategy ${this.#planner.strategy} takes no other minimum while it runs`);
    }
    this.#planner.setMinimum(next);
    this.#current = next;
    return this.read();
  }

  /** Fields of the mode, and the role that each is of. */
  #fields(): [string, Role][] {
    const { mode } = this.#options;
    if (mode === "agg") return [["min_endpoint", "decode"]];
    const all: [string, Role][] = [
      ["prefill_min_endpoint", "prefill"],
      ["decode_min_endpoint", "decode"],
    ];
    return mode === "disagg" ? all : all.filter(([, role]) => role === mode);
  }

  #roleOf(field: string): Role {
    const active = this.#fields();
    const found = active.find(([name]) => name === field);
    if (found !== undefined) return found[1];
    const names = active.map(([name]) => name);
    if (["min_endpoint", "prefill_min_endpoint", "decode_min_endpoint"].includes(field)) {
      throw new ControlRefused(422, `${field} is not of mode ${this.#options.mode}, expected ${names.join(" or ")}`);
    }
    const near = didYouMean(field, names);
    throw new ControlRefused(
      400,
      `found field ${JSON.stringify(field.slice(0, 60))}, expected ${names.join(" or ")}${near ? `; ${near}` : ""}`,
    );
  }

  #valueOf(field: string, value: unknown): number {
    const least = this.#options.mode === "agg" ? 0 : 1;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= MOST) return value;
    throw new ControlRefused(
      422,
      `${field}: found ${JSON.stringify(value)?.slice(0, 60)}, expected a whole number from ${least} to ${MOST}`,
    );
  }

  #checkFootprint(next: Targets): void {
    const { gpusPerWorker, maxGpus, powerPerWorker, powerLimitWatts } = this.#options;
    const roles = this.#fields().map(([, role]) => role);
    const gpus = roles.reduce((sum, role) => sum + next[role] * gpusPerWorker[role], 0);
    if (maxGpus !== null && gpus > maxGpus) {
      throw new ControlRefused(422, `these minimums need ${gpus} GPUs, the budget is ${maxGpus} (max_gpu_budget)`);
    }
    if (powerLimitWatts === undefined || powerLimitWatts === null || powerPerWorker === undefined) return;
    const watts = roles.reduce((sum, role) => sum + next[role] * (powerPerWorker[role] ?? 0), 0);
    if (watts > powerLimitWatts) {
      throw new ControlRefused(
        422,
        `these minimums need ${watts} W, the limit is ${powerLimitWatts} W (total_gpu_power_limit)`,
      );
    }
  }
}

function kindOf(body: unknown): string {
  if (body === null || body === undefined) return "nothing";
  return Array.isArray(body) ? "a list" : `a ${typeof body}`;
}
