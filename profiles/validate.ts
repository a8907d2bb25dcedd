import { UserError } from "#common";
import type { Profile } from "./types.ts";

/** Placeholder-free minimal gate; grows with validateProfile. */
export function requireSound(profile: Profile, where: string): void {
  const arrays: [string, number[]][] = [
    ["TTFT", profile.prefill.ttftMs],
    ["prefill throughput", profile.prefill.throughputPerGpu],
    ["ITL", profile.decode.itlMs],
    ["decode throughput", profile.decode.throughputPerGpu],
  ];
  for (const [what, values] of arrays) {
    const at = values.findIndex((value) => !(Number.isFinite(value) && value > 0));
    if (at >= 0) {
      throw new UserError({
        code: "PROFILES_BAD_VALUE",
        where,
        message: `found ${what} ${values[at]} in sample ${at}, expected a number > 0`,
        hint: "remove the sample or profile that point again; `understudy profiles validate` lists all of them",
      });
    }
  }
}
