import { randomStream } from "#common";
import { hintsOf, type RequestHints, routingHints, type Workload } from "#scenarios/workload";
import { arrivalTimes } from "./arrivals.ts";
import { ContentWriter } from "./content.ts";
import { distributionMean } from "./distributions.ts";
import { badTraffic } from "./errors.ts";
import { mergeWorkloads } from "./merge.ts";
import { rateCurve } from "./rate-curve.ts";
import { asClosedLoop } from "./reshape.ts";
import type { TraceOptions } from "./traces/options.ts";
import { readTraceFile } from "./traces/read-trace.ts";
import type { AgentShape, ClosedEntry, OpenEntry, TraceEntry, TrafficEntry } from "./traffic.ts";

export interface BuildOptions {
  seed: number | string;
  /** How trace files are read; from disk by default. */
  readTrace?: (file: string, options: TraceOptions) => Workload;
  /** What tenants tell routers, by name, where a request tells nothing itself. */
  tenantHints?: Readonly<Record<string, RequestHints>>;
  /** Names the place of an entry such as `traffic[0]` in messages. */
  locate?: (path: string) => string;
}

/** Fastest an engine is expected to answer, per output token: nothing on the market decodes faster than 1 ms a token. */
const FASTEST_TOKEN_MS = 1;
/** Requests of one entry that memory can hold. */
const MAX_REQUESTS = 20_000_000;
/** Pieces of a rate curve, bins of arrivals. */
const MAX_PIECES = 5_000_000;

/**
 * All requests of a list of traffic entries. Same entries and seed → same bytes. An entry's draws depend on its place in the
 * list and the seed alone, so entries may be appended without changing the others.
 * @throws UserError SCENARIOS_BAD_TRAFFIC, SCENARIOS_TRACE_…
 */
export function buildWorkload(traffic: readonly TrafficEntry[], options: BuildOptions): Workload {
  return mergeWorkloads(traffic.flatMap((entry, i) => parts(entry, String(i), 0, options)));
}

interface Part {
  workload: Workload;
  startMs: number;
}

function parts(entry: TrafficEntry, name: string, offsetMs: number, options: BuildOptions): Part[] {
  const startMs = offsetMs + entry.startMs;
  switch (entry.kind) {
    case "open":
      return [{ workload: named(openWorkload(entry, name, options), entry.tenant, options), startMs }];
    case "closed":
      return [{ workload: named(closedWorkload(entry, name, options), entry.tenant, options), startMs }];
    case "trace":
      return [{ workload: named(traceWorkload(entry, name, options), entry.tenant, options), startMs }];
    case "sequence": {
      let atMs = startMs;
      return entry.entries.flatMap((child, i) => {
        const made = parts(child, `${name}.${i}`, atMs, options);
        for (const { workload, startMs: childStart } of made) atMs = Math.max(atMs, childStart + workload.horizonMs);
        if (i + 1 < entry.entries.length && made.some(({ workload }) => endsByItself(workload))) {
          throw badTraffic(
            place(`${name}.${i}`, options),
            "a closed loop that only ends with its last request cannot be followed by another entry",
            "give it a duration, or put it last",
          );
        }
        return made;
      });
    }
  }
}

/** The workload of a tenant; without one, classes that a trace's rows name are in its place. */
function named(workload: Workload, tenant: string | undefined, { tenantHints = {} }: BuildOptions): Workload {
  const { count, hints } = workload;
  if (tenant === undefined) {
    if (hints === undefined || hints.classNames.length === 0) return workload;
    return { ...workload, tenants: { names: hints.classNames, of: hints.classOf } };
  }
  const own = Object.hasOwn(tenantHints, tenant) ? tenantHints[tenant] : undefined;
  const told = routingHints(count, (request) => ({ ...own, ...(hints && hintsOf(hints, request)) }));
  return {
    ...workload,
    tenants: { names: [tenant], of: new Int32Array(count) },
    ...(told === undefined ? {} : { hints: told }),
  };
}

function endsByItself(workload: Workload): boolean {
  return workload.closedLoops.some((loop) => loop.endMs === Number.POSITIVE_INFINITY);
}

function openWorkload(entry: OpenEntry, name: string, options: BuildOptions): Workload {
  const stream = (subject: string) => randomStream(options.seed, `traffic/${name}/${subject}`);
  checkSize(entry, name, options);
  const curve = rateCurve(entry.rate, entry.durationMs, stream("states"));
  const expected = curve.cumulative(entry.durationMs);
  if (expected > MAX_REQUESTS) {
    throw badTraffic(
      place(name, options),
      `found about ${Math.round(expected)} requests, expected at most ${MAX_REQUESTS}`,
      "lower the rate or the duration",
    );
  }
  const times = arrivalTimes(entry.arrivals, curve, entry.durationMs, stream("arrivals"));
  const writer = new ContentWriter(entry.content, options.seed, name);
  for (const atMs of times) writer.session(atMs, atMs);
  const { heads, ...columns } = writer.finish();
  return { ...columns, openHeads: heads, closedLoops: [], horizonMs: entry.durationMs };
}

function closedWorkload(entry: ClosedEntry, name: string, options: BuildOptions): Workload {
  const writer = new ContentWriter(entry.content, options.seed, name);
  const sessions = entry.requests ?? stock(entry, name, options);
  for (let i = 0; i < sessions; i++) writer.session(Number.NaN, 0);
  const { heads, ...columns } = writer.finish();
  const endMs = entry.durationMs ?? Number.POSITIVE_INFINITY;
  return {
    ...columns,
    openHeads: new Int32Array(0),
    closedLoops: [{ concurrency: entry.concurrency, heads, startMs: 0, endMs }],
    horizonMs: entry.durationMs ?? 0,
  };
}

/** Sessions enough for a loop that ends by time, however fast the engines are. */
function stock(entry: ClosedEntry, name: string, options: BuildOptions): number {
  const { patterns, sessions, agents } = entry.content;
  const meanOsl = Math.min(...patterns.map((pattern) => distributionMean(pattern.osl)));
  const steps = sessions ?? agents ?? null;
  const turns = steps === null ? 1 : distributionMean(steps.turns);
  // Runs that end early for their prompts' length have fewer waits than turns.
  const toolWaitMs = agents?.maxIsl === null ? distributionMean(agents.toolWaitMs) : 0;
  const waitMs = sessions === null ? toolWaitMs : distributionMean(sessions.thinkMs);
  const sessionMs = Math.max(1, turns * meanOsl * FASTEST_TOKEN_MS + (turns - 1) * waitMs);
  const count = entry.concurrency * (1 + Math.ceil((1.1 * entry.durationMs!) / sessionMs));
  if (count * (turns + (turns - 1) * subagentRequests(agents)) > MAX_REQUESTS) {
    throw badTraffic(
      place(name, options),
      `a closed loop of ${entry.concurrency} for ${entry.durationMs} ms may need ${count} sessions, too many to hold`,
      "give requests: N as well, or a shorter duration",
    );
  }
  return count;
}

/** Requests of sub-agents between two of an agent's own, on average. */
function subagentRequests(agents: AgentShape | undefined): number {
  if (!agents?.subagents) return 0;
  const { share, count, turns } = agents.subagents;
  return share * distributionMean(count) * distributionMean(turns);
}

/** Refuses shapes whose description alone would fill the memory. */
function checkSize(entry: OpenEntry, name: string, options: BuildOptions): void {
  const stepMs =
    entry.rate.kind === "mmpp" ? Math.min(...entry.rate.states.map((state) => state.meanStayMs)) : entry.durationMs;
  const binMs = entry.arrivals.kind === "binned" ? entry.arrivals.stepMs : entry.durationMs;
  const pieces = entry.durationMs / Math.min(stepMs, binMs);
  if (pieces <= MAX_PIECES) return;
  throw badTraffic(
    place(name, options),
    `found about ${Math.round(pieces)} stays or bins, expected at most ${MAX_PIECES}`,
    "use longer ones or a shorter duration",
  );
}

/** `traffic[1].sequence[2]` for the entry called `1.2`, or where that stands in its file. */
function place(name: string, options: BuildOptions): string {
  const path = `traffic${name
    .split(".")
    .map((index) => `[${index}]`)
    .join(".sequence")}`;
  return options.locate?.(path) ?? path;
}

function traceWorkload(entry: TraceEntry, name: string, options: BuildOptions): Workload {
  const read = options.readTrace ?? readTraceFile;
  const workload = read(entry.file, { ...entry.options, seed: `${options.seed}/traffic/${name}` });
  return entry.concurrency === undefined ? workload : asClosedLoop(workload, entry.concurrency);
}
