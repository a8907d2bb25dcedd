import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { buildSurface, type Profile, type Surface } from "#profiles";
import { profileFile } from "./case-schemas.ts";

/** Folders looked through above a case before its profile counts as missing. */
const LEVELS_UP = 6;

/** Profiles that cases refer to: from a `profiles` folder beside a case or above it. */
export class RecordedProfiles {
  readonly #folders = new Map<string, Profile[]>();
  readonly #surfaces = new Map<Profile, Surface>();

  /** The compat surface of the profile that a case names, or null where no `profiles` folder near it has it. */
  surface(caseFile: string, name: string): Surface | null {
    const profile = this.find(caseFile, (candidate) => candidate.name === name);
    if (profile === null) return null;
    let surface = this.#surfaces.get(profile);
    if (surface === undefined) {
      surface = buildSurface(profile, "compat");
      this.#surfaces.set(profile, surface);
    }
    return surface;
  }

  /** The first profile of this kind in the nearest `profiles` folder that has one, or null. */
  find(caseFile: string, isWanted: (profile: Profile) => boolean): Profile | null {
    let folder = dirname(resolve(caseFile));
    for (let level = 0; level < LEVELS_UP; level++) {
      const found = this.#load(join(folder, "profiles")).find(isWanted);
      if (found !== undefined) return found;
      const above = dirname(folder);
      if (above === folder) break;
      folder = above;
    }
    return null;
  }

  #load(folder: string): Profile[] {
    let known = this.#folders.get(folder);
    if (known === undefined) {
      const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
      known = (isFolder ? readdirSync(folder) : [])
        .filter((entry) => entry.endsWith(".json"))
        .flatMap((file) => {
          const parsed = profileFile.safeParse(JSON.parse(readFileSync(join(folder, file), "utf8")));
          return parsed.success ? [toProfile(parsed.data)] : [];
        });
      this.#folders.set(folder, known);
    }
    return known;
  }
}

function toProfile({ name, prefill, decode }: ReturnType<typeof profileFile.parse>): Profile {
  const maxKvTokens = Array.isArray(decode.max_kv_tokens) ? decode.max_kv_tokens[0]! : decode.max_kv_tokens;
  return {
    name,
    prefill: {
      isl: prefill.prefill_isl,
      ttftMs: prefill.prefill_ttft,
      throughputPerGpu: prefill.prefill_thpt_per_gpu,
    },
    decode: {
      kvUsage: decode.x_kv_usage,
      contextLength: decode.y_context_length,
      itlMs: decode.z_itl,
      throughputPerGpu: decode.z_thpt_per_gpu,
      maxKvTokens,
    },
    provenance: {},
  };
}
