import type { EngineFactory } from "#mocker/engine";
import {
  type ReportedRun,
  type RequestBlock,
  RequestStatus,
  type RoleName,
  type RunFacts,
  requestBlocks,
  type StoredRun,
} from "#src/record";
import { invariantsViolated } from "../errors.ts";
import type { Pool, SimulatedWorker } from "../pool.ts";
import type { SimulationResult, SimulationSpec } from "../types.ts";
import { CheckedEngine } from "./checked-engine.ts";
import { type InvariantNumber, Violations } from "./invariants.ts";

/** What is read of a simulation while it runs. */
interface WatchedRun {
  readonly nowMs: number;
  pool(role: RoleName): Pool | null;
}

/** Holds a run against the invariants: its engines while it goes on, its record when it is over. */
export class Checker {
  readonly #spec: SimulationSpec;
  readonly #violations = new Violations();
  readonly #engines: { engine: CheckedEngine; worker: SimulatedWorker }[] = [];
  /** Faults and impatient clients: what is lost is tried again. */
  readonly #isDisturbed: boolean;
  /** Engines that a request is on, by role. */
  readonly #places: Record<RoleName, Uint8Array>;
  #lastMs = 0;

  constructor(spec: SimulationSpec) {
    this.#spec = spec;
    this.#isDisturbed = (spec.faults ?? []).length > 0 || (spec.clients ?? null) !== null;
    const { count } = spec.workload;
    this.#places = { prefill: new Uint8Array(count), decode: new Uint8Array(count) };
  }

  /** Makes engines that are watched, for a pool of a run that may not be there yet. */
  engines(role: RoleName, make: EngineFactory, runOf: () => WatchedRun): EngineFactory {
    const { workload } = this.#spec;
    const places = this.#places[role];
    return (config, listener) => {
      const run = runOf();
      const worker = run.pool(role)!.workers.at(-1)!;
      const where = `${role}/${worker.id}`;
      const engine = new CheckedEngine(make, config, listener, {
        nowMs: () => this.#time(run.nowMs),
        isl: (request) => workload.isl[request]!,
        osl: (request) => workload.osl[request]!,
        sharedContent: workload.prompts !== null,
        // Data-parallel ranks wait for one another.
        undisturbed: !this.#isDisturbed && run.pool(role)!.spec.dpSize === 1,
        takesRequests: () => worker.state === "active",
        violated: (invariant, what, atMs) => this.#add(invariant, atMs ?? run.nowMs, where, what),
        entered: (request) => {
          if (++places[request]! > 1)
            this.#add(1, run.nowMs, where, `request ${request} is on ${places[request]} engines`);
        },
        left: (request) => {
          places[request]!--;
        },
      });
      this.#engines.push({ engine, worker });
      return engine;
    };
  }

  /** @param wasGivenUp before its end @throws UserError SIMULATOR_INVARIANTS that names every number that was violated */
  finish(result: SimulationResult | StoredRun, wasGivenUp = false): void {
    this.#requests(result, wasGivenUp);
    this.#tokens(result);
    this.#workers(result);
    if (this.#violations.count > 0) throw invariantsViolated(this.#spec.name, this.#violations.lines());
  }

  #add(invariant: InvariantNumber, atMs: number, where: string, what: string): void {
    this.#violations.add({ invariant, atMs, where, what });
  }

  #time(nowMs: number): number {
    if (nowMs < this.#lastMs) this.#add(8, nowMs, "the clock", `it went back from ${this.#lastMs} ms`);
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    return nowMs;
  }

  /** 1 and 5: every request that was sent came to one end, in the order of its stations. */
  #requests(run: SimulationResult | StoredRun, wasGivenUp: boolean): void {
    const { workers, endMs } = run;
    let unfinished = 0;
    for (const block of requestBlocks(run)) unfinished += this.#stations(block, endMs);
    const isCut = wasGivenUp || (this.#spec.endMs !== undefined && endMs >= this.#spec.endMs);
    const onEngines = new Set(
      this.#engines.flatMap(({ engine, worker }) => (worker.state === "removed" ? [] : engine.requests)),
    ).size;
    if (onEngines > unfinished) {
      this.#add(1, endMs, "the run", `${onEngines} requests are on engines, ${unfinished} have no end`);
    }
    const isServed = workers.some(
      ({ readyMs, drainingMs, removedMs }) => readyMs <= endMs && (drainingMs ?? removedMs) === null,
    );
    if (!isCut && isServed && !this.#isDisturbed && unfinished > 0) {
      this.#add(
        6,
        endMs,
        "the run",
        `${unfinished} requests have no end, ${unfinished - onEngines} of them on no engine`,
      );
    }
  }

  /** @returns how many have no end */
  #stations({ first: firstRow, requests: table }: RequestBlock, endMs: number): number {
    let unfinished = 0;
    for (let i = 0; i < table.count; i++) {
      const where = `request ${firstRow + i}`;
      const status = table.status[i];
      if (status === RequestStatus.unfinished) unfinished++;
      const [arrival, admit, first, second, last] = [
        table.arrivalMs[i]!,
        table.admitMs[i]!,
        table.firstTokenMs[i]!,
        table.secondTokenMs[i]!,
        table.lastTokenMs[i]!,
      ];
      // What was tried again has stations of several attempts.
      const all = this.#isDisturbed ? [arrival, last] : [arrival, admit, first, second, last];
      const stations = all.filter((ms) => !Number.isNaN(ms));
      const ordered = stations.every((ms, k) => k === 0 || ms >= stations[k - 1]!);
      const output = table.firstOutputTokenMs?.[i] ?? Number.NaN;
      if (first > output || output > last)
        this.#add(
          5,
          output,
          where,
          `its first token that is not reasoning is at ${output} ms, of ${first} to ${last} ms`,
        );
      const isAllReasoning = table.reasoningTokens?.[i] === table.outputTokens[i];
      if (
        status === RequestStatus.completed &&
        table.reasoningTokens !== null &&
        Number.isNaN(output) !== isAllReasoning
      )
        this.#add(2, last, where, `its first token that is not reasoning is at ${output} ms`);
      if (!ordered) this.#add(5, arrival, where, `its stations are at ${stations.join(", ")} ms`);
      if (stations.some((ms) => ms > endMs)) this.#add(5, endMs, where, `something happened after the end of the run`);
      const isDone = status === RequestStatus.completed;
      if (isDone !== !Number.isNaN(last))
        this.#add(1, endMs, where, `its last token is at ${last} ms and its status is ${status}`);
      if (isDone && (Number.isNaN(admit) || Number.isNaN(first)))
        this.#add(5, last, where, "it ended without a beginning");
      if (isDone && table.outputTokens[i]! > 1 && Number.isNaN(second))
        this.#add(2, last, where, "it has no second token");
    }
    return unfinished;
  }

  /** 2: what was asked for was computed, and every token but the first of each request has a gap before it. */
  #tokens(run: ReportedRun): void {
    const { engine, endMs } = run;
    let prompts = 0;
    let gaps = 0;
    let open = this.#isDisturbed;
    for (const { requests: table } of requestBlocks(run)) {
      for (let i = 0; i < table.count; i++) {
        if (table.status[i] === RequestStatus.completed) {
          prompts += Math.max(0, table.isl[i]! - table.cachedTokens[i]!);
          gaps += table.outputTokens[i]! - 1;
        } else if (!Number.isNaN(table.firstTokenMs[i]!)) open = true;
      }
    }
    if (engine.scheduledPrefillTokens < prompts)
      this.#add(
        2,
        endMs,
        "the run",
        `${engine.scheduledPrefillTokens} prompt tokens were computed, at least ${prompts} had to be`,
      );
    const told = this.#engines.reduce((sum, { engine: { gaps: own } }) => sum + own, 0);
    if (open ? told < gaps : told !== gaps)
      this.#add(
        2,
        endMs,
        "the run",
        `${told} gaps between tokens were told, expected ${open ? "at least " : ""}${gaps}`,
      );
  }

  /** 10: created, ready, draining, removed, in this order and within the run. */
  #workers({ workers, endMs }: RunFacts): void {
    for (const { role, id, createdMs, readyMs, drainingMs, removedMs } of workers) {
      const where = `${role}/${id}`;
      const leftMs = removedMs ?? endMs;
      const isOrdered =
        createdMs >= 0 &&
        createdMs <= readyMs &&
        createdMs <= leftMs &&
        (drainingMs === null || (drainingMs >= createdMs && drainingMs <= leftMs));
      if (!isOrdered || leftMs > endMs)
        this.#add(
          10,
          leftMs,
          where,
          `created at ${createdMs}, ready at ${readyMs}, draining at ${drainingMs}, removed at ${removedMs} ms`,
        );
    }
  }
}
