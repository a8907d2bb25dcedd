/** A word of a command line: what it says, and how it is written, with the space before it. */
interface Word {
  value: string;
  raw: string;
  before: string;
}

/** Where the command whose flags are meant ends: what follows goes to the shell or to the next command. */
const END = /^(\||\|\||&&|&|;|[0-9]?>.*|2>&1)$/;

/**
 * The arguments of a container, to be edited flag by flag. Knows three ways in which they are written: one word an item;
 * flag and value in one item (`--tp 4`); and a script for `sh -c`, which keeps its quoting, line ends and redirections.
 */
export class Arguments {
  readonly #words: Word[];
  readonly #script: boolean;
  /** What follows the script in the list: its positional parameters. */
  readonly #rest: string[];

  constructor(command: readonly string[], args: readonly string[]) {
    this.#script = isShell(command) && args.length > 0;
    this.#rest = this.#script ? args.slice(1) : [];
    if (this.#script) this.#words = splitScript(args[0]!);
    else this.#words = args.flatMap((item) => splitItem(item)).map((value) => ({ value, raw: value, before: " " }));
  }

  /** As a container has them. */
  list(): string[] {
    if (!this.#script) return this.#words.map(({ value }) => value);
    const script = this.#words.map(({ before, raw }, i) => (i === 0 ? before.trimStart() : before) + raw).join("");
    return [script, ...this.#rest];
  }

  has(...flags: string[]): boolean {
    return flags.some((flag) => this.#find(flag) >= 0);
  }

  /** Value of the flag, in whichever of its names it is there: `--flag value` or `--flag=value`. */
  value(...flags: string[]): string | undefined {
    for (const flag of flags) {
      const at = this.#find(flag);
      if (at < 0) continue;
      const { value } = this.#words[at]!;
      return value === flag ? this.#words[at + 1]?.value : value.slice(flag.length + 1);
    }
    return undefined;
  }

  /** Sets the flag where it stands, whichever of its names is used there; else appends it by its first name. */
  set(value: string, flag: string, ...aliases: string[]): this {
    for (const name of [flag, ...aliases]) {
      const at = this.#find(name);
      if (at < 0) continue;
      const word = this.#words[at]!;
      if (word.value !== name) this.#write(word, `${name}=${value}`);
      else if (this.#hasValue(at)) this.#write(this.#words[at + 1]!, value);
      else this.#words.splice(at + 1, 0, this.#word(value));
      return this;
    }
    return this.append(flag, value);
  }

  /** Adds a flag without a value, once. */
  enable(flag: string): this {
    return this.has(flag) ? this : this.append(flag);
  }

  /** Removes flags without values. */
  drop(...flags: string[]): this {
    for (const flag of flags) {
      for (let at = this.#find(flag); at >= 0; at = this.#find(flag)) this.#words.splice(at, 1);
    }
    return this;
  }

  /** Removes flags with their values. */
  dropValued(...flags: string[]): this {
    for (const flag of flags) {
      for (let at = this.#find(flag); at >= 0; at = this.#find(flag)) {
        const own = this.#words[at]!.value === flag && this.#hasValue(at);
        this.#words.splice(at, own ? 2 : 1);
      }
    }
    return this;
  }

  /** All flags that open with a prefix, with their values, taken out. */
  takePrefixed(prefix: string): [flag: string, value: string | undefined][] {
    const taken: [string, string | undefined][] = [];
    for (let at = 0; at < this.#words.length; ) {
      const { value } = this.#words[at]!;
      if (!value.startsWith(prefix)) {
        at++;
        continue;
      }
      const equals = value.indexOf("=");
      const own = equals < 0 && this.#hasValue(at);
      if (equals >= 0) taken.push([value.slice(0, equals), value.slice(equals + 1)]);
      else taken.push([value, own ? this.#words[at + 1]!.value : undefined]);
      this.#words.splice(at, own ? 2 : 1);
    }
    return taken;
  }

  /** Adds words after the last of the command: before a pipe or a redirection. */
  append(...values: string[]): this {
    const end = this.#words.findIndex(({ value, raw }) => value === raw && END.test(value));
    this.#words.splice(end < 0 ? this.#words.length : end, 0, ...values.map((value) => this.#word(value)));
    return this;
  }

  #find(flag: string): number {
    return this.#words.findIndex(({ value }) => value === flag || value.startsWith(`${flag}=`));
  }

  /** The next word is the flag's value: not a flag of its own, nor the end of the command. */
  #hasValue(at: number): boolean {
    const next = this.#words[at + 1];
    if (!next || (next.value === next.raw && END.test(next.value))) return false;
    return !/^--?[A-Za-z]/.test(next.value);
  }

  #word(value: string): Word {
    return { value, raw: this.#script ? quoted(value) : value, before: " " };
  }

  #write(word: Word, value: string): void {
    word.value = value;
    word.raw = this.#script ? quoted(value) : value;
  }
}

function isShell(command: readonly string[]): boolean {
  const shell = command[0]?.split("/").at(-1);
  return (shell === "sh" || shell === "bash") && /^-[a-z]*c$/.test(command.at(-1) ?? "");
}

/** An item that holds several words is a flag with what follows; anything else, such as JSON, is one word. */
function splitItem(item: string): string[] {
  if (!/^-\S*\s/.test(item.trimStart())) return [item];
  return splitScript(item).map(({ value }) => value);
}

/** Words of a shell script by POSIX's quoting, each with the space before it; a line's continuation is space. */
function splitScript(script: string): Word[] {
  const words: Word[] = [];
  const token = /((?:\s|\\\n)*)((?:'[^']*'|"(?:\\[\s\S]|[^"\\])*"|\\[^\n]|[^\s'"\\])+)/g;
  let end = 0;
  for (const match of script.matchAll(token)) {
    const raw = match[2]!;
    words.push({ before: match[1]!, raw, value: unquoted(raw) });
    end = match.index + match[0].length;
  }
  const tail = script.slice(end);
  // A quote that is never closed is kept as it is.
  if (tail.trim() !== "") words.push({ before: " ", raw: tail.trim(), value: tail.trim() });
  return words;
}

function unquoted(raw: string): string {
  return raw.replace(/'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([^\n])/g, (_, single, double, escaped) => {
    if (single !== undefined) return single;
    if (double !== undefined) return (double as string).replace(/\\(["\\$`\n])/g, "$1");
    return escaped;
  });
}

function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
