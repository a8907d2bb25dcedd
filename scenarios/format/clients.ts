import { z } from "zod";
import type { ClientBehaviour } from "#scenarios/workload";
import { duration, positiveDuration, share } from "./values.ts";

/** The `clients:` section. */
export const clientsSchema = z
  .strictObject({
    timeout: positiveDuration("An attempt that has not ended after this is given up").optional(),
    firstTokenTimeout: positiveDuration("An attempt without a first token after this is given up").optional(),
    retries: z.int().min(0).max(100).default(0).meta({ description: "Attempts after the first one" }),
    backoff: duration("Wait before the first retry").prefault("1s"),
    backoffFactor: z
      .number()
      .min(1)
      .max(100)
      .default(2)
      .meta({ description: "Each later wait is so many times longer" }),
    jitter: share.default(0).meta({ description: "Share of a wait (0..1) by which it is drawn shorter or longer" }),
  })
  .transform(
    (written): ClientBehaviour => ({
      timeoutMs: written.timeout ?? null,
      firstTokenTimeoutMs: written.firstTokenTimeout ?? null,
      retries: written.retries,
      backoffMs: written.backoff,
      backoffFactor: written.backoffFactor,
      jitter: written.jitter,
    }),
  );
