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

/** The first sentence is the AI configurator's own, which its users know and search for. */
export const headsNotDivisible = (model: string, heads: number, tp: number, least: number): UserError => {
  const largest = Math.max(1, Math.floor(heads / Math.max(1, least)));
  const text =
    least > 1
      ? `num_heads ${heads} should be divisible by tp_size ${tp} and the division result should be >= ${least}`
      : `num_heads ${heads} should be divisible by tp_size ${tp}`;
  return new UserError({
    code: "ESTIMATOR_HEADS",
    where: model,
    message: `AssertionError: ${text}`,
    hint:
      least > 1
        ? `${heads} attention heads allow at most ${largest} GPUs an engine (heads / ${least}): set max_num_gpus_per_engine to ${largest}, or profile online, which has no such limit`
        : `use a number of GPUs that divides ${heads}`,
  });
};

export const layoutCannotBeBuilt = (model: string, label: string, detail: string): UserError =>
  new UserError({
    code: "ESTIMATOR_LAYOUT_IMPOSSIBLE",
    where: model,
    message: `the layout ${label} can't be built: ${detail}`,
    hint: "tpN splits every layer; tepN and depN spread a mixture of experts over N GPUs",
  });

export const invalidFormat = (name: string, found: string, known: readonly string[]): UserError =>
  new UserError({
    code: "ESTIMATOR_FORMAT",
    where: `quantization.${name}`,
    message: `found the number format "${found}", expected one of ${known.join(", ")}`,
    hint: didYouMean(found, known) ?? "leave it out to take what the checkpoint says",
  });

export const unknownSystem = (name: string, known: readonly string[]): UserError =>
  new UserError({
    code: "ESTIMATOR_UNKNOWN_SYSTEM",
    message: `found the GPU system "${name}", expected one of ${known.filter((other) => other.includes("_")).join(", ")}`,
    hint: didYouMean(name, known) ?? "h100, h200, b200 and the like are understood, too",
  });

export const malformedConfiguration = (file: string, field: string, detail: string): UserError =>
  new UserError({
    code: "ESTIMATOR_MODEL_CONFIG",
    where: file,
    message: `${field}: ${detail}`,
    hint: "a model's config.json as Hugging Face has it is expected",
  });
