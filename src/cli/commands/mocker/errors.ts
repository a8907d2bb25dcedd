import { didYouMean, UserError } from "#common";

/** Mistakes in the flags and files of `understudy mocker`. */

/** Dynamo's own words, then what is nearest. */
export function unknownEngineArgs(file: string, keys: readonly string[], known: readonly string[]): UserError {
  const near = keys.map((key) => didYouMean(key, known)).find((hint) => hint !== undefined);
  return new UserError({
    code: "MOCKER_UNKNOWN_ENGINE_ARGS",
    where: file,
    message: `Invalid arguments found in JSON file: ${keys.join(", ")}`,
    hint: near ?? `known are ${known.join(", ")}`,
  });
}

export function badEngineArg(file: string, key: string, found: unknown, expected: string): UserError {
  return new UserError({
    code: "MOCKER_BAD_ENGINE_ARG",
    where: `${file}: ${key}`,
    message: `found ${JSON.stringify(found)}, expected ${expected}`,
  });
}

export function engineArgsUnreadable(file: string, reason: string, cause: unknown): UserError {
  return new UserError({
    code: "MOCKER_ENGINE_ARGS_UNREADABLE",
    where: file,
    message: `the engine arguments can't be read: ${reason}`,
    hint: 'expected a JSON object such as {"num_gpu_blocks": 8192, "block_size": 64}',
    cause,
  });
}

/** A flag of another tool, or of a part that is not built, which would change what is mocked. */
export function notHonoured(flag: string, reason: string, hint: string): UserError {
  return new UserError({ code: "MOCKER_FLAG_NOT_HONOURED", where: flag, message: reason, hint });
}

export function badFlag(flag: string, found: unknown, expected: string, hint?: string): UserError {
  return new UserError({
    code: "MOCKER_BAD_FLAG",
    where: flag,
    message: `found ${JSON.stringify(found)}, expected ${expected}`,
    ...(hint === undefined ? {} : { hint }),
  });
}

export function contradiction(flags: string, message: string, hint?: string): UserError {
  return new UserError({
    code: "MOCKER_CONTRADICTION",
    where: flags,
    message,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** A runner's flag without what only a runner gives. */
export function adminNeedsNonce(variable: string): UserError {
  return new UserError({
    code: "MOCKER_ADMIN_NEEDS_NONCE",
    where: "--admin-port",
    message: `found no ${variable} in the environment`,
    hint: "this flag is for `understudy up`, which sets it",
  });
}
