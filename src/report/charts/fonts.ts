import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "#common";
import { unpackWoff } from "./woff.ts";

const WEIGHTS = [400, 600] as const;

/** Inter (SIL Open Font License) as the package ships it; `woff2` for pages, `woff` for unpacking. */
export function interFont(weight: (typeof WEIGHTS)[number], format: "woff" | "woff2"): Buffer {
  const name = `@fontsource/inter/files/inter-latin-${weight}-normal.${format}`;
  return readFileSync(fileURLToPath(import.meta.resolve(name)));
}

let unpacked: string[] | null = null;

/** Paths of Inter as TrueType files, unpacked once into the user's cache (named by content), else into a folder of this process. */
export function trueTypeFonts(): string[] {
  unpacked ??= WEIGHTS.map((weight) => {
    const woff = interFont(weight, "woff");
    const name = `inter-${weight}-${createHash("sha256").update(woff).digest("hex").slice(0, 16)}.ttf`;
    const cached = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "understudy", "fonts", name);
    const font = unpackWoff(woff);
    if (existsSync(cached) && readFileSync(cached).equals(font)) return cached;
    try {
      writeFileAtomically(cached, font);
      return cached;
    } catch {
      const own = join(mkdtempSync(join(tmpdir(), "understudy-fonts-")), name);
      writeFileAtomically(own, font);
      return own;
    }
  });
  return unpacked;
}
