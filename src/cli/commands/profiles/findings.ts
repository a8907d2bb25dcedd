import { styleText } from "node:util";
import type { Finding, Severity } from "#profiles";

const STYLES: Record<Severity, Parameters<typeof styleText>[0]> = { error: "red", warning: "yellow", info: "dim" };

/** One finding: what was found, and on the next line what to do. */
export function findingText({ severity, code, message, advice }: Finding): string {
  return `${styleText(STYLES[severity], severity.padEnd(7))}  ${message} ${styleText("dim", `[${code}]`)}\n         → ${advice}\n`;
}

/** `2 errors, 1 warning`, or nothing. */
export function findingCounts(findings: readonly Finding[]): string {
  const words: Record<Severity, string> = { error: "error", warning: "warning", info: "remark" };
  return (["error", "warning", "info"] as const)
    .map((severity) => ({ word: words[severity], n: findings.filter((f) => f.severity === severity).length }))
    .filter(({ n }) => n > 0)
    .map(({ word, n }) => `${n} ${word}${n > 1 ? "s" : ""}`)
    .join(", ");
}
