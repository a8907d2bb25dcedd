/**
 * The one theme of everything that is looked at: colours by meaning, type, spacing. Prefill is blue and decode orange
 * everywhere (told apart in every common colour blindness), limits are red and dashed, forecasts violet and dashed.
 * Text colours keep a contrast of at least 4.5 : 1 on both backgrounds.
 */
export const COLOUR_NAMES = [
  "page",
  "card",
  "ink",
  "muted",
  "grid",
  "line",
  "prefill",
  "decode",
  "limit",
  "forecast",
  "good",
  "warn",
  "bad",
  "accent",
] as const;

export type ColourName = (typeof COLOUR_NAMES)[number];
export type Palette = Record<ColourName, string>;

export const LIGHT: Palette = {
  page: "#f5f7fa",
  card: "#ffffff",
  ink: "#141a24",
  muted: "#5a6577",
  grid: "#e7ebf1",
  line: "#c9d1dc",
  prefill: "#1b62d1",
  decode: "#a95100",
  limit: "#cc1342",
  forecast: "#7a3fd0",
  good: "#0b7a4b",
  warn: "#946200",
  bad: "#c41237",
  accent: "#1b62d1",
};

export const DARK: Palette = {
  page: "#0d1117",
  card: "#161b24",
  ink: "#e9edf4",
  muted: "#9aa6b8",
  grid: "#252d3a",
  line: "#3a4556",
  prefill: "#6fa8ff",
  decode: "#ffb35c",
  limit: "#ff6d8d",
  forecast: "#c09bff",
  good: "#4cc38a",
  warn: "#e5b454",
  bad: "#ff7a93",
  accent: "#6fa8ff",
};

/** Colours that follow the page: for SVG inside HTML. */
export const PAGE_PALETTE: Palette = Object.fromEntries(
  COLOUR_NAMES.map((name) => [name, `var(--${name})`]),
) as Palette;

export const FONT_FAMILY = "Inter, system-ui, -apple-system, 'Segoe UI', sans-serif";

export interface Theme {
  palette: Palette;
  /** Draw the title, subtitle and background into the picture; a page has them as its own text. */
  standalone: boolean;
}

export const THEMES = {
  light: { palette: LIGHT, standalone: true },
  dark: { palette: DARK, standalone: true },
  page: { palette: PAGE_PALETTE, standalone: false },
} as const satisfies Record<string, Theme>;

/** An outline in the background's colour, so that text stays legible over lines. */
export function haloOf(background: string): Record<string, string | number> {
  return { stroke: background, "stroke-width": 3, "stroke-linejoin": "round", "paint-order": "stroke" };
}

/** The colours as CSS custom properties: `--ink: #…;`. */
export function cssVariables(palette: Palette): string {
  return COLOUR_NAMES.map((name) => `--${name}: ${palette[name]};`).join(" ");
}
