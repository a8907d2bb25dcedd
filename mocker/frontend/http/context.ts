import type { Clock } from "#common";
import type { Tokenizer } from "#mocker/text";
import type { Fleet } from "../fleet/fleet.ts";
import type { FrontendMetrics } from "../metrics/metrics.ts";
import type { RequestEvents } from "../metrics/request-events.ts";
import type { Sla } from "../metrics/request-track.ts";
import type { RequestDispatcher } from "../serving/dispatcher.ts";
import type { InFlight } from "../serving/in-flight.ts";
import type { WaitingRoom } from "../serving/waiting-room.ts";

/** All that handlers of requests need. */
export interface FrontendContext {
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly room: WaitingRoom;
  readonly inFlight: InFlight;
  readonly dispatcher: RequestDispatcher;
  readonly metrics: FrontendMetrics;
  readonly events: RequestEvents;
  readonly sla: Sla;
  readonly tokenizer: Tokenizer;
  /** Some router wants the names of prompts' blocks. */
  readonly namesBlocks: boolean;
  /** Sent with everything to workers. */
  readonly workerHeaders: Record<string, string>;
  readonly apiKeys: readonly string[];
  draining: boolean;
}
