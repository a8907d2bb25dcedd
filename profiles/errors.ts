import { didYouMean, UserError } from "#common";

/** The catalogue of what can be wrong with a profile's file: one function an error, one stable code each. */

export const unknownName = (name: string, known: readonly string[]): UserError =>
  new UserError({
    code: "PROFILES_UNKNOWN_NAME",
    where: name,
    message: "found neither a file, a folder nor a shipped profile of this name",
    hint:
      didYouMean(name, known) ??
      (known.length > 0
        ? `shipped profiles: ${known.join(", ")}`
        : "give a folder with raw_data.npz files, an .npz or a .json file"),
  });

export const notFound = (path: string): UserError =>
  new UserError({ code: "PROFILES_NOT_FOUND", where: path, message: "no such file or folder" });

export const unreadable = (where: string, cause: unknown): UserError =>
  new UserError({
    code: "PROFILES_UNREADABLE",
    where,
    message: `the file cannot be read (${cause instanceof Error ? cause.message : String(cause)})`,
    hint: "check the path and its permissions",
    cause,
  });

export const unknownFormat = (where: string, found: string): UserError =>
  new UserError({
    code: "PROFILES_UNKNOWN_FORMAT",
    where,
    message: `found ${found}, expected a profile`,
    hint:
      "a profile is a folder with selected_prefill_interpolation/raw_data.npz and selected_decode_interpolation/raw_data.npz, " +
      "a folder with prefill_raw_data.json and decode_raw_data.json, a mocker table .npz, or a profile.json",
  });

export const tooLarge = (where: string, bytes: number, limit: number): UserError =>
  new UserError({
    code: "PROFILES_TOO_LARGE",
    where,
    message: `found ${bytes} bytes, expected at most ${limit}`,
    hint: "a profile is a few kilobytes; this is probably another file",
  });

export const badZip = (where: string, found: string, hint = "write the file again with numpy.savez"): UserError =>
  new UserError({ code: "PROFILES_NPZ_DAMAGED", where, message: `${found}, expected a whole .npz (zip) file`, hint });

export const badNpy = (where: string, found: string, hint = "write the array again with numpy.save"): UserError =>
  new UserError({ code: "PROFILES_NPY_DAMAGED", where, message: `${found}, expected a whole .npy array`, hint });

export const badDtype = (where: string, found: string, expected: string): UserError =>
  new UserError({
    code: "PROFILES_NPY_DTYPE",
    where,
    message: `found dtype ${found}, expected ${expected}`,
    hint: "store the array with .astype(float) or .astype(int)",
  });

export const badShape = (where: string, found: readonly number[], expected: string): UserError =>
  new UserError({
    code: "PROFILES_NPY_SHAPE",
    where,
    message: `found an array of shape (${found.join(", ")}), expected ${expected}`,
  });

export const missingKey = (where: string, key: string, found: readonly string[]): UserError =>
  new UserError({
    code: "PROFILES_MISSING_KEY",
    where,
    message: `found no "${key}"; found ${found.length > 0 ? found.slice(0, 20).join(", ") : "nothing"}`,
    hint: didYouMean(key, found) ?? `add "${key}"`,
  });

export const lengthMismatch = (where: string, lengths: Readonly<Record<string, number>>): UserError =>
  new UserError({
    code: "PROFILES_LENGTH_MISMATCH",
    where,
    message: `found arrays of different lengths (${Object.entries(lengths)
      .map(([key, length]) => `${key}: ${length}`)
      .join(", ")}), expected one length`,
    hint: "each sample needs one value in every array",
  });

export const badValue = (where: string, found: unknown, expected: string, hint?: string): UserError =>
  new UserError({
    code: "PROFILES_BAD_VALUE",
    where,
    message: `found ${shown(found)}, expected ${expected}`,
    ...(hint === undefined ? {} : { hint }),
  });

export const badJson = (where: string, cause: string): UserError =>
  new UserError({ code: "PROFILES_JSON_SYNTAX", where, message: `the JSON cannot be parsed: ${cause}` });

export const noSamples = (where: string, what: string): UserError =>
  new UserError({
    code: "PROFILES_EMPTY",
    where,
    message: `found no ${what} samples, expected at least one`,
    hint: "profile the engine again: the sweep wrote no points",
  });

/** @param others how many more findings of severity error there are */
export const unsound = (where: string, problem: string, advice: string, others: number): UserError =>
  new UserError({
    code: "PROFILES_UNSOUND",
    where,
    message: others > 0 ? `${problem} (and ${others} more problem${others > 1 ? "s" : ""})` : problem,
    hint: `${advice}; \`understudy profiles validate\` lists all that is wrong`,
  });

export const gpusUnknown = (where: string): UserError =>
  new UserError({
    code: "PROFILES_GPUS_UNKNOWN",
    where,
    message: "nothing says how many GPUs an engine of this profile has",
    hint: "state it with --prefill-gpus and --decode-gpus",
  });

export const tooManySamples = (where: string, found: number, limit: number): UserError =>
  new UserError({
    code: "PROFILES_TOO_MANY_SAMPLES",
    where,
    message: `found ${found} samples, expected at most ${limit}`,
    hint: "keep a part of them: a sweep has tens of samples, and more add nothing",
  });

export const tooFewPoints = (where: string, found: number, expected: string): UserError =>
  new UserError({
    code: "PROFILES_TOO_FEW_POINTS",
    where,
    message: `found ${found} usable samples, expected ${expected}`,
    hint: "profile at more points, or use the robust surfaces, which need fewer",
  });

function shown(value: unknown): string {
  if (typeof value === "number") return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}
