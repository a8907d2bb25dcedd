import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pageNotBuilt } from "../errors.ts";

export interface PageFile {
  type: string;
  body: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".woff": "font/woff",
  ".woff2": "font/woff2",
  ".svg": "image/svg+xml",
};

/** Built with the package, else (in a checkout) on first use into a cache. */
const PACKAGED = fileURLToPath(new URL("../page-built/", import.meta.url));
const BUILDER = fileURLToPath(new URL("../../../scripts/build-page.ts", import.meta.url));
const BUILD_TIMEOUT_MS = 120_000;

let known: ReadonlyMap<string, PageFile> | null = null;

/**
 * The files of the page by URL path, read once: what is not among them can't be asked for, whatever a URL says.
 * @throws UserError in a checkout where the page can't be built
 */
export async function pageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  if (known !== null) return known;
  const folder = existsSync(join(PACKAGED, "index.html")) ? PACKAGED : await builtFromSources();
  const files = new Map<string, PageFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.length).replaceAll("\\", "/").replace(/^\/+/, "");
    files.set(name === "index.html" ? "/" : `/${name}`, { type, body: readFileSync(path) });
  }
  known = files;
  return files;
}

async function builtFromSources(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [BUILDER], { timeout: BUILD_TIMEOUT_MS });
    return stdout.trim();
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: string };
    throw pageNotBuilt((stderr?.trim() || message).split("\n").slice(0, 12).join("\n"));
  }
}
