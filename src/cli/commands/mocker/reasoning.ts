import type { ReasoningMarks } from "#mocker/worker";
import { badFlag } from "./errors.ts";

const SHAPE =
  'an object such as {"start_thinking_token_id": 1000, "end_thinking_token_id": 1001, "thinking_ratio": 0.3}';

/** What `--reasoning` says; null: the model does not reason. @throws UserError MOCKER_BAD_FLAG */
export function reasoningOf(text: string | undefined): { marks: ReasoningMarks; ratio: number } | null {
  if (text === undefined) return null;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    throw badFlag("--reasoning", text, SHAPE);
  }
  const { start_thinking_token_id, end_thinking_token_id, thinking_ratio } = (found ?? {}) as Record<string, unknown>;
  const isId = (id: unknown): id is number => Number.isInteger(id) && (id as number) >= 0;
  const isRatio = typeof thinking_ratio === "number" && thinking_ratio >= 0 && thinking_ratio <= 1;
  if (!isId(start_thinking_token_id) || !isId(end_thinking_token_id) || !isRatio) {
    throw badFlag("--reasoning", text, SHAPE);
  }
  return { marks: { startTokenId: start_thinking_token_id, endTokenId: end_thinking_token_id }, ratio: thinking_ratio };
}
