import { type Lateness, LatenessMeter, type TimerQueue } from "#common";
import type { Planner } from "#planner/core";
import type { DeploymentSource } from "#planner/sources";
import type { LiveDeployment } from "./deployment.ts";
import type { LiveFaults } from "./faults/live-faults.ts";
import { LiveScaler, type ScalingStep } from "./scaler.ts";

export interface PlannerLoopOptions {
  planner: Planner;
  source: DeploymentSource;
  deployment: LiveDeployment;
  timers: TimerQueue;
  faults: LiveFaults | null;
}

/** Input of one instant comes after the tick of that instant, and workers that become ready before it, as in the simulator. */
const TICK_ORDER = -1;

/** Ticks at whole multiples of the planner's interval on the run's clock, and what they bring about. */
export class PlannerLoop {
  readonly scaler: LiveScaler;
  readonly problems: string[] = [];
  readonly #options: PlannerLoopOptions;
  readonly #late = new LatenessMeter();
  readonly #took = new LatenessMeter();
  /** Background work of ticks: start-ups and drains. */
  #under = new Set<Promise<void>>();
  #fail: (error: unknown) => void = () => {};
  #ticks = 0;
  #endMs = Number.POSITIVE_INFINITY;
  #current: Promise<void> = Promise.resolve();
  #ended: () => void = () => {};

  constructor(options: PlannerLoopOptions) {
    this.#options = options;
    const { faults, deployment } = options;
    this.scaler = new LiveScaler(deployment.pools, faults === null ? undefined : faults.start.bind(faults));
  }

  /** @param fail told what goes wrong */
  begin(fail: (error: unknown) => void): void {
    this.#fail = fail;
    this.#arm();
  }

  /** Ticks up to `endMs` happen, later ones don't; resolves when the last of them has been carried out. */
  async end(endMs: number): Promise<void> {
    this.#endMs = endMs;
    const last = Math.floor(endMs / this.#options.planner.intervalMs);
    if (this.#ticks < last) await new Promise<void>((resolve) => (this.#ended = resolve));
    await this.#current;
  }

  /** Real ms: lateness of ticks, and from a tick's time until its decision was carried out. */
  lag(): { late: Lateness; took: Lateness } {
    return { late: this.#late.read(), took: this.#took.read() };
  }

  async close(): Promise<void> {
    this.#endMs = Number.NEGATIVE_INFINITY;
    await this.#options.source.close();
  }

  #arm(): void {
    const { timers, planner } = this.#options;
    const atMs = (this.#ticks + 1) * planner.intervalMs;
    timers.at(
      atMs,
      () => {
        if (atMs > this.#endMs) return;
        this.#current = this.#tick(atMs).then(() => {
          this.#ticks++;
          if ((this.#ticks + 1) * planner.intervalMs > this.#endMs) this.#ended();
          this.#arm();
        }, this.#fail);
      },
      TICK_ORDER,
    );
  }

  async #tick(atMs: number): Promise<void> {
    const { deployment, planner, source, timers, faults } = this.#options;
    const { clock } = timers;
    const lateMs = () => (clock.nowMs() - atMs) / clock.timeScale;
    this.#late.add(lateMs());
    await deployment.announcedBy(atMs);
    const observation = await source.observe(atMs);
    for (const problem of source.problems) this.problems.push(`tick ${this.#ticks}: ${problem}`);
    const decision = faults === null ? planner.tick(observation) : faults.planner.tick(planner, observation);
    if (decision === null) return;
    if (faults?.planner.canAct(atMs) === false) {
      this.scaler.note(decision);
      return;
    }
    if (this.scaler.drains(decision)) await deployment.readOutstanding();
    await Promise.all(this.scaler.carryOut(decision, atMs).map((step) => this.#carryOut(step, atMs)));
    this.#took.add(lateMs());
  }

  async #carryOut({ kind, worker }: ScalingStep, atMs: number): Promise<void> {
    const { deployment, timers, faults } = this.#options;
    if (kind === "create") {
      if (faults === null) void deployment.create(worker, timers.clock.toUnixMs(worker.life.readyMs));
      else faults.create(worker);
    } else if (kind === "cancel") {
      this.#inBackground(deployment.cancel(worker));
    } else {
      const { gone } = await deployment.drain(worker);
      this.#inBackground(
        gone.then((unixMs) => {
          const goneMs = Math.max(atMs, timers.clock.fromUnixMs(unixMs));
          // It may have died before.
          if (worker.state !== "removed") deployment.pools[worker.role]!.remove(worker, goneMs);
        }),
      );
    }
  }

  #inBackground(work: Promise<void>): void {
    const tracked = work.catch(this.#fail).finally(() => this.#under.delete(tracked));
    this.#under.add(tracked);
  }
}
