import { UserError } from "#common";

export function unknownKvBytes(where: string, profile: string, section: "kvTransfer" | "kvOffload"): UserError {
  return new UserError({
    code: "REHEARSAL_UNKNOWN_KV_BYTES",
    where,
    message: `the profile ${profile} does not say how many bytes of KV cache a token takes, so a ${section === "kvTransfer" ? "transfer" : "load"} can't be timed`,
    hint: `give ${section}: bytesPerToken: (layers × 2 × KV heads × head size × bytes of the data type)`,
  });
}

export function smallHostMemory(where: string, hostBytes: number, bytesPerBlock: number): UserError {
  return new UserError({
    code: "REHEARSAL_SMALL_HOST_MEMORY",
    where,
    message: `found host memory of ${hostBytes} bytes, expected room for a KV block at least: ${bytesPerBlock} bytes`,
    hint: "give more, or a smaller blockSize",
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
