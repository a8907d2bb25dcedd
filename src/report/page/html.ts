import { escapeXml } from "../charts/svg.ts";

/** Escapes text for HTML content and quoted attributes. */
export const escapeHtml = escapeXml;

/** JSON for a `<script type="application/json">`: nothing in it can end the script or open a comment. */
export function inlineJson(value: unknown): string {
  return JSON.stringify(value, (_, field) => (typeof field === "number" && !Number.isFinite(field) ? null : field))
    .replaceAll("<", "\\u003c")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

/** One number of the answer. Title and unit are text without markup; value and detail are HTML. */
export function tile(title: string, value: string, unit: string, detail: string): string {
  return `<div class="card tile"><h3>${title}</h3><p class="value">${value} <span class="unit">${unit}</span></p>${detail}</div>`;
}

export interface TableColumn {
  heading: string;
  numeric?: boolean;
}

/** A table that scrolls by itself where it is too wide. Cells are HTML; the first of a row is its heading. */
export function table(caption: string, columns: TableColumn[], rows: string[][]): string {
  const kind = (c: number) => (columns[c]?.numeric ? ' class="number"' : "");
  const head = columns.map((column, c) => `<th scope="col"${kind(c)}>${column.heading}</th>`).join("");
  const body = rows
    .map((row) => {
      const cells = row.map((cell, c) => (c === 0 ? `<th scope="row">${cell}</th>` : `<td${kind(c)}>${cell}</td>`));
      return `<tr>${cells.join("")}</tr>`;
    })
    .join("\n");
  return `<div class="card scroll" tabindex="0" role="region" aria-label="${escapeHtml(caption)}"><table>
<caption>${escapeHtml(caption)}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body}
</tbody></table></div>`;
}
