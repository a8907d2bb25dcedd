import type { Role, Targets } from "#planner/core";
import type { Pace } from "../pace.ts";
import type { ScaleOutcome, ScaleStatus } from "../types.ts";
import { ApiFailure, ApiUnavailable } from "./failure.ts";
import { desiredOf, type Part, type View } from "./view.ts";

/** Attempts against somebody else who changes replicas at the same time. */
const ATTEMPTS = 6;
const CONFLICT_WAIT_MS = 100;
const ENDED = "this planner may act no longer";

export interface ChangeOptions {
  look: () => Promise<View>;
  pace: Pace;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Aborted: nothing more is written. */
  signal?: AbortSignal;
}

export interface Changed extends ScaleOutcome {
  /** Counts before, of the roles that have changed. */
  before: Partial<Targets>;
  /** As last seen; null where nothing could be seen. */
  view: View | null;
  /** The platform's refusal. */
  refusal: ApiFailure | null;
}

/**
 * Changes replicas of several roles so that no mixture of old and new is left behind. Components without an adapter change in one
 * request. Adapters and Deployments change one after the other, each only if it is as last seen, always in the roles' order: of two planners
 * the one that comes later overrides the earlier, never halves of both. A conflict is looked at anew and rolled forward; a refusal puts back what was
 * changed; a platform that falls silent leaves what is in force, which the outcome says.
 */
export class Change {
  readonly #options: ChangeOptions;
  readonly #targets: Partial<Targets>;
  /** Roles that this change has written. */
  readonly #written = new Set<Role>();
  readonly #before: Partial<Targets> = {};
  #view: View | null = null;
  /** As last seen or written. */
  #inForce: Partial<Targets> = {};
  #attempted = false;
  /** For requests that write. */
  readonly #call: { signal?: AbortSignal };

  constructor(targets: Partial<Targets>, options: ChangeOptions) {
    this.#targets = targets;
    this.#options = options;
    this.#call = options.signal === undefined ? {} : { signal: options.signal };
  }

  /** Never throws for what the platform answers. */
  async carryOut(): Promise<Changed> {
    try {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const outcome = await this.#attempt();
        if (outcome !== null) return outcome;
        const waitMs = CONFLICT_WAIT_MS * 2 ** attempt * (0.5 + this.#options.random());
        await this.#options.pace.sleep(waitMs, this.#options.signal);
      }
      return await this.#withdrawn("failed", "somebody else keeps changing the deployment at the same time");
    } catch (error) {
      if (error instanceof ApiUnavailable) {
        return this.#outcome("failed", this.#interrupted(this.#isEnded ? ENDED : error.message));
      }
      if (error instanceof ApiFailure) {
        return this.#withdrawn("refused", `the API server refuses: ${error.message}`, error);
      }
      throw error;
    }
  }

  get #isEnded(): boolean {
    return this.#options.signal?.aborted === true;
  }

  /** Null: somebody else changed something meanwhile. */
  async #attempt(): Promise<Changed | null> {
    const view = await this.#look();
    if (this.#isEnded) return this.#outcome("failed", this.#interrupted(ENDED));
    if (view.problems.length > 0) return this.#withdrawn("refused", view.problems.join("; "));
    const overridden = view.parts.find(
      ({ role, desired }) => this.#written.has(role) && desired !== this.#targets[role],
    );
    if (overridden !== undefined) {
      return this.#outcome("failed", `somebody else set ${overridden.role} to ${overridden.desired} meanwhile`);
    }
    const wanted = view.parts.filter(({ role, desired }) => (this.#targets[role] ?? desired) !== desired);
    if (wanted.length === 0) {
      return this.#attempted
        ? this.#outcome("applied", this.#said())
        : this.#outcome("unchanged", "these counts are asked for already");
    }
    const isBegun = this.#written.size > 0;
    if (!view.ready && !isBegun) return this.#outcome("not-ready", view.notReadyReason ?? "not ready");
    const refusal = wanted.map((part) => tooFew(part, this.#targets[part.role]!)).find((text) => text !== null);
    if (refusal) return this.#withdrawn("refused", refusal);
    for (const { role, desired } of wanted) this.#before[role] ??= desired;
    this.#attempted = true;
    if (!(await this.#write(view, wanted))) return null;
    return this.#outcome("applied", this.#said());
  }

  /** Whether all has been written; not, where somebody else came between. */
  async #write(view: View, wanted: readonly Part[]): Promise<boolean> {
    try {
      await this.#scale(view, wanted, this.#targets, (role) => this.#wrote(role));
      return true;
    } catch (error) {
      if (error instanceof ApiFailure && (await this.#isConflict(error, view))) return false;
      throw error;
    }
  }

  /** Those that change together first, then each of the others. @param written is told of each role */
  async #scale(
    view: View,
    parts: readonly Part[],
    counts: Partial<Targets>,
    written: (role: Role) => void,
  ): Promise<void> {
    const together = parts.filter(({ scale }) => scale === null);
    if (together.length > 0) {
      await view.together!.scale(new Map(together.map(({ role, name }) => [name, counts[role]!])), this.#call);
      for (const { role } of together) written(role);
    }
    for (const { role, scale } of parts) {
      if (scale === null) continue;
      await scale(counts[role]!, this.#call);
      written(role);
    }
  }

  /** A failed test of a JSON patch has the status of an invalid object: another look tells them apart. */
  async #isConflict(error: ApiFailure, view: View): Promise<boolean> {
    // What is gone is looked at anew, too.
    if (error.status === 409 || error.status === 404) return true;
    if (error.status !== 422 || this.#written.size > 0 || view.together === null) return false;
    return view.together.hasChanged();
  }

  /** Puts back what this change has written, as far as nobody else has changed it since. */
  async #withdrawn(status: ScaleStatus, message: string, refusal: ApiFailure | null = null): Promise<Changed> {
    const written = [...this.#written];
    if (written.length === 0) return this.#outcome(status, message, refusal);
    if (this.#isEnded) return this.#outcome("failed", this.#interrupted(`${message}; ${ENDED}`), refusal);
    const back = Object.fromEntries(written.map((role) => [role, this.#before[role]])) as Partial<Targets>;
    try {
      const view = await this.#look();
      const parts = view.parts.filter(({ role, desired }) => written.includes(role) && desired === this.#targets[role]);
      await this.#scale(view, parts, back, (role) => this.#putBack(role));
      return this.#outcome(status, `${message}; put back: ${written.join(", ")}`, refusal);
    } catch (error) {
      if (!(error instanceof ApiFailure || error instanceof ApiUnavailable)) throw error;
      return this.#outcome(status, `${this.#interrupted(message)}; it can't be put back: ${error.message}`, refusal);
    }
  }

  #interrupted(why: string): string {
    const written = [...this.#written].map((role) => `${role} is changed to ${this.#targets[role]}`);
    return written.length === 0 ? why : `${why}; ${written.join(", ")}, the rest is not`;
  }

  #said(): string {
    return (Object.entries(this.#before) as [Role, number][])
      .map(([role, count]) => `${role} ${count} → ${this.#targets[role]}`)
      .join(", ");
  }

  async #look(): Promise<View> {
    const view = await this.#options.look();
    this.#view = view;
    this.#inForce = desiredOf(view);
    return view;
  }

  #wrote(role: Role): void {
    this.#written.add(role);
    this.#inForce[role] = this.#targets[role]!;
  }

  #putBack(role: Role): void {
    this.#written.delete(role);
    this.#inForce[role] = this.#before[role]!;
  }

  #outcome(status: ScaleStatus, message: string, refusal: ApiFailure | null = null): Changed {
    return { status, message, inForce: this.#inForce, before: this.#before, view: this.#view, refusal };
  }
}

function tooFew({ role, name, minAvailable }: Part, count: number): string | null {
  if (minAvailable === null || count === 0 || count >= minAvailable) return null;
  return `found ${count} ${role} workers, expected 0 or at least minAvailable ${minAvailable} of ${name}`;
}
