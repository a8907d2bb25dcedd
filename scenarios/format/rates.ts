import { z } from "zod";
import type { DayShape } from "../traffic.ts";
import { duration, positiveDuration, rate } from "./values.ts";

/** Rates at times, the first at 0. */
export const timeline = z
  .array(z.strictObject({ at: duration("From the start of the entry"), rate }))
  .min(1)
  .superRefine((points, context) => {
    points.forEach(({ at }, i) => {
      const before = points[i - 1]?.at;
      if (i === 0 ? at !== 0 : at <= before!) {
        const expected = i === 0 ? "the first to be at 0" : "times that rise";
        context.addIssue({ code: "custom", path: [i, "at"], message: `expected ${expected}` });
      }
    });
  });

/** Business hours and an evening peak, as in planner studies. */
const DAY_PEAKS = [
  { hour: 11, height: 30, width: 2.4 },
  { hour: 20, height: 38, width: 2 },
];

export const dayShape = {
  base: rate.default(4),
  peaks: z
    .array(
      z.strictObject({
        hour: z.number().min(0).max(24),
        height: rate,
        width: z.number().min(0.05).max(24).meta({ description: "Standard deviation of the bell, hours" }),
      }),
    )
    .max(100)
    .default(DAY_PEAKS),
};

export function toDay({ base, peaks }: z.output<z.ZodObject<typeof dayShape>>): DayShape {
  return { base, peaks: peaks.map(({ hour, height, width }) => ({ hour, height, widthHours: width })) };
}

export const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

export const crowdRate = z
  .strictObject({
    base: rate,
    peak: rate,
    at: z.array(duration("Start of a crowd")).min(1).max(10_000),
    rise: positiveDuration("From the start to the peak"),
    decay: positiveDuration("Time in which what is above the base falls to 37 %"),
  })
  .refine((crowd) => crowd.base <= crowd.peak, { error: "expected base to be at most peak", path: ["base"] });

export const burstRate = z
  .strictObject({
    base: rate,
    peak: rate,
    at: z.array(duration("Start of a burst")).min(1).max(10_000).optional(),
    every: positiveDuration("Time from one burst's start to the next").optional(),
    first: duration("Start of the first burst, with every").optional(),
    length: positiveDuration("Length of a burst"),
  })
  .refine((burst) => (burst.at === undefined) !== (burst.every === undefined), {
    error: "expected either at (a list of starts) or every",
  })
  .refine((burst) => burst.first === undefined || burst.every !== undefined, {
    error: "expected first only with every",
    path: ["first"],
  });
