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
  return tableHtml(caption, columns, `<tbody>\n${bodyRows(columns, rows)}\n</tbody>`);
}

export interface TableGroup {
  heading: string;
  rows: string[][];
}

/** The same with rows under headings, and closer, for many columns. The last cell of a row that has too few goes to its end. */
export function groupedTable(caption: string, columns: TableColumn[], groups: TableGroup[]): string {
  const bodies = groups.map(
    ({ heading, rows }) =>
      `<tbody>\n<tr class="group"><th scope="rowgroup" colspan="${columns.length}">${heading}</th></tr>\n${bodyRows(columns, rows)}\n</tbody>`,
  );
  return tableHtml(caption, columns, bodies.join("\n"), ' class="close"');
}

function bodyRows(columns: TableColumn[], rows: string[][]): string {
  const cellHtml = (cell: string, c: number, row: string[]) => {
    if (c === 0) return `<th scope="row">${cell}</th>`;
    const missing = c === row.length - 1 ? columns.length - row.length : 0;
    return missing > 0 ? `<td colspan="${missing + 1}">${cell}</td>` : `<td${classOf(columns[c])}>${cell}</td>`;
  };
  return rows.map((row) => `<tr>${row.map((cell, c) => cellHtml(cell, c, row)).join("")}</tr>`).join("\n");
}

function classOf(column: TableColumn | undefined): string {
  return column?.numeric ? ' class="number"' : "";
}

function tableHtml(caption: string, columns: TableColumn[], bodies: string, attributes = ""): string {
  const head = columns.map((column) => `<th scope="col"${classOf(column)}>${column.heading}</th>`).join("");
  return `<div class="card scroll" tabindex="0" role="region" aria-label="${escapeHtml(caption)}"><table${attributes}>
<caption>${escapeHtml(caption)}</caption>
<thead><tr>${head}</tr></thead>
${bodies}
</table></div>`;
}
