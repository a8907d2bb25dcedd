import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CandidateStore } from "../sweep/hooks.ts";
import type { OutputFolder } from "./output-folder.ts";

/** In a candidate's folder: what was asked, and what came of it. */
export const RESULT_FILE = "result.json";

/**
 * Results in the folders of their candidates. Reading them back is for `--skip-existing`: a file that answers another question (or
 * is no such file) counts as none.
 * @param subject what the whole run is about; part of every question
 */
export function candidateStore(root: OutputFolder, subject: Record<string, unknown>, reuse: boolean): CandidateStore {
  const keyOf = (question: unknown) => JSON.stringify({ subject, question });
  return {
    load: (folder, question) => {
      if (!reuse) return undefined;
      const found = readResult(join(root.path, folder, RESULT_FILE));
      if (
        found === undefined ||
        JSON.stringify({ subject: found.subject, question: found.question }) !== keyOf(question)
      ) {
        return undefined;
      }
      return found.result;
    },
    save: (folder, question, result) => {
      root.write(`${folder}/${RESULT_FILE}`, `${JSON.stringify({ subject, question, result }, null, 2)}\n`);
    },
  };
}

function readResult(path: string): { subject: unknown; question: unknown; result: unknown } | undefined {
  try {
    const found: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof found !== "object" || found === null || !("result" in found)) return undefined;
    const { subject, question, result } = found as Record<string, unknown>;
    return { subject, question, result };
  } catch {
    return undefined;
  }
}
