import type { TraceOptions } from "./traces/options.ts";

/** How the request rate goes over the time of an entry; rates in requests/s, times in ms from the entry's start. */
export type RateShape =
  | { kind: "constant"; rate: number }
  /** Straight line over the whole duration. */
  | { kind: "ramp"; from: number; to: number }
  /** Each rate holds from its time to the next one's; the first begins at 0. */
  | { kind: "steps"; steps: { atMs: number; rate: number }[] }
  /** Straight lines between the points; the last rate holds. */
  | { kind: "points"; points: { atMs: number; rate: number }[] }
  /** (min+max)/2 + (max−min)/2 · sin(2π(t/period + phase) − π/2): phase 0 starts at the minimum, 0.5 at the maximum. */
  | { kind: "sinusoid"; min: number; max: number; periodMs: number; phase: number }
  /** `peak` for `lengthMs` from each start, else `base`. */
  | { kind: "burst"; base: number; peak: number; startsMs: number[]; lengthMs: number }
  /** base + Σ height · exp(−½((hour − h)/width)²), hour 0..24 of a day that takes `dayMs`. */
  | ({ kind: "diurnal"; dayMs: number; weekend?: Weekend } & DayShape)
  /** From each start a straight rise to `peak` in `riseMs`, then an exponential fall back to `base`; crowds add up. */
  | { kind: "flashCrowd"; base: number; peak: number; startsMs: number[]; riseMs: number; decayMs: number }
  /** Markov-modulated Poisson process: exponential stays, then another state (evenly among the others). Starts in the first. */
  | { kind: "mmpp"; states: { rate: number; meanStayMs: number }[] };

export interface DayShape {
  base: number;
  peaks: { hour: number; height: number; widthHours: number }[];
}

/** Saturdays and Sundays, where they are unlike the other days. */
export interface Weekend extends DayShape {
  /** Day of the week on which the entry begins: 0 is Monday. */
  firstDay: number;
}

/** How arrivals scatter around the rate. */
export type Arrivals =
  | { kind: "poisson" }
  /** Renewal process in operational time with gamma gaps of this coefficient of variation. */
  | { kind: "gamma"; cv: number }
  /** Evenly spaced, the first at the start. */
  | { kind: "constant" }
  /** Per step a Poisson count, spread evenly over the step, at whole ms (Dynamo's sinusoidal load generator). */
  | { kind: "binned"; stepMs: number };

/** A distribution of lengths (tokens), counts or times (ms). */
export type Distribution =
  | { kind: "fixed"; value: number }
  | { kind: "uniform"; min: number; max: number }
  | { kind: "normal"; mean: number; deviation: number }
  /** exp(normal) with deviation `sigma` of the logarithm and this mean. */
  | { kind: "lognormal"; mean: number; sigma: number }
  | { kind: "exponential"; mean: number }
  /** By its quantiles: geometric between two points above 0, straight else. `q` rises from 0 to 1, `value` never falls. */
  | { kind: "quantiles"; points: { q: number; value: number }[] }
  /** One after the other, and again from the first. */
  | { kind: "list"; values: number[] }
  | { kind: "mixture"; parts: { weight: number; of: Distribution }[] };

/** A share of the requests, fixed or on a sinusoid that starts at `min`; null: what the others leave. */
export type Share = number | { min: number; max: number; periodMs: number } | null;

/** Requests of one kind. */
export interface Pattern {
  share: Share;
  isl: Distribution;
  osl: Distribution;
  /** Spearman's rank correlation of the two (−1..1), by a Gaussian copula; absent: they are independent. */
  correlation?: number;
}

/** What prompts have in common. */
export type PrefixSharing =
  /** Each session belongs to a random group; its prompts begin with the group's tokens. */
  | { kind: "groups"; groups: number; tokens: number }
  /** The same, with a share (0..1) of each first prompt's blocks. */
  | { kind: "ratio"; groups: number; ratio: number }
  /** Every block is drawn from a pool; prompts agree as far as their draws do (Dynamo's sinusoidal load generator). */
  | { kind: "pool"; blocks: number }
  /**
   * Each first prompt begins with the same `tokens`, and goes on as one of the latest `window` did: a drawn share (0..1) of its
   * other blocks is that one's. `correlation`: Spearman's, of the share with the prompt's length.
   */
  | { kind: "reuse"; tokens: number; share: Distribution; window: number; correlation: number };

/** Several requests one after the other, the next one some time after the end of the one before. */
export interface SessionShape {
  turns: Distribution;
  thinkMs: Distribution;
  /** Tokens that a later prompt adds; absent: as many as a first prompt has. */
  growth?: Distribution;
  /** `grow`: a later prompt is all of the conversation plus ISL new tokens. `none`: prompts are independent. */
  history: "grow" | "none";
  /** A session ends before a prompt of it would get longer than this, tokens. */
  maxIsl: number | null;
}

/** Runs of an agent: requests with tools between them, and sub-agents whose ends the next request waits for. */
export interface AgentShape {
  /** Requests of the agent itself. */
  turns: Distribution;
  /** From the end of an answer to the next request. */
  toolWaitMs: Distribution;
  /** Tokens that each request adds to the conversation, beside the answer before. */
  growth: Distribution;
  /** A run ends before a prompt of it would get longer than this, tokens. */
  maxIsl: number | null;
  subagents: {
    /** Share of the agent's requests that begin some (0..1). */
    share: number;
    /** How many at once. */
    count: Distribution;
    turns: Distribution;
    /** Prompt tokens of their first requests; absent: as those of the agent. */
    isl?: Distribution | undefined;
  } | null;
}

/** What the requests of an entry are made of. */
export interface Content {
  /** At least one. */
  patterns: Pattern[];
  sessions: SessionShape | null;
  /** Instead of sessions. */
  agents?: AgentShape;
  prefix: PrefixSharing | null;
  /** Tokens per content block of the prompts made here; the engine's block size should divide it. */
  blockTokens: number;
}

/** Requests that arrive at a rate, whatever the deployment does. */
export interface OpenEntry {
  kind: "open";
  /** Whose traffic it is; absent: nobody's in particular. */
  tenant?: string;
  startMs: number;
  durationMs: number;
  rate: RateShape;
  arrivals: Arrivals;
  content: Content;
}

/** A number of sessions kept in flight. Ends after `requests` sessions, or when the duration is over, or both. */
export interface ClosedEntry {
  kind: "closed";
  /** Whose traffic it is; absent: nobody's in particular. */
  tenant?: string;
  startMs: number;
  durationMs: number | null;
  requests: number | null;
  concurrency: number;
  content: Content;
}

export interface TraceEntry {
  kind: "trace";
  /** Whose traffic it is; absent: nobody's in particular. */
  tenant?: string;
  startMs: number;
  /** Path, absolute or relative to the working directory. */
  file: string;
  options: TraceOptions;
  /** Sessions in flight, in the trace's order, instead of its times; absent: its times. */
  concurrency?: number;
}

/** Entries one after the other: each starts where the one before ends. */
export interface SequenceEntry {
  kind: "sequence";
  startMs: number;
  entries: TrafficEntry[];
}

/** One part of the traffic. The parts of a list overlay each other. */
export type TrafficEntry = OpenEntry | ClosedEntry | TraceEntry | SequenceEntry;
