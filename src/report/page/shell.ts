import { readFileSync } from "node:fs";
import { interFont } from "../charts/fonts.ts";
import { cssVariables, DARK, LIGHT } from "../charts/theme.ts";
import { escapeHtml, inlineJson } from "./html.ts";

export interface PageShell {
  title: string;
  /** Names of scripts beside this file. */
  scripts: readonly string[];
  /** What the scripts read from `#data`. */
  data: unknown;
  /** HTML. */
  body: string;
  /** Whether the page may ask its own server for more. */
  isLive?: boolean;
}

const STYLES = ["base.css", "answer.css", "charts.css", "decisions.css", "media.css"];

/** A page that is one file: font, styles, scripts and data are in it, and its policy lets it load nothing from elsewhere. */
export function pageShell({ title, scripts, data, body, isLive = false }: PageShell): string {
  const connect = isLive ? "; connect-src 'self'" : "";
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:; img-src data:${connect}">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>
${family()}
${STYLES.map(asset).join("\n")}
</style>
</head>
<body>
${body}
<script type="application/json" id="data">${inlineJson(data)}</script>
<script>
${scripts.map(asset).join("\n")}
</script>
</body>
</html>
`;
}

/** Font and colours, as the system has them, light or dark. */
function family(): string {
  const face = (weight: 400 | 600) =>
    `@font-face { font-family: Inter; font-weight: ${weight}; font-display: block; src: url(data:font/woff2;base64,${interFont(weight, "woff2").toString("base64")}) format("woff2"); }`;
  return `${face(400)}
${face(600)}
:root { ${cssVariables(LIGHT)} color-scheme: light; }
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) { ${cssVariables(DARK)} color-scheme: dark; } }
:root[data-theme="dark"] { ${cssVariables(DARK)} color-scheme: dark; }
@media print { :root:root:root { ${cssVariables(LIGHT)} color-scheme: light; } }`;
}

function asset(name: string): string {
  return readFileSync(new URL(name, import.meta.url), "utf8");
}
