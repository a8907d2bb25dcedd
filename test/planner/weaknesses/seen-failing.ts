import { expect } from "vitest";

/**
 * The claim that ours keeps, made of what behaves as an older planner did: it must fail, and for the reason that is known.
 * Without this nobody would know whether the claim can fail at all.
 */
export async function seenFailing(claim: () => unknown, reason: RegExp): Promise<void> {
  await expect((async () => claim())()).rejects.toThrow(reason);
}
