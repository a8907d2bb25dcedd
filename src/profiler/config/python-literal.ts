import type { Path } from "#common/documents";

/** Deeper literals are refused, as Python's own parser does at some depth. */
const MAX_DEPTH = 100;

/** What a Python literal holds, and where each value and key of it begins in the text. */
export interface PythonLiteral {
  value: unknown;
  /** Offset of a value; of the nearest thing around it where it is missing. */
  offsetOf(path: Path): number;
  offsetOfKey(path: Path, key: string): number;
}

/** Why a text is no Python literal. */
export class NotALiteral extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

interface Node {
  value: unknown;
  offset: number;
  children?: Map<string | number, { keyOffset: number; node: Node }>;
}

/**
 * Reads what `ast.literal_eval` of Python reads, as far as a configuration has use for it: dicts, lists, tuples, strings (all quotes,
 * raw ones, escapes, several in a row), numbers, True, False and None, with comments and line breaks between.
 * @throws NotALiteral
 */
export function readPythonLiteral(text: string): PythonLiteral {
  const root = new Reader(text).whole();
  const nodeAt = (path: Path): Node => {
    let node = root;
    for (const key of path) {
      const child = node.children?.get(key);
      if (child === undefined) break;
      node = child.node;
    }
    return node;
  };
  return {
    value: root.value,
    offsetOf: (path) => nodeAt(path).offset,
    offsetOfKey: (path, key) => {
      const node = nodeAt(path);
      return node.children?.get(key)?.keyOffset ?? node.offset;
    },
  };
}

const NUMBER =
  /(?:0[xX](?:_?[\da-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|(?:\d(?:_?\d)*)?\.?(?:\d(?:_?\d)*)?(?:[eE][+-]?\d(?:_?\d)*)?)/y;
const WORD = /[A-Za-z_]\w*/y;
const ESCAPES: Readonly<Record<string, string>> = {
  "\n": "",
  "\\": "\\",
  "'": "'",
  '"': '"',
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

class Reader {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  whole(): Node {
    this.skip();
    const node = this.value(0);
    this.skip();
    if (this.at < this.text.length) throw this.unexpected("the end");
    return node;
  }

  private value(depth: number): Node {
    if (depth > MAX_DEPTH) throw new NotALiteral(this.at, "values nested too deeply to read");
    const letter = this.text[this.at] ?? "";
    if (letter === "{") return this.dict(depth);
    if (letter === "[") return this.list("]", depth);
    if (letter === "(") return this.list(")", depth);
    if (/[\d.+-]/.test(letter)) return this.number();
    if (this.quoteHere() !== undefined) return this.strings();
    return this.word();
  }

  private dict(depth: number): Node {
    const offset = this.at++;
    const value: Record<string, unknown> = {};
    const children: NonNullable<Node["children"]> = new Map();
    for (this.skip(); this.text[this.at] !== "}"; this.skip()) {
      const key = this.value(MAX_DEPTH);
      if (typeof key.value !== "string" && typeof key.value !== "number") {
        throw new NotALiteral(key.offset, "a key that is neither a text nor a number");
      }
      const name = String(key.value);
      if (children.has(name)) throw new NotALiteral(key.offset, `the key ${JSON.stringify(name)} a second time`);
      this.expect(":");
      const node = this.value(depth + 1);
      children.set(name, { keyOffset: key.offset, node });
      // Not by assignment, for the sake of `__proto__`.
      Object.defineProperty(value, name, { value: node.value, enumerable: true, writable: true, configurable: true });
      this.separator("}");
    }
    this.at++;
    return { value, offset, children };
  }

  private list(close: "]" | ")", depth: number): Node {
    const offset = this.at++;
    const nodes: Node[] = [];
    let commas = 0;
    for (this.skip(); this.text[this.at] !== close; this.skip()) {
      nodes.push(this.value(depth + 1));
      commas += this.separator(close) ? 1 : 0;
    }
    this.at++;
    // One value in parentheses is that value, as Python has it.
    if (close === ")" && nodes.length === 1 && commas === 0) return nodes[0]!;
    const children = new Map(nodes.map((node, index) => [index, { keyOffset: node.offset, node }] as const));
    return { value: nodes.map((node) => node.value), offset, children };
  }

  /** True where a comma was there. */
  private separator(close: string): boolean {
    this.skip();
    if (this.text[this.at] === ",") {
      this.at++;
      return true;
    }
    if (this.text[this.at] !== close) throw this.unexpected(`"," or "${close}"`);
    return false;
  }

  private number(): Node {
    const offset = this.at;
    const sign = /[+-]/.test(this.text[this.at] ?? "") ? this.text[this.at++] : "";
    const digits = this.match(NUMBER).replaceAll("_", "");
    const value = digits === "" || digits === "." ? Number.NaN : Number(digits);
    if (Number.isNaN(value) || /\w/.test(this.text[this.at] ?? "")) {
      this.at = offset;
      throw this.unexpected("a number");
    }
    return { value: sign === "-" ? -value : value, offset };
  }

  private word(): Node {
    const offset = this.at;
    const word = this.match(WORD);
    if (word === "True") return { value: true, offset };
    if (word === "False") return { value: false, offset };
    if (word === "None") return { value: null, offset };
    this.at = offset;
    throw this.unexpected("a literal");
  }

  /** Strings that stand side by side are one. */
  private strings(): Node {
    const offset = this.at;
    let value = "";
    do {
      value += this.string();
      this.skip();
    } while (this.quoteHere() !== undefined);
    return { value, offset };
  }

  /** Prefix and quote of a string that begins here. */
  private quoteHere(): { prefix: string; quote: string } | undefined {
    const found = /^([rRuU]?)('''|"""|'|")/.exec(this.text.slice(this.at, this.at + 4));
    return found ? { prefix: found[1]!.toLowerCase(), quote: found[2]! } : undefined;
  }

  private string(): string {
    const offset = this.at;
    const { prefix, quote } = this.quoteHere()!;
    this.at += prefix.length + quote.length;
    let value = "";
    while (!this.text.startsWith(quote, this.at)) {
      const letter = this.text[this.at];
      if (letter === undefined || (letter === "\n" && quote.length === 1)) {
        throw new NotALiteral(offset, "a text without its closing quote");
      }
      this.at++;
      if (letter !== "\\") value += letter;
      else if (prefix === "r") value += `\\${this.text[this.at++] ?? ""}`;
      else value += this.escape();
    }
    this.at += quote.length;
    return value;
  }

  private escape(): string {
    const letter = this.text[this.at++] ?? "";
    const plain = ESCAPES[letter];
    if (plain !== undefined) return plain;
    const digits = { x: 2, u: 4, U: 8 }[letter];
    if (digits !== undefined) {
      const hex = this.text.slice(this.at, this.at + digits);
      const code = /^[\da-fA-F]+$/.test(hex) && hex.length === digits ? Number.parseInt(hex, 16) : Number.NaN;
      if (!(code <= 0x10ffff)) throw new NotALiteral(this.at - 2, "an escape that is cut short");
      this.at += digits;
      return String.fromCodePoint(code);
    }
    const octal = /^[0-7]{1,3}/.exec(this.text.slice(this.at - 1, this.at + 2))?.[0];
    if (octal !== undefined) {
      this.at += octal.length - 1;
      return String.fromCodePoint(Number.parseInt(octal, 8));
    }
    // Python keeps an escape that it does not know.
    return `\\${letter}`;
  }

  private expect(sign: string): void {
    this.skip();
    if (this.text[this.at] !== sign) throw this.unexpected(`"${sign}"`);
    this.at++;
    this.skip();
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  /** White space, comments and continued lines. */
  private skip(): void {
    this.match(/(?:[ \t\r\n\f]|#[^\n]*|\\\r?\n)*/y);
  }

  private unexpected(expected: string): NotALiteral {
    const rest = this.text.slice(this.at, this.at + 12).split("\n")[0] ?? "";
    const found = this.at >= this.text.length ? "the end" : JSON.stringify(rest);
    return new NotALiteral(this.at, `${found} where ${expected} was expected`);
  }
}
