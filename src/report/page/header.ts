import { escapeHtml } from "./html.ts";

export interface PageHeader {
  title: string;
  /** Sections that the page leads to: the id and name of each; the first is what the skip link leads to. */
  parts: readonly (readonly [id: string, name: string])[];
  /** What is known beforehand, by name. */
  facts: readonly (readonly [name: string, value: string])[];
  /** What the skip link calls the first section; default: the answer. */
  first?: string;
  /** A sentence below the title. */
  shows?: string | null;
}

/** Top of a page: a link past it, the brand, links to the parts, the switch of colours, title and facts. */
export function pageHeader({ title, parts, facts, first = "the answer", shows = null }: PageHeader): string {
  const links = parts.map(([id, name]) => `<a href="#${id}">${name}</a>`);
  const known = facts.map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`);
  return `<a class="skip" href="#${parts[0]![0]}">Skip to ${first}</a>
<header>
<div class="top"><p class="brand">Understudy</p>
<nav aria-label="Parts of the page">${links.join("")}</nav>
<button type="button" id="theme" title="Colours: as the system has them, light or dark">Theme: auto</button></div>
<h1>${escapeHtml(title)}</h1>
${shows === null ? "" : `<p class="shows">${escapeHtml(shows)}</p>\n`}<dl class="facts">${known.join("")}</dl>
</header>`;
}
