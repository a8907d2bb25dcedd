const LINE_FEED = "\n";
const QUOTE = 34;
const BACKSLASH = 92;
const NEVER = Number.POSITIVE_INFINITY;
/** Longer lines are no events of a completion. */
const MAX_LINE_CHARS = 8 * 2 ** 20;

/** Token counts as the server gives them; −1 where it does not. */
export interface Usage {
  promptTokens: number;
  completionTokens: number;
  cachedTokens: number;
  /** Share of the completion tokens. */
  reasoningTokens: number;
}

export const NO_USAGE: Usage = { promptTokens: -1, completionTokens: -1, cachedTokens: -1, reasoningTokens: -1 };

/**
 * Reads the server-sent events of a completion. What matters in all but a few of them is that a piece of text came: such
 * events are recognised by their characters and never parsed. Those that are not (roles, finish reasons without text, usage,
 * errors, other spellings of JSON) are. Events of one stream are alike around their text, so that of most of them only a few
 * characters are looked at.
 */
export class CompletionStream {
  /** The stream came to its end: `[DONE]`, or a finish reason. */
  finished = false;
  /** Output that is not reasoning has come. */
  answered = false;
  /** Events that brought reasoning alone. */
  reasoningEvents = 0;
  /** Message of an error event; null where there was none. */
  error: string | null = null;
  /** A line that is no event of a completion, for messages. */
  malformed: string | null = null;
  #usage: Usage | null = null;
  #usageLine: string | null = null;
  #rest = "";
  readonly #marker: string;
  /** Of the last event with text and nothing else: where the text began, and what followed it; empty: none yet. */
  #offset = 0;
  #suffix = "";

  constructor(endpoint: "chat" | "completions") {
    this.#marker = endpoint === "chat" ? '"content":"' : '"text":"';
  }

  /** Takes what came from the socket; returns how many content events it completed. */
  feed(chunk: Buffer): number {
    // Latin-1 keeps a byte a character: all that is looked for is ASCII.
    let text = chunk.toString("latin1");
    if (this.#rest !== "") text = this.#rest + text;
    const marker = this.#marker;
    let found = 0;
    let start = 0;
    // Where the next marker of each kind is; searched on only when passed, so that each character is looked at a few times.
    let contentAt = -1;
    let finishAt = -1;
    let usageAt = -1;
    for (;;) {
      const end = text.indexOf(LINE_FEED, start);
      if (end < 0) break;
      if (this.#isLikeTheLast(text, start, end)) {
        found++;
      } else if (text.startsWith("data:", start)) {
        if (contentAt < start) contentAt = next(text, marker, start);
        const textAt = contentAt + marker.length;
        if (contentAt < end && text.charCodeAt(textAt) !== QUOTE) {
          found++;
          this.answered = true;
          if (finishAt < start) finishAt = next(text, '"finish_reason":"', start);
          if (usageAt < start) usageAt = next(text, '"usage":{', start);
          if (finishAt < end) this.finished = true;
          if (usageAt < end) this.#usageLine = text.slice(start + 5, end);
          if (finishAt > end && usageAt > end) this.#learn(text, start, textAt, end);
        } else {
          found += this.#parse(text.slice(start + 5, end).trim());
        }
      }
      start = end + 1;
    }
    this.#rest = start === text.length ? "" : text.slice(start);
    if (this.#rest.length > MAX_LINE_CHARS) {
      this.malformed ??= `a line of more than ${MAX_LINE_CHARS} characters`;
      this.#rest = "";
    }
    return found;
  }

  #isLikeTheLast(text: string, start: number, end: number): boolean {
    const suffix = this.#suffix;
    const textAt = start + this.#offset;
    return (
      suffix !== "" &&
      end - suffix.length > textAt &&
      text.charCodeAt(textAt) !== QUOTE &&
      text.startsWith(this.#marker, textAt - this.#marker.length) &&
      text.startsWith(suffix, end - suffix.length)
    );
  }

  #learn(text: string, start: number, textAt: number, end: number): void {
    let at = textAt;
    while (at < end && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
    if (at >= end) return;
    this.#offset = textAt - start;
    this.#suffix = text.slice(at, end);
  }

  /** By the last event that told. */
  usage(): Usage {
    if (this.#usageLine !== null) {
      const line = this.#usageLine;
      this.#usageLine = null;
      this.#parse(line);
    }
    return this.#usage ?? NO_USAGE;
  }

  /** Returns 1 where the event carries output. */
  #parse(data: string): number {
    if (data === "[DONE]") {
      this.finished = true;
      return 0;
    }
    let event: unknown;
    try {
      event = JSON.parse(data);
    } catch {
      this.malformed ??= clipped(data);
      return 0;
    }
    if (!isObject(event)) {
      this.malformed ??= clipped(data);
      return 0;
    }
    if (event.error !== undefined && event.error !== null) {
      this.error ??= Buffer.from(errorMessage(event) ?? "an error without a message", "latin1").toString("utf8");
      return 0;
    }
    if (isObject(event.usage)) {
      this.#usage = usageOf(event.usage);
      this.#usageLine = null;
    }
    let answers = false;
    let reasons = false;
    for (const choice of Array.isArray(event.choices) ? event.choices : []) {
      if (!isObject(choice)) continue;
      if (typeof choice.finish_reason === "string") this.finished = true;
      answers ||= carriesAnswer(choice);
      reasons ||= carriesReasoning(choice);
    }
    if (answers) this.answered = true;
    else if (reasons) this.reasoningEvents++;
    return answers || reasons ? 1 : 0;
  }
}

function next(text: string, marker: string, from: number): number {
  const at = text.indexOf(marker, from);
  return at < 0 ? NEVER : at;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function carriesAnswer({ text, delta }: Record<string, unknown>): boolean {
  if (isText(text)) return true;
  if (!isObject(delta)) return false;
  const { content, refusal, tool_calls } = delta;
  if (isText(content) || isText(refusal)) return true;
  return Array.isArray(tool_calls) && tool_calls.length > 0;
}

function carriesReasoning({ delta }: Record<string, unknown>): boolean {
  return isObject(delta) && (isText(delta.reasoning_content) || isText(delta.reasoning));
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

export function usageOf(usage: Record<string, unknown>): Usage {
  const count = (value: unknown) => (typeof value === "number" && value >= 0 ? value : -1);
  const { prompt_tokens_details: prompt, completion_tokens_details: completion } = usage;
  return {
    promptTokens: count(usage.prompt_tokens),
    completionTokens: count(usage.completion_tokens),
    cachedTokens: isObject(prompt) ? count(prompt.cached_tokens) : -1,
    reasoningTokens: isObject(completion) ? count(completion.reasoning_tokens) : -1,
  };
}

/** The message of an error body: OpenAI's `{error: {message}}`, `{error: "…"}`, `{message}` or FastAPI's `{detail}`. */
export function errorMessage(body: Record<string, unknown>): string | null {
  const { error, message, detail } = body;
  if (isObject(error) && typeof error.message === "string") return error.message;
  for (const candidate of [error, message, detail]) if (typeof candidate === "string") return candidate;
  return error === undefined ? null : (JSON.stringify(error) ?? null);
}

export function clipped(text: string, length = 200): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
