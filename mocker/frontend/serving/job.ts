import type { RouteContext } from "#mocker/router";
import type { EndpointName } from "../metrics/metrics.ts";
import type { RequestTrack } from "../metrics/request-track.ts";
import type { StreamSink } from "../proxy/relay.ts";

/** One request on its way to a worker. */
export interface Job {
  /** `X-Request-Id`. */
  readonly id: string;
  /** Ours, since clients may send the same id twice. */
  readonly key: number;
  readonly endpoint: EndpointName;
  /** Where it goes at the worker. */
  readonly path: string;
  readonly model: string;
  readonly body: Buffer;
  /** Whether the body has this member. */
  has(member: string): boolean;
  readonly streams: boolean;
  /** Prompt tokens, over all prompts of the request. */
  readonly isl: number;
  /** The longest of its prompts: what has to fit. */
  readonly longestPrompt: number;
  /** Tokens asked for; null where the client left it open. */
  readonly osl: number | null;
  /** What the client says of its session and its urgency. */
  readonly routing: Pick<RouteContext, "session" | "priority" | "strictPriority" | "policyClass">;
  /** Names of the prompt's full blocks, for a block size; empty where no router wants them. */
  blocks(blockSize: number): ArrayLike<bigint>;
  /** Headers for the worker. */
  readonly headers: Record<string, string>;
  /** Aborted when the client leaves. */
  readonly signal: AbortSignal;
  readonly sink: StreamSink;
  readonly track: RequestTrack;
}
