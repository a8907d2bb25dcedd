import { UserError } from "#common";

/** Nothing can be scheduled and no blocks will come back; only with the quirk `abortOnStuck`. */
export function engineStuck(request: number): UserError {
  return new UserError({
    code: "ENGINE_STUCK",
    message: `request ${request} can never be scheduled: an effect-free zero-duration pass with requests in flight`,
    hint: "give the engine more blocks or a larger token budget, or leave out the quirk abortOnStuck to reject such requests",
    exitCode: 1,
  });
}

export function badEngineConfig(key: string, found: unknown, expected: string, hint: string): UserError {
  return new UserError({
    code: "ENGINE_BAD_CONFIG",
    where: key,
    message: `found ${String(found)}, expected ${expected}`,
    hint,
  });
}

/** Why a waiting request was given up. */
export const GIVEN_UP = "it does not fit the token budget or the KV cache";
