import { NotFollowed, parseScript, plainText, type SimpleCommand, type Word, type WordPart } from "./parse.ts";

/** The one command of a script that is to be run, and what has been done before it. */
export interface Followed {
  words: string[];
  /** Variables that the script has set. */
  assigned: ReadonlyMap<string, string>;
  /** Folder that it has gone to; as the script has it. */
  folder: string | null;
  /** Commands and redirections that are left aside. */
  left: string[];
}

/** Commands that prepare a container, without which ours run just as well. */
const PREPARATION = new Set([
  ...[
    "set",
    "ulimit",
    "umask",
    "echo",
    "printf",
    "mkdir",
    "sleep",
    "source",
    ".",
    "true",
    ":",
    "ls",
    "cat",
    "date",
    "trap",
  ],
  ...[
    "nvidia-smi",
    "env",
    "hostname",
    "whoami",
    "id",
    "pwd",
    "pip",
    "pip3",
    "chmod",
    "wait",
    "which",
    "test",
    "[",
    "exit",
  ],
]);
/** Commands before a command that only change how it is started. */
const WRAPPERS = new Set(["exec", "nohup", "command"]);

/**
 * Follows a script to its one command of note: variables are expanded as the shell would, in order.
 * @throws NotFollowed where there is none or more than one, or something that can't be followed
 */
export function followScript(script: string, variables: ReadonlyMap<string, string>): Followed {
  const known = new Map(variables);
  const assigned = new Map<string, string>();
  const left: string[] = [];
  let folder: string | null = null;
  let main: string[] | null = null;
  let before: SimpleCommand["end"] = "";
  for (const command of parseScript(script)) {
    const ahead = command.words.findIndex((word) => !isAssignment(word));
    const assignments = command.words.slice(0, ahead < 0 ? undefined : ahead);
    const own = new Map(assignments.map((word) => assignmentOf(word, known)));
    const words = ahead < 0 ? [] : command.words.slice(ahead).flatMap((word) => expand(word, known));
    const [name, ...rest] = unwrapped(words, own);
    const text = words.join(" ");
    const follows = before;
    before = command.end;
    if (command.isRedirected && name !== undefined && !PREPARATION.has(name)) left.push("redirections of its output");
    if (follows === "||") {
      left.push(text);
      continue;
    }
    if (follows === "|") {
      if (name !== "tee") throw new NotFollowed(`the output goes to ${JSON.stringify(name ?? "")}`);
      left.push(text);
      continue;
    }
    if (name === undefined) assign(own);
    else if (name === "export" || name === "declare" || name === "readonly") {
      for (const item of rest.filter((word) => word.includes("="))) assign(new Map([splitAssignment(item)]));
    } else if (name === "unset") for (const item of rest) known.delete(item);
    else if (name === "cd") folder = rest[0] ?? folder;
    else if (PREPARATION.has(name)) left.push(text);
    else if (main !== null) throw new NotFollowed(`it starts two programs, ${main[0]} and ${name}`);
    else {
      assign(own);
      main = [name, ...rest];
    }
  }
  if (main === null) throw new NotFollowed("it starts no program");
  return { words: main, assigned, folder, left: [...new Set(left)] };

  function assign(values: ReadonlyMap<string, string>): void {
    for (const [key, value] of values) {
      known.set(key, value);
      assigned.set(key, value);
    }
  }
}

/** Without `exec`, `env A=b` and the like before it; what `env` sets is added to `own`. */
function unwrapped(words: readonly string[], own: Map<string, string>): readonly string[] {
  const [first, ...rest] = words;
  if (first !== undefined && WRAPPERS.has(first))
    return unwrapped(
      rest.filter((word, i) => i > 0 || word !== "--"),
      own,
    );
  if (first !== "env") return words;
  const at = rest.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word));
  if (at < 0 || rest[at]!.startsWith("-")) return words;
  for (const word of rest.slice(0, at)) own.set(...splitAssignment(word));
  return unwrapped(rest.slice(at), own);
}

function isAssignment(word: Word): boolean {
  const [first] = word.parts;
  return word.isBare && first?.kind === "text" && /^[A-Za-z_]\w*=/.test(first.text);
}

function assignmentOf(word: Word, variables: ReadonlyMap<string, string>): [string, string] {
  return splitAssignment(word.parts.map((part) => textOf(part, variables)).join(""));
}

function splitAssignment(text: string): [string, string] {
  const at = text.indexOf("=");
  return [text.slice(0, at), text.slice(at + 1)];
}

/** The words that one word becomes: values of unquoted variables are divided at spaces. */
function expand(word: Word, variables: ReadonlyMap<string, string>): string[] {
  const plain = plainText(word);
  if (plain !== null) return [plain];
  const words: string[] = [];
  let open: string | null = null;
  for (const part of word.parts) {
    const value = textOf(part, variables);
    if (part.kind === "text" || part.isQuoted) {
      open = (open ?? "") + value;
      continue;
    }
    const pieces = value.split(/[ \t\n]+/);
    for (const [i, piece] of pieces.entries()) {
      if (i > 0 && open !== null && open !== "") {
        words.push(open);
        open = null;
      }
      if (piece !== "") open = (open ?? "") + piece;
    }
  }
  return open === null ? words : [...words, open];
}

function textOf(part: WordPart, variables: ReadonlyMap<string, string>): string {
  if (part.kind === "text") return part.text;
  const value = variables.get(part.name);
  const isMissing = value === undefined || (part.evenEmpty && value === "");
  if (!isMissing) return value;
  return (part.fallback ?? []).map((inner) => textOf(inner, variables)).join("");
}
