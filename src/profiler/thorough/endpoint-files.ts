import { join } from "node:path";
import { writeFileAtomically } from "#common";
import {
  buildSurface,
  type DecodeSamples,
  loadProfileHalf,
  type PrefillSamples,
  type Profile,
  saveProfileHalf,
  saveProfileJson,
} from "#profiles";

export interface EndpointFiles {
  /** Of the profile: the model. */
  name: string;
  prefill?: PrefillSamples;
  decode?: DecodeSamples;
  /** Where both halves are there. */
  profile?: Profile;
}

/** Samples that an earlier run has left in the folder. */
export function readHalf(folder: string, half: "prefill"): PrefillSamples | undefined;
export function readHalf(folder: string, half: "decode"): DecodeSamples | undefined;
export function readHalf(folder: string, half: "prefill" | "decode"): PrefillSamples | DecodeSamples | undefined {
  return loadProfileHalf(folder, half) ?? undefined;
}

/**
 * Writes what was measured: `selected_<mode>_interpolation/raw_data.npz` with its plots, the same data as `<mode>_raw_data.json`
 * and, as Dynamo's `profile_endpoint` has it, as `raw_data.npz` at the top; `profile.json` where both halves are there.
 * @returns paths
 */
export async function writeEndpointFiles(folder: string, files: EndpointFiles): Promise<string[]> {
  const { prefill, decode, profile } = files;
  const written = saveProfileHalf(prefill === undefined ? { decode: decode! } : { prefill }, folder);
  if (profile !== undefined) written.push(...saveProfileJson(profile, join(folder, "profile.json")));
  for (const [name, png] of await plots(files)) {
    const path = join(folder, name);
    writeFileAtomically(path, png);
    written.push(path);
  }
  return written;
}

/** Fewer samples make no curve, and no surface. */
const LEAST_PREFILL = 3;
const LEAST_DECODE = 4;

async function plots({ name, prefill, decode }: EndpointFiles): Promise<[string, Uint8Array][]> {
  const { prefillInterpolationPlots, decodeInterpolationPlots, svgToPng } = await import("#src/report");
  const enough = prefill === undefined ? decode!.itlMs.length >= LEAST_DECODE : prefill.isl.length >= LEAST_PREFILL;
  if (!enough) return [];
  // A surface has two sides, of which the pictures show one: the other is flat.
  const whole: Profile = { name, prefill: prefill ?? FLAT_PREFILL, decode: decode ?? FLAT_DECODE, provenance: {} };
  const surface = buildSurface(whole);
  const drawn =
    prefill === undefined ? decodeInterpolationPlots(whole, surface) : prefillInterpolationPlots(whole, surface);
  return drawn.map(({ name: file, phase, svg }) => [
    join(`selected_${phase}_interpolation`, `${file}.png`),
    svgToPng(svg),
  ]);
}

const FLAT_PREFILL: PrefillSamples = { isl: [1, 2, 3], ttftMs: [1, 1, 1], throughputPerGpu: [1, 1, 1] };
const FLAT_DECODE: DecodeSamples = {
  kvUsage: [0.1, 0.9, 0.1, 0.9],
  contextLength: [1, 1, 2, 2],
  itlMs: [1, 1, 1, 1],
  throughputPerGpu: [1, 1, 1, 1],
  maxKvTokens: 10,
};
