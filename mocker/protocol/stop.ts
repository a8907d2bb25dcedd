import type { GenerationRequest } from "./requests.ts";
import type { SaidText } from "./said.ts";

type StopParameters = Pick<GenerationRequest, "stop" | "stopTokenIds" | "includeStop">;

/**
 * Ends a text where a stop string is complete, or at a stop token: as with vLLM, the tokens up to there are generated, the text
 * ends before the stop string (after it with `include_stop_str_in_output`), and stops within `minTokens` don't count.
 */
export function cutAtStop(whole: SaidText, request: StopParameters, minTokens: number): SaidText {
  if (request.stop.length === 0 && request.stopTokenIds.length === 0) return whole;
  const stopTokens = new Set(request.stopTokenIds);
  const pieces: string[] = [];
  let text = "";
  for (let i = 0; i < whole.tokens; i++) {
    const piece = whole.text(i);
    const before = text.length;
    pieces.push(piece);
    text += piece;
    if (i < minTokens) continue;
    if (stopTokens.has(whole.id(i))) return ended(whole, pieces, request.includeStop ? text.length : before);
    const match = firstStop(text, request.stop, before);
    if (match !== null) return ended(whole, pieces, request.includeStop ? match.end : match.start);
  }
  return whole;
}

/** The stop string that begins first, of those that end past `before`. */
function firstStop(text: string, stops: readonly string[], before: number): { start: number; end: number } | null {
  let found: { start: number; end: number } | null = null;
  for (const stop of stops) {
    const start = text.indexOf(stop, Math.max(0, before - stop.length + 1));
    if (start !== -1 && (found === null || start < found.start)) found = { start, end: start + stop.length };
  }
  return found;
}

function ended(whole: SaidText, pieces: readonly string[], length: number): SaidText {
  let left = length;
  const cut = pieces.map((piece) => {
    const part = piece.slice(0, Math.max(0, left));
    left -= piece.length;
    return part;
  });
  return { tokens: cut.length, finishReason: "stop", id: whole.id, text: (index) => cut[index] ?? "" };
}
