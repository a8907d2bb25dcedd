import type { Pool } from "../pool.ts";
import type { Simulation } from "../simulation.ts";

/** What faults may do to a simulation. */
export interface Stage {
  readonly simulation: Simulation;
  /** Makes an engine ready to take a command now. */
  touch(engine: number): void;
  /** The engine is to forget the request. @returns false where its peers are under way, until whose end it waits */
  cancel(engine: number, request: number): boolean;
  /** Lets an engine begin a pass at this instant. */
  wake(engine: number): void;
  /** Nothing that the engine had begun will end. */
  bury(engine: number): void;
  route(pool: Pool, request: number): void;
  /** The request has left for good. */
  ended(request: number): void;
  /** The request leaves, and its client sends it once more at `atMs`. */
  again(request: number, atMs: number): void;
  at(atMs: number, act: () => void): void;
}
