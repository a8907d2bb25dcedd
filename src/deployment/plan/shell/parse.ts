/** Part of a word: text, or a variable with what stands for it where it is unset (`-`) or also empty (`:-`). */
export type WordPart =
  | { kind: "text"; text: string }
  | { kind: "variable"; name: string; isQuoted: boolean; fallback: WordPart[] | null; evenEmpty: boolean };

export interface Word {
  parts: WordPart[];
  /** Opens without a quote: may be an operator, an assignment, a reserved word. */
  isBare: boolean;
}

/** One simple command of a script, with what ends it. */
export interface SimpleCommand {
  words: Word[];
  /** Redirections are left out of `words`. */
  isRedirected: boolean;
  end: "" | ";" | "&&" | "||" | "|" | "&";
}

/** Why a script can't be followed. */
export class NotFollowed extends Error {}

const RESERVED = new Set([
  ...["if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac", "in", "select"],
  ...["function", "{", "}", "!", "[[", "((", "time", "coproc"],
]);

/**
 * The simple commands of a script of sh or bash, one after the other: quotes, escapes, variables, comments, continued lines,
 * `&&`, `;`, pipes and redirections. Conditions, loops, functions and substitutions of commands can't be followed.
 * @throws NotFollowed
 */
export function parseScript(script: string): SimpleCommand[] {
  return new Reader(script.replaceAll("\r\n", "\n")).commands();
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  commands(): SimpleCommand[] {
    const commands: SimpleCommand[] = [];
    let current: SimpleCommand = { words: [], isRedirected: false, end: "" };
    const finish = (end: SimpleCommand["end"]) => {
      if (current.words.length > 0) commands.push({ ...current, end });
      else if (end !== ";" && end !== "") throw new NotFollowed(`"${end}" follows nothing`);
      current = { words: [], isRedirected: false, end: "" };
    };
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at]!;
      if (char === " " || char === "\t") this.#at++;
      else if (this.#text.startsWith("\\\n", this.#at)) this.#at += 2;
      else if (char === "#") this.#skipLine();
      else if (char === "\n") {
        this.#at++;
        // A line may end after && or |, and its command go on below.
        if (current.words.length > 0) finish(";");
      } else if (";&|".includes(char)) finish(this.#operator());
      else if ("()".includes(char)) throw new NotFollowed(`${JSON.stringify(char)} begins or ends a subshell`);
      else if (this.#redirection()) current.isRedirected = true;
      else {
        const word = this.#word();
        const plain = plainText(word);
        if (current.words.length === 0 && word.isBare && plain !== null && RESERVED.has(plain)) {
          throw new NotFollowed(`"${plain}" is more than a list of commands`);
        }
        current.words.push(word);
      }
    }
    finish("");
    return commands;
  }

  #skipLine(): void {
    while (this.#at < this.#text.length && this.#text[this.#at] !== "\n") this.#at++;
  }

  #operator(): SimpleCommand["end"] {
    const two = this.#text.slice(this.#at, this.#at + 2);
    // &> is a redirection of both streams; nothing of ours depends on it.
    if (two === "&&" || two === "||") {
      this.#at += 2;
      return two;
    }
    if (two === ";;" || two === "|&") throw new NotFollowed(`found "${two}"`);
    return this.#text[this.#at++] as ";" | "&" | "|";
  }

  /** Steps over `>file`, `2>&1`, `>>file`, `<file`. */
  #redirection(): boolean {
    const match = /^(\d*)(>>|>&|>\||<&|<|>)/.exec(this.#text.slice(this.#at));
    if (!match) return false;
    if (this.#text.startsWith("<<", this.#at + match[1]!.length)) throw new NotFollowed("found a here-document");
    if (/^[<>]\(/.test(this.#text.slice(this.#at + match[1]!.length)))
      throw new NotFollowed("found a process substitution");
    this.#at += match[0].length;
    while (this.#text[this.#at] === " ") this.#at++;
    if (this.#word().parts.length === 0) throw new NotFollowed("a redirection goes nowhere");
    return true;
  }

  #word(): Word {
    const parts: WordPart[] = [];
    const start = this.#at;
    const add = (text: string) => {
      const last = parts.at(-1);
      if (last?.kind === "text") last.text += text;
      else parts.push({ kind: "text", text });
    };
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at]!;
      if (/[\s;&|<>()]/.test(char)) break;
      if (char === "'") add(this.#single());
      else if (char === '"') this.#double(parts, add);
      else if (char === "\\") {
        const next = this.#text[this.#at + 1];
        this.#at += 2;
        if (next !== undefined && next !== "\n") add(next);
      } else if (char === "$") parts.push(...this.#dollar(false));
      else if (char === "`") throw new NotFollowed("found a substitution of a command (`)");
      else {
        add(char);
        this.#at++;
      }
    }
    const first = this.#text[start];
    return { parts, isBare: first !== "'" && first !== '"' && first !== "\\" };
  }

  #single(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    if (end < 0) throw new NotFollowed("a quote (') is never closed");
    const text = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return text;
  }

  #double(parts: WordPart[], add: (text: string) => void): void {
    this.#at++;
    add("");
    while (this.#text[this.#at] !== '"') {
      const char = this.#text[this.#at];
      if (char === undefined) throw new NotFollowed('a quote (") is never closed');
      if (char === "\\") {
        const next = this.#text[this.#at + 1] ?? "";
        add('\\"$`\n'.includes(next) ? next.replace("\n", "") : `\\${next}`);
        this.#at += 2;
      } else if (char === "$") parts.push(...this.#dollar(true));
      else if (char === "`") throw new NotFollowed("found a substitution of a command (`)");
      else {
        add(char);
        this.#at++;
      }
    }
    this.#at++;
  }

  #dollar(isQuoted: boolean): WordPart[] {
    const rest = this.#text.slice(this.#at);
    if (rest.startsWith("$(")) throw new NotFollowed("found a substitution of a command, $(…)");
    const name = /^\$([A-Za-z_]\w*)/.exec(rest)?.[1];
    if (name !== undefined) {
      this.#at += name.length + 1;
      return [{ kind: "variable", name, isQuoted, fallback: null, evenEmpty: false }];
    }
    const braced = /^\$\{([A-Za-z_]\w*)(?:(:?-)([^}]*))?\}/.exec(rest);
    if (braced) {
      this.#at += braced[0].length;
      const fallback = braced[3] === undefined ? null : fallbackOf(braced[3]);
      return [{ kind: "variable", name: braced[1]!, isQuoted, fallback, evenEmpty: braced[2] === ":-" }];
    }
    // Within double quotes, a quote behind a dollar sign is a quote.
    if (/^\$[{@*#?$!\d-]/.test(rest) || (!isQuoted && /^\$['"]/.test(rest)))
      throw new NotFollowed(`found ${JSON.stringify(rest.slice(0, 12))}`);
    this.#at++;
    return [{ kind: "text", text: "$" }];
  }
}

/** What stands behind `:-`: one word, in which variables count. */
function fallbackOf(text: string): WordPart[] {
  const commands = parseScript(`x=${text}`);
  const [only] = commands;
  if (commands.length !== 1 || only!.words.length !== 1)
    throw new NotFollowed(`found the default ${JSON.stringify(text)}`);
  const [first, ...others] = only!.words[0]!.parts;
  const opened = first as { kind: "text"; text: string };
  return [{ kind: "text", text: opened.text.slice(2) }, ...others];
}

/** A word without variables; null where it has some. */
export function plainText({ parts }: Word): string | null {
  return parts.every((part) => part.kind === "text")
    ? parts.map((part) => (part as { text: string }).text).join("")
    : null;
}
