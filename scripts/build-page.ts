/**
 * Builds the WebUI's page (src/web/page) with Vite: `node scripts/build-page.ts` into a cache, keyed by what goes into it, and
 * prints the folder; a checkout's server asks for it so. The package has it built in (scripts/build.ts).
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plugin } from "vite";

const project = fileURLToPath(new URL("..", import.meta.url));
const THEME = "virtual:theme.css";
const CHARTS = "#src/report";

/** Builds the page into a folder, which is emptied before. */
export async function buildPage(outDir: string): Promise<void> {
  // Loaded for a build alone: most of the time the cache has the page.
  const [{ build }, report] = await Promise.all([import("vite"), import("#src/report")]);
  await build({
    configFile: false,
    root: join(project, "src", "web", "page"),
    base: "./",
    logLevel: "warn",
    publicDir: false,
    plugins: [reportPlugin(themeCss(report))],
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
      outDir,
      emptyOutDir: true,
      target: "es2023",
      modulePreload: false,
    },
  });
}

/**
 * What the page has of the report: its colours as a style sheet, and of its room the modules that draw; the rest of the room
 * writes files, which no browser can.
 */
function reportPlugin(themeCss: string): Plugin {
  const charts = (name: string) => JSON.stringify(join(project, "src", "report", "charts", name));
  const modules: Record<string, string> = {
    [THEME]: themeCss,
    [CHARTS]: `export { xyChart } from ${charts("xy-chart.ts")};
export { THEMES } from ${charts("theme.ts")};
`,
  };
  return {
    name: "understudy-report",
    enforce: "pre",
    resolveId: (id) => (id in modules ? `\0${id}` : undefined),
    load: (id) => modules[id.slice(1)],
  };
}

/** The two palettes; the attribute overrules the system's. */
function themeCss({ cssVariables, DARK, LIGHT }: typeof import("#src/report")): string {
  return `:root { ${cssVariables(LIGHT)} color-scheme: light; }
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) { ${cssVariables(DARK)} color-scheme: dark; } }
:root[data-theme="dark"] { ${cssVariables(DARK)} color-scheme: dark; }
`;
}

/** The page's folder in the cache, built unless it was. */
async function cachedPage(): Promise<string> {
  const cache = join(project, "node_modules", ".cache", "understudy");
  const folder = join(cache, `page-${sourcesHash()}`);
  if (existsSync(join(folder, "index.html"))) return folder;
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, "building-"));
  try {
    await buildPage(fresh);
    renameSync(fresh, folder);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    // Another process may have built the same meanwhile.
    if (!existsSync(join(folder, "index.html"))) throw error;
  }
  return folder;
}

/** Over everything that may be in the page: its sources, the charts and colours, and the packages. */
function sourcesHash(): string {
  const hash = createHash("sha256");
  const files = ["src/web", "src/report/charts"].flatMap((folder) =>
    readdirSync(join(project, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  files.push(join(project, "src", "report", "format.ts"));
  const packages = ["preact", "vite", "@fontsource/inter"].map((name) =>
    join(project, "node_modules", name, "package.json"),
  );
  for (const file of [...files.sort(), ...packages, fileURLToPath(import.meta.url)]) {
    hash
      .update(`${file.slice(project.length)}\0`)
      .update(readFileSync(file))
      .update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) console.log(await cachedPage());
