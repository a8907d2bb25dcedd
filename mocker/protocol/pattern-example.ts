/**
 * The shortest-minded text that a regular expression of the common kind matches: literals, classes, groups, alternatives,
 * quantifiers, anchors at both ends. null where it has other parts (assertions, back references, properties). It matches by
 * the way it is made; the expression itself is never run, since whoever sends it could keep the process busy with it.
 */
export function patternExample(pattern: string): string | null {
  try {
    // Parses the expression, no more.
    new RegExp(pattern, "u");
    return new PatternReader(pattern).read();
  } catch {
    return null;
  }
}

const MAX_CHARACTERS = 10_000;

class Unsupported extends Error {}

class PatternReader {
  readonly #pattern: string;
  #at = 0;
  /** Groups around the current place. */
  #depth = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  read(): string {
    const text = this.#alternatives();
    if (this.#at < this.#pattern.length) throw new Unsupported();
    return text;
  }

  /** The first alternative; the others are read over. */
  #alternatives(): string {
    const first = this.#sequence();
    while (this.#peek() === "|") {
      this.#at++;
      this.#sequence();
    }
    return first;
  }

  #sequence(): string {
    let text = "";
    let ended = false;
    while (this.#at < this.#pattern.length && this.#peek() !== "|" && this.#peek() !== ")") {
      if (this.#isAnchor(text)) {
        ended ||= this.#next() === "$";
        continue;
      }
      if (ended) throw new Unsupported();
      const unit = this.#unit();
      const count = this.#repeats();
      if (text.length + unit.length * count > MAX_CHARACTERS) throw new Unsupported();
      text += unit.repeat(count);
    }
    return text;
  }

  /** `^` before all text, `$` after it. */
  #isAnchor(text: string): boolean {
    const c = this.#peek();
    if (c !== "^" && c !== "$") return false;
    if (this.#depth > 0 || (c === "^" && text !== "")) throw new Unsupported();
    return true;
  }

  #unit(): string {
    const c = this.#next();
    switch (c) {
      case ".":
        return "a";
      case "(":
        return this.#group();
      case "[":
        return this.#class();
      case "\\":
        return escapeExample(this.#next());
      case "*":
      case "+":
      case "?":
        throw new Unsupported();
      default:
        return c;
    }
  }

  #group(): string {
    if (this.#peek() === "?") {
      const kind = /^\?(?::|<[A-Za-z_]\w*>)/.exec(this.#pattern.slice(this.#at));
      if (kind === null) throw new Unsupported();
      this.#at += kind[0].length;
    }
    this.#depth++;
    const text = this.#alternatives();
    this.#depth--;
    if (this.#next() !== ")") throw new Unsupported();
    return text;
  }

  /** The class's first member, or of a negated one the first character that is none. */
  #class(): string {
    const start = this.#at - 1;
    const negated = this.#peek() === "^";
    if (negated) this.#at++;
    let first: string | null = null;
    while (this.#peek() !== "]") {
      const c = this.#next();
      first ??= c === "\\" ? escapeExample(this.#peek()) : c;
      if (c === "\\") this.#at++;
    }
    this.#at++;
    if (!negated && first !== null) return first;
    const matcher = new RegExp(this.#pattern.slice(start, this.#at), "u");
    const other = Array.from("aA0 _-").find((candidate) => matcher.test(candidate));
    if (other === undefined) throw new Unsupported();
    return other;
  }

  #repeats(): number {
    const quantifier = /^(?:[*+?]|\{(\d+)(?:,\d*)?\})\??/.exec(this.#pattern.slice(this.#at));
    if (quantifier === null) return 1;
    this.#at += quantifier[0].length;
    if (quantifier[1] !== undefined) return Number(quantifier[1]);
    return quantifier[0].startsWith("+") ? 1 : 0;
  }

  #peek(): string {
    return this.#pattern.charAt(this.#at);
  }

  #next(): string {
    if (this.#at >= this.#pattern.length) throw new Unsupported();
    const c = String.fromCodePoint(this.#pattern.codePointAt(this.#at)!);
    this.#at += c.length;
    return c;
  }
}

function escapeExample(c: string): string {
  switch (c) {
    case "d":
      return "0";
    case "w":
    case "D":
    case "S":
      return "a";
    case "s":
    case "W":
      return " ";
    case "n":
      return "\n";
    case "t":
      return "\t";
    default:
      if (/[A-Za-z0-9]/.test(c)) throw new Unsupported();
      return c;
  }
}
