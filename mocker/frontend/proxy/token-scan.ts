const LINE_FEED = 0x0a;
const LETTER_D = 0x64;
const BRACKET = 0x5b;
/** Where the value of `data: …` begins. */
const VALUE_AT = "data: ".length;
/** Bytes at the end of a stream that are looked at once it is over: usage, an error, and the end mark. */
const TAIL_CHUNKS = 4;

/**
 * A chunk that carries a token: text, reasoning, arguments of a tool call. Role chunks have an empty `content`. A quote
 * within JSON text is escaped, so nothing that a model says looks like this.
 */
const TOKEN =
  /"(?:content|text|reasoning_content|reasoning|refusal|arguments)": ?"(?!")|"(?:token_ids|tool_calls)": ?\[[^\]]/;
const EVENT_END = /\r?\n\r?\n/;

/** What the end of a stream told. */
export interface StreamEnd {
  /** `data: [DONE]` has come. */
  done: boolean;
  /** The message of an error event, and its code or type. */
  error: string | null;
  usage: { promptTokens: number; completionTokens: number; cachedTokens: number } | null;
}

/**
 * Follows a stream of completion chunks without decoding it. From the first token on every `data:` line counts as one
 * token, except the end mark and the usage chunk; what is in front of the first token is read as text.
 */
export class TokenScan {
  tokens = 0;
  #begun = false;
  #usageMark = '"choices":[]';
  readonly #tail: Buffer[] = [];
  #tailAt = 0;

  /** Takes the next events of the stream, whole ones; returns how many tokens they brought. */
  feed(events: Buffer): number {
    if (events.length === 0) return 0;
    if (this.#tail.length < TAIL_CHUNKS) this.#tail.push(events);
    else this.#tail[this.#tailAt] = events;
    this.#tailAt = (this.#tailAt + 1) % TAIL_CHUNKS;
    const tokens = this.#begun ? this.#count(events) : this.#seekFirst(events);
    this.tokens += tokens;
    return tokens;
  }

  #count(events: Buffer): number {
    let lines = isTokenLine(events, 0) ? 1 : 0;
    let at = events.indexOf(LINE_FEED);
    while (at >= 0) {
      const start = at + 1;
      if (isTokenLine(events, start)) lines++;
      at = events.indexOf(LINE_FEED, start);
    }
    return lines > 0 && events.includes(this.#usageMark) ? lines - 1 : lines;
  }

  /** Until the first token events are looked at one by one. */
  #seekFirst(events: Buffer): number {
    let rest = events.toString("latin1");
    for (let end = EVENT_END.exec(rest); end !== null; end = EVENT_END.exec(rest)) {
      const event = rest.slice(0, end.index);
      if (TOKEN.test(event)) {
        this.#begun = true;
        if (event.includes('": ')) this.#usageMark = '"choices": []';
        // The rest of this piece is counted as all others are.
        return this.#count(Buffer.from(rest, "latin1"));
      }
      rest = rest.slice(end.index + end[0].length);
    }
    return 0;
  }

  /** Reads the end of the stream; to be called once, when all has been fed. */
  end(): StreamEnd {
    const chunks = this.#tail.length < TAIL_CHUNKS ? this.#tail : rotate(this.#tail, this.#tailAt);
    const text = Buffer.concat(chunks).toString("utf8");
    const end: StreamEnd = { done: false, error: null, usage: null };
    for (const line of text.slice(Math.max(0, text.length - 8192)).split("\n")) {
      if (line.startsWith("data: [DONE]")) end.done = true;
      else if (line.startsWith(USAGE_COMMENT)) end.usage = usageOf(parse(line.slice(USAGE_COMMENT.length)));
      else if (line.startsWith("data: {")) {
        if (/"usage": ?\{/.test(line)) end.usage = usageOf((parse(line.slice(VALUE_AT)) as { usage?: unknown })?.usage);
        else if (/"error": ?\{/.test(line)) end.error = messageOf(parse(line.slice(VALUE_AT))) ?? end.error;
      }
    }
    return end;
  }
}

/** A worker of ours tells the usage of every stream in a comment, which clients skip. */
export const USAGE_COMMENT = ": usage ";

/** `data: ` and a value that is not `[DONE]`; no other field of an event begins with that letter. */
function isTokenLine(events: Buffer, start: number): boolean {
  return events[start] === LETTER_D && events[start + VALUE_AT] !== BRACKET;
}

function rotate<T>(ring: readonly T[], at: number): T[] {
  return [...ring.slice(at), ...ring.slice(0, at)];
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

function messageOf(event: unknown): string | null {
  const error = (event as { error?: { message?: unknown } } | null)?.error;
  return error === undefined || error === null ? null : String(error.message ?? "error without a message");
}

/** OpenAI's `usage` object. */
export function usageOf(usage: unknown): StreamEnd["usage"] {
  const value = usage as {
    prompt_tokens?: unknown;
    completion_tokens?: unknown;
    prompt_tokens_details?: { cached_tokens?: unknown } | null;
  } | null;
  if (typeof value?.prompt_tokens !== "number") return null;
  const cached = value.prompt_tokens_details?.cached_tokens;
  return {
    promptTokens: value.prompt_tokens,
    completionTokens: typeof value.completion_tokens === "number" ? value.completion_tokens : 0,
    cachedTokens: typeof cached === "number" ? cached : 0,
  };
}
