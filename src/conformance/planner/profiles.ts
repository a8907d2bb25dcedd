import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { buildSurface, type Profile, type Surface } from "#profiles";
import { profileFile } from "./case-schemas.ts";

/** Folders looked through above a case before its profile counts as missing. */
const LEVELS_UP = 6;

/** Profiles by the name that cases give: from a `profiles` folder beside a case or above it. */
export class RecordedProfiles {
  readonly #surfaces = new Map<string, Surface>();

  /** The compat surface of the profile that a case names, or null where no `profiles` folder near it has it. */
  surface(caseFile: string, name: string): Surface | null {
    let folder = dirname(resolve(caseFile));
    for (let level = 0; level < LEVELS_UP; level++) {
      const found = this.#load(join(folder, "profiles"), name);
      if (found !== null) return found;
      const above = dirname(folder);
      if (above === folder) break;
      folder = above;
    }
    return null;
  }

  #load(folder: string, name: string): Surface | null {
    const key = `${folder}\0${name}`;
    const known = this.#surfaces.get(key);
    if (known) return known;
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return null;
    for (const file of readdirSync(folder).filter((entry) => entry.endsWith(".json"))) {
      const parsed = profileFile.safeParse(JSON.parse(readFileSync(join(folder, file), "utf8")));
      if (!parsed.success || parsed.data.name !== name) continue;
      const surface = buildSurface(toProfile(parsed.data), "compat");
      this.#surfaces.set(key, surface);
      return surface;
    }
    return null;
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
