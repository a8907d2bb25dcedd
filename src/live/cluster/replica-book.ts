import type { RoleName, ScalingEvent, WorkerLife } from "#src/record";

export interface RoleSeen {
  desired: number;
  ready: number;
}

/**
 * Lives of workers as far as an API server's counts tell: who is wanted, who is ready, and since when. Which of several equals it
 * is makes no difference to what is counted. Times in model ms of the run.
 */
export class ReplicaBook {
  readonly #lives: WorkerLife[] = [];
  readonly events: ScalingEvent[] = [];
  readonly #role: RoleName;
  #desired: number | null = null;
  #waiting: WorkerLife[] = [];
  #ready: WorkerLife[] = [];
  /** Not wanted any more, but counted among the ready until they have gone. */
  #draining: WorkerLife[] = [];

  constructor(role: RoleName) {
    this.#role = role;
  }

  /** @param atMs not before the last; what there is at first has been there all along */
  see({ desired, ready }: RoleSeen, atMs: number): void {
    if (this.#desired !== null && desired !== this.#desired) {
      const reason = "the deployment's replicas were changed";
      this.events.push({ atMs, role: this.#role, from: this.#desired, to: desired, reason });
    }
    this.#desired = desired;
    while (this.#waiting.length + this.#ready.length > desired) this.#dismiss(atMs);
    while (this.#waiting.length + this.#ready.length < desired) this.#create(atMs);
    while (this.#draining.length > 0 && this.#serving > ready) this.#draining.shift()!.removedMs = atMs;
    while (this.#serving > ready) this.#lose(atMs);
    while (this.#serving < ready && this.#waiting.length > 0) this.#becomeReady(atMs);
  }

  /** One that was never ready becomes so after the end, as far as the run is concerned. */
  lives(endMs: number): WorkerLife[] {
    return this.#lives.map((life) => ({ ...life, readyMs: Math.min(life.readyMs, endMs + 1) }));
  }

  counts(): { active: number; starting: number; draining: number } {
    return { active: this.#ready.length, starting: this.#waiting.length, draining: this.#draining.length };
  }

  get #serving(): number {
    return this.#ready.length + this.#draining.length;
  }

  #create(atMs: number): void {
    const id = this.#lives.length;
    const life = { role: this.#role, id, createdMs: atMs, readyMs: Number.POSITIVE_INFINITY };
    this.#lives.push({ ...life, drainingMs: null, removedMs: null });
    this.#waiting.push(this.#lives.at(-1)!);
  }

  #becomeReady(atMs: number): void {
    const life = this.#waiting.shift()!;
    life.readyMs = atMs;
    this.#ready.push(life);
  }

  /** The youngest goes, one that is not ready first. */
  #dismiss(atMs: number): void {
    const waiting = this.#waiting.pop();
    if (waiting !== undefined) {
      waiting.removedMs = atMs;
      return;
    }
    const life = this.#ready.pop()!;
    life.drainingMs = atMs;
    this.#draining.push(life);
  }

  /** One that is wanted is ready no longer: it has ended, and another one starts in its place. */
  #lose(atMs: number): void {
    this.#ready.pop()!.removedMs = atMs;
    this.#create(atMs);
  }
}
