import { z } from "zod";
import { NAMED_ARRIVALS } from "../presets.ts";
import { TRACE_FORMATS, type TraceOptions } from "../traces/options.ts";
import type { Arrivals, RateShape, TraceEntry, TrafficEntry } from "../traffic.ts";
import { checkContent, contentShape, toContent } from "./content.ts";
import { burstRate, crowdRate, dayShape, timeline, toDay, WEEKDAYS } from "./rates.ts";
import { duration, exactlyOne, ONE_KEY, positive, positiveDuration, rate, share, tokens } from "./values.ts";

const start = duration("When it starts, from the start of the run (in a sequence: after the entry before)").prefault(0);

const arrivals = z
  .union([
    z.enum(["poisson", "constant", "burstgpt"]),
    z
      .strictObject({
        gamma: z
          .strictObject({ cv: z.number().min(0.05).max(20) })
          .optional()
          .meta({ description: "Gamma gaps with this coefficient of variation: 1 is Poisson, more is burstier" }),
        binned: z
          .strictObject({ step: positiveDuration("Width of a bin") })
          .optional()
          .meta({ description: "A Poisson count per step, spread evenly over it, at whole ms" }),
      })
      .superRefine(exactlyOne("kind of arrivals"))
      .meta(ONE_KEY),
  ])
  .default("poisson")
  .transform((written): Arrivals => {
    if (written === "burstgpt") return NAMED_ARRIVALS.burstgpt;
    if (typeof written === "string") return { kind: written };
    if (written.gamma) return { kind: "gamma", cv: written.gamma.cv };
    return { kind: "binned", stepMs: written.binned!.step };
  })
  .meta({ description: "How arrivals scatter around the rate; poisson by default" });

/** `requestRate` of each open shape, and the shape it makes. */
const rateShapes = {
  constant: shape("The same rate all the time", rate, (r) => ({ kind: "constant", rate: r })),
  ramp: shape("A straight line over the duration", z.strictObject({ from: rate, to: rate }), (r) => ({
    kind: "ramp",
    ...r,
  })),
  steps: shape("Each rate holds until the next", timeline, (r) => ({ kind: "steps", steps: r.map(toPoint) })),
  points: shape("Straight lines between points", timeline, (r) => ({ kind: "points", points: r.map(toPoint) })),
  sinusoid: shape(
    "A sinusoid that starts at its minimum",
    z
      .strictObject({
        min: rate,
        max: rate,
        period: positiveDuration("Time from one minimum to the next"),
        phase: share
          .default(0)
          .meta({ description: "Part of a period by which it starts later: 0 at the minimum, 0.5 at the maximum" }),
      })
      .refine((r) => r.min <= r.max, { error: "expected min to be at most max", path: ["min"] }),
    (r) => ({ kind: "sinusoid", min: r.min, max: r.max, periodMs: r.period, phase: r.phase }),
  ),
  burst: shape("A base rate with bursts", burstRate, (r, durationMs) => ({
    kind: "burst",
    base: r.base,
    peak: r.peak,
    startsMs: r.at ?? every(r.first ?? r.every!, r.every!, durationMs),
    lengthMs: r.length,
  })),
  diurnal: shape(
    "Days and weeks: a base rate and bell-shaped peaks",
    z.strictObject({
      ...dayShape,
      day: positiveDuration("How long a day takes").prefault("24h"),
      firstDay: z.enum(WEEKDAYS).default("monday").meta({ description: "Day on which the entry begins" }),
      weekend: z
        .strictObject(dayShape)
        .optional()
        .meta({ description: "Saturdays and Sundays; like the other days by default" }),
    }),
    ({ day, firstDay, weekend, ...weekday }) => ({
      kind: "diurnal",
      dayMs: day,
      ...toDay(weekday),
      ...(weekend === undefined ? {} : { weekend: { ...toDay(weekend), firstDay: WEEKDAYS.indexOf(firstDay) } }),
    }),
  ),
  flashCrowd: shape("Crowds that come within moments and leave slowly", crowdRate, (r) => ({
    kind: "flashCrowd",
    base: r.base,
    peak: r.peak,
    startsMs: r.at,
    riseMs: r.rise,
    decayMs: r.decay,
  })),
  mmpp: shape(
    "Random stays in states, each with its rate",
    z.strictObject({
      states: z
        .array(z.strictObject({ rate, stay: positiveDuration("Mean stay") }))
        .min(1)
        .max(100),
    }),
    (r) => ({ kind: "mmpp", states: r.states.map((state) => ({ rate: state.rate, meanStayMs: state.stay })) }),
  ),
};

function toPoint(point: { at: number; rate: number }): { atMs: number; rate: number } {
  return { atMs: point.at, rate: point.rate };
}

function every(firstMs: number, everyMs: number, durationMs: number): number[] {
  const starts: number[] = [];
  for (let atMs = firstMs; atMs < durationMs && starts.length < 100_000; atMs += everyMs) starts.push(atMs);
  return starts;
}

/** An open shape: `requestRate`, how long, how scattered, and what the requests are. */
function shape<T extends z.ZodType>(
  description: string,
  requestRate: T,
  toRate: (written: z.output<T>, durationMs: number) => RateShape,
) {
  return z
    .strictObject({ requestRate, duration: positiveDuration("How long it lasts"), arrivals, start, ...contentShape })
    .superRefine(checkContent)
    .transform((written): TrafficEntry => {
      // With a generic key the checker loses the others.
      const open = written as z.output<typeof opened> & { requestRate: z.output<T> };
      return {
        kind: "open",
        startMs: open.start,
        durationMs: open.duration,
        rate: toRate(open.requestRate, open.duration),
        arrivals: open.arrivals,
        content: toContent(open),
        ...(open.tenant === undefined ? {} : { tenant: open.tenant }),
      };
    })
    .meta({ description });
}
const opened = z.strictObject({ duration: positiveDuration(""), arrivals, start, ...contentShape });

const closedLoop = z
  .strictObject({
    concurrency: z.int().min(1).max(1e6).meta({ description: "Sessions (requests) in flight at any time" }),
    requests: z.int().min(1).max(2e7).optional().meta({ description: "Sessions in all" }),
    duration: positiveDuration("No session starts after this time").optional(),
    start,
    ...contentShape,
  })
  .superRefine(checkContent)
  .superRefine((written, context) => {
    if (written.requests === undefined && written.duration === undefined) {
      context.addIssue({ code: "custom", message: "expected requests, duration or both: without them it never ends" });
    }
    if (written.patterns?.some((pattern) => typeof pattern.share === "object")) {
      context.addIssue({
        code: "custom",
        path: ["patterns"],
        message: "expected fixed shares: a closed loop has no times for a sinusoid",
      });
    }
  })
  .transform(
    (written): TrafficEntry => ({
      kind: "closed",
      startMs: written.start,
      durationMs: written.duration ?? null,
      requests: written.requests ?? null,
      concurrency: written.concurrency,
      content: toContent(written),
      ...(written.tenant === undefined ? {} : { tenant: written.tenant }),
    }),
  )
  .meta({ description: "A fixed number of sessions in flight: the next one starts when one ends" });

const trace = z
  .strictObject({
    file: z.string().min(1).meta({
      description:
        "A trace (JSONL, plain or gzip) or a pattern such as traces/*.jsonl.gz, relative to the scenario's file",
    }),
    format: z
      .enum(TRACE_FORMATS)
      .optional()
      .meta({ description: "By default as the first line looks; mooncake-delta has to be said" }),
    blockSize: z
      .int()
      .min(1)
      .max(65_536)
      .optional()
      .meta({ description: "Tokens a hash id stands for; by default what the trace says, else 512" }),
    speedup: positive.optional().meta({ description: "Divides arrival times" }),
    from: duration("Slice of the trace's own time").optional(),
    to: positiveDuration("End of the slice").optional(),
    skip: z.int().min(0).optional().meta({ description: "Requests left out at the beginning" }),
    requests: z.int().min(1).optional().meta({ description: "Requests to take" }),
    spread: duration("Bucket width of the timestamps, over which arrivals are spread").optional(),
    maxIsl: tokens.optional().meta({ description: "Longer prompts are cut to this" }),
    concurrency: z
      .int()
      .min(1)
      .max(1e6)
      .optional()
      .meta({ description: "Sessions in flight, in the trace's order, instead of its times" }),
    tenant: contentShape.tenant,
    start,
  })
  .refine((slice) => slice.to === undefined || slice.to > (slice.from ?? 0), {
    error: "expected a time after from",
    path: ["to"],
  })
  .transform((written): TraceEntry => {
    const options: TraceOptions = {
      ...(written.format === undefined ? {} : { format: written.format }),
      ...(written.blockSize === undefined ? {} : { blockTokens: written.blockSize }),
      ...(written.speedup === undefined ? {} : { speedup: written.speedup }),
      ...(written.from === undefined ? {} : { fromMs: written.from }),
      ...(written.to === undefined ? {} : { toMs: written.to }),
      ...(written.skip === undefined ? {} : { skipRequests: written.skip }),
      ...(written.requests === undefined ? {} : { maxRequests: written.requests }),
      ...(written.spread === undefined ? {} : { spreadMs: written.spread }),
      ...(written.maxIsl === undefined ? {} : { maxIsl: written.maxIsl }),
    };
    const { concurrency, tenant } = written;
    return {
      kind: "trace",
      startMs: written.start,
      file: written.file,
      options,
      ...(concurrency === undefined ? {} : { concurrency }),
      ...(tenant === undefined ? {} : { tenant }),
    };
  })
  .meta({ description: "A recorded trace" });

const kinds = { ...rateShapes, closedLoop, trace };

/** One entry of `traffic:`; trace files as written. */
export const trafficEntrySchema = oneOf({
  ...kinds,
  sequence: z.array(oneOf(kinds)).min(1).meta({ description: "Entries one after the other" }),
});

function oneOf(kinds: Record<string, z.ZodType<TrafficEntry | TrafficEntry[]>>): z.ZodType<TrafficEntry> {
  const optional = Object.fromEntries(Object.entries(kinds).map(([key, schema]) => [key, schema.optional()]));
  return z
    .strictObject(optional)
    .superRefine(exactlyOne("shape of traffic"))
    .transform((written): TrafficEntry => {
      const made = Object.values(written).find((value) => value !== undefined)!;
      return Array.isArray(made) ? { kind: "sequence", startMs: 0, entries: made } : (made as TrafficEntry);
    })
    .meta({ ...ONE_KEY, description: "One part of the traffic; the parts of a list overlay each other" });
}
