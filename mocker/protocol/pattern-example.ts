/**
 * The shortest-minded text that a regular expression of the common kind matches: literals, classes, groups, alternatives,
 * quantifiers, anchors. null where it has parts beyond those (assertions, back references, properties), or where what came
 * out does not match after all.
 */
export function patternExample(pattern: string): string | null {
  try {
    const example = new PatternReader(pattern).read();
    return new RegExp(pattern, "u").test(example) ? example : null;
  } catch {
    return null;
  }
}

const MAX_CHARACTERS = 10_000;

class Unsupported extends Error {}

class PatternReader {
  readonly #pattern: string;
  #at = 0;

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
    while (this.#at < this.#pattern.length && this.#peek() !== "|" && this.#peek() !== ")") {
      const unit = this.#unit();
      const count = this.#repeats();
      if (text.length + unit.length * count > MAX_CHARACTERS) throw new Unsupported();
      text += unit.repeat(count);
    }
    return text;
  }

  #unit(): string {
    const c = this.#next();
    switch (c) {
      case "^":
      case "$":
        return "";
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
    const text = this.#alternatives();
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
    case "b":
      return "";
    default:
      if (/[A-Za-z0-9]/.test(c)) throw new Unsupported();
      return c;
  }
}
