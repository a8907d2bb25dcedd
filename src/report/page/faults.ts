import { formatClock } from "../format.ts";
import { faultEffects, recoveryGrade, recoveryText, untilText } from "../summary/fault-words.ts";
import type { RunSummary } from "../summary/summarize.ts";
import { escapeHtml, table } from "./html.ts";

/** Longer lists are cut; report.json has them all. */
const MOST_ROWS = 200;

/** What went wrong on purpose, and what came of it; the numbers are those of the marks in the charts. */
export function faultsSection({ faults }: RunSummary): string {
  if (faults.length === 0) return "";
  const rows = faults
    .slice(0, MOST_ROWS)
    .map((fault, i) => [
      String(i + 1),
      `${formatClock(fault.atMs)}${untilText(fault)}`,
      escapeHtml(fault.text),
      escapeHtml(faultEffects(fault).join(", ")),
      `<span class="${recoveryGrade(fault)}">${recoveryText(fault)}</span>`,
    ]);
  const rest = faults.length - MOST_ROWS;
  const more = rest > 0 ? `<p class="note">${rest} more in report.json.</p>` : "";
  return `<section id="faults" aria-labelledby="faults-title">
<h2 id="faults-title">What went wrong</h2>
${table("Faults and what came of them", [{ heading: "" }, { heading: "When" }, { heading: "What" }, { heading: "Effect" }, { heading: "" }], rows)}
${more}</section>`;
}
