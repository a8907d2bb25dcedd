import { formatCount, formatPlain, formatShare, formatSignificant } from "../format.ts";
import type { RunSummary } from "../summary/summarize.ts";
import { gradeShare } from "../verdict.ts";
import { type Cell, type Column, grid } from "./grid.ts";
import { ink, type TerminalOptions } from "./ink.ts";

/** A line per tenant: what it was promised, and what it got. */
export function tenantLines({ tenants }: RunSummary, options: TerminalOptions): string[] {
  if (tenants.length === 0) return [];
  const heading = ["", "requests", "TTFT ≤", "ITL ≤", "attainment", "TTFT p50", "p99", "ITL p50", "p99"];
  const rows: Cell[][] = [heading.map((text) => ({ text, style: "dim" }))];
  for (const tenant of tenants) {
    const grade = gradeShare(tenant.share);
    const ms = [tenant.ttftP50Ms, tenant.ttftP99Ms, tenant.itlP50Ms, tenant.itlP99Ms];
    rows.push([
      { text: tenant.name, style: "bold" },
      { text: formatCount(tenant.requests) },
      { text: formatPlain(tenant.sla.ttftMs) },
      { text: formatPlain(tenant.sla.itlMs) },
      { text: formatShare(tenant.share), style: grade === "none" ? "dim" : grade },
      ...ms.map((value) => ({ text: formatSignificant(value) })),
    ]);
  }
  const columns: Column[] = heading.map((_, i) => ({ align: i === 0 ? "left" : "right" }));
  return [
    `${ink("Tenants", "heading", options)} ${ink("times in ms", "dim", options)}`,
    ...grid(columns, rows, options, "  "),
  ];
}
