import { unsound } from "../errors.ts";
import type { Profile } from "../types.ts";
import { decodeFindings } from "./decode.ts";
import type { Finding, Severity } from "./finding.ts";
import { gpuCountFindings } from "./gpu-count.ts";
import { prefillFindings } from "./prefill.ts";

const RANK: Record<Severity, number> = { error: 0, warning: 1, info: 2 };

/** All that is wrong with a profile or worth knowing about it, errors first; each finding says what to do. */
export function validateProfile(profile: Profile): Finding[] {
  const findings = [
    ...prefillFindings(profile.prefill),
    ...decodeFindings(profile.decode),
    ...gpuCountFindings(profile),
    ...provenanceFindings(profile),
  ];
  return findings.sort((a, b) => RANK[a.severity] - RANK[b.severity]);
}

/** @throws UserError PROFILES_UNSOUND where the profile has findings of severity `error` */
export function requireSound(profile: Profile, where: string): void {
  const [first, ...others] = validateProfile(profile).filter((finding) => finding.severity === "error");
  if (first) throw unsound(where, first.message, first.advice, others.length);
}

function provenanceFindings({ provenance, prefill, decode }: Profile): Finding[] {
  const findings: Finding[] = [];
  const unknown = (["model", "gpu", "backend"] as const).filter((key) => provenance[key] === undefined);
  if (unknown.length > 0) {
    findings.push({
      severity: "info",
      code: "PROVENANCE_INCOMPLETE",
      message: `nothing says which ${unknown.join(", ")} this profile is of`,
      advice: "convert it to profile.json and state it there: --model, --gpu, --backend",
    });
  }
  const longestPrompt = prefill.isl.at(-1)!;
  const longestContext = Math.max(...decode.contextLength);
  if (longestPrompt > 2 * longestContext) {
    findings.push({
      severity: "info",
      code: "DECODE_SHORTER_THAN_PREFILL",
      message: `prompts were measured up to ${longestPrompt} tokens, decode contexts only up to ${longestContext}`,
      advice: "decode times of longer prompts are extrapolated: profile decode at longer contexts where they matter",
    });
  }
  return findings;
}
