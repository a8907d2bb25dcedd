import { didYouMean, UserError } from "#common";
import type { Tokenizer } from "#mocker/text";
import type { Workload } from "#scenarios";

/**
 * Reads literal prompts: JSONL with `text` a line (AIPerf's single_turn), and `output_length` where a prompt has its own.
 * @param count prompts to send, repeated from the first where the file has fewer; undefined: each once
 * @throws UserError CLI_PROMPTS_… with `file:line`
 */
export function readPrompts(
  content: string,
  file: string,
  tokenizer: Tokenizer,
  osl: number,
  count: number | undefined,
): { texts: string[]; workload: Workload } {
  const prompts: { text: string; isl: number; osl: number }[] = [];
  content.split("\n").forEach((line, i) => {
    if (line.trim() === "") return;
    const where = `${file}:${i + 1}`;
    const { text, output_length: own } = row(line, where);
    if (typeof text !== "string" || text === "") throw badPrompt(where, text, line);
    if (own !== undefined && !(typeof own === "number" && Number.isInteger(own) && own > 0)) {
      throw new UserError({
        code: "CLI_PROMPTS_BAD_LENGTH",
        where,
        message: `"output_length": found ${JSON.stringify(own)}, expected a whole number of tokens, at least 1`,
      });
    }
    prompts.push({ text, isl: Math.max(1, tokenizer.encode(text).length), osl: (own as number | undefined) ?? osl });
  });
  if (prompts.length === 0) {
    throw new UserError({ code: "CLI_PROMPTS_EMPTY", where: file, message: "found no prompts, expected at least one" });
  }
  const used = Array.from({ length: count ?? prompts.length }, (_, i) => prompts[i % prompts.length]!);
  return {
    texts: used.map((prompt) => prompt.text),
    workload: {
      count: used.length,
      isl: Int32Array.from(used, (prompt) => prompt.isl),
      osl: Int32Array.from(used, (prompt) => prompt.osl),
      arrivalMs: new Float64Array(used.length),
      openHeads: Int32Array.from(used, (_, i) => i),
      closedLoops: [],
      nextTurn: null,
      thinkMs: null,
      turnIndex: null,
      sessionIds: null,
      prompts: null,
      horizonMs: 0,
    },
  };
}

function row(line: string, where: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    value = null;
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UserError({
    code: "CLI_PROMPTS_BAD_JSON",
    where,
    message: "found a line that is no JSON object, expected one prompt a line",
    hint: 'such as {"text": "What is deep learning?"}',
  });
}

function badPrompt(where: string, text: unknown, line: string): UserError {
  const keys = Object.keys(JSON.parse(line) as object);
  const hint =
    text === undefined
      ? keys.includes("input_length")
        ? "a trace is read without --custom-dataset-type"
        : didYouMean("text", keys)
      : undefined;
  return new UserError({
    code: "CLI_PROMPTS_BAD_TEXT",
    where,
    message: `"text": found ${text === undefined ? "nothing" : JSON.stringify(text)}, expected the prompt`,
    ...(hint === undefined ? {} : { hint }),
  });
}
