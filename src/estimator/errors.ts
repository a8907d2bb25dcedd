import { didYouMean, UserError } from "#common";

/** The catalogue of what can go wrong between a question about an engine and its answer. */

export const invalidLayout = (label: string): UserError =>
  new UserError({
    code: "ESTIMATOR_LAYOUT",
    message: `found the parallelism "${label}", expected tpN, tepN or depN`,
    hint: "tp4 splits attention and MLP over 4 GPUs; tep8 and dep8 spread a mixture of experts over 8",
  });

export const invalidQuestion = (found: string, expected: string): UserError =>
  new UserError({ code: "ESTIMATOR_QUESTION", message: `found ${found}, expected ${expected}` });

export const unknownModel = (model: string, known: readonly string[]): UserError =>
  new UserError({
    code: "ESTIMATOR_UNKNOWN_MODEL",
    message: `found the model "${model}", expected one whose configuration the estimator brings, or a folder with its config.json`,
    hint: didYouMean(model, known) ?? `${known.length} models are known, ${known.slice(0, 3).join(", ")} among them`,
  });

export const doesNotFit = (engine: string, detail: string): UserError =>
  new UserError({
    code: "ESTIMATOR_DOES_NOT_FIT",
    message: `${engine} leaves no GPU memory for the KV cache: ${detail}`,
    hint: "use more GPUs an engine, a GPU with more memory, or a smaller number format",
  });

export const unsupportedEngine = (engine: string, detail: string): UserError =>
  new UserError({
    code: "ESTIMATOR_UNSUPPORTED",
    message: `the estimator has no data for ${engine}: ${detail}`,
    hint: "try another backend, version, layout or number format",
  });

export const packageMissing = (python: string, detail: string, packages: readonly string[]): UserError =>
  new UserError({
    code: "ESTIMATOR_PACKAGE_MISSING",
    where: python,
    message: `this Python lacks a package that the estimator needs: ${detail}`,
    hint: `install it with: ${python} -m pip install ${packages.join(" ")} (Python 3.11 to 3.13)`,
  });

export const sourceEnded = (command: string, detail: string): UserError =>
  new UserError({
    code: "ESTIMATOR_SOURCE_ENDED",
    exitCode: 1,
    where: command,
    message: `the estimator's process ended before it answered${detail === "" ? "" : `: ${detail}`}`,
    hint: "it needs a Python of version 3.11 to 3.13",
  });
