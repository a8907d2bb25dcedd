import { UserError } from "#common";

export function unknownKvBytes(where: string, profile: string): UserError {
  return new UserError({
    code: "REHEARSAL_UNKNOWN_KV_BYTES",
    where,
    message: `the profile ${profile} does not say how many bytes of KV cache a token takes, so a transfer can't be timed`,
    hint: "give kvTransfer: bytesPerToken: (layers × 2 × KV heads × head size × bytes of the data type)",
  });
}

export function profileNeeded(where: string): UserError {
  return new UserError({
    code: "REHEARSAL_PROFILE_NEEDED",
    where,
    message: "a planner reads the deployment's profile, and there is none",
    hint: "give deployment: profile:, or take the planner: section out",
  });
}
