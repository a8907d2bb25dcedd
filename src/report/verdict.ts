import type { RunSummary } from "./summary/summarize.ts";

export type Grade = "good" | "warn" | "bad" | "none";

/** Attainment from which a run counts as having kept its SLA, and from which it nearly did: §9.3's floor, and 95 %. */
export const HELD_SHARE = 0.99;
export const NEARLY_SHARE = 0.95;

export function gradeShare(share: number): Grade {
  if (Number.isNaN(share)) return "none";
  if (share >= HELD_SHARE) return "good";
  return share >= NEARLY_SHARE ? "warn" : "bad";
}

/** Did it hold? With `expect:` lines they decide, else the attainment does. */
export function verdict(summary: RunSummary): { grade: Grade; text: string } {
  const failed = summary.expectations.filter((expectation) => !expectation.passed).length;
  const all = summary.expectations.length;
  if (failed > 0) return { grade: "bad", text: `${failed} of ${all} expectations failed` };
  if (all > 0) return { grade: "good", text: all === 1 ? "the expectation held" : `all ${all} expectations held` };
  const grade = gradeShare(summary.attainment.share);
  const text = {
    good: "the SLA was kept",
    warn: "the SLA was nearly kept",
    bad: "the SLA was missed",
    none: "nothing to judge",
  }[grade];
  return { grade, text };
}
