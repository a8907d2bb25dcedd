import { didYouMean, UserError } from "#common";
import type { Dialect } from "../types.ts";
import { ENDPOINT_FLAGS } from "./endpoint-flags.ts";
import { PROFILE_FLAGS } from "./profile-flags.ts";

/** A command line of ours. */
export interface TranslatedCommand {
  command: "profile" | "profile-endpoint";
  args: string[];
}

type Tool = "profile_sla" | "profile_sla.py" | "dynamo.profiler" | "profile_endpoint";

/** A flag as a tool of the documents has it. */
interface ToolFlag {
  name: string;
  takesValue: boolean;
  /** Ours. */
  ours: string;
}

const MODULES: Readonly<Record<string, Tool>> = {
  "benchmarks.profiler.profile_sla": "profile_sla",
  "dynamo.profiler.profile_sla": "profile_sla",
  "dynamo.profiler": "dynamo.profiler",
  "benchmarks.profiler.profile_endpoint": "profile_endpoint",
  "dynamo.profiler.profile_endpoint": "profile_endpoint",
};

const FILES: readonly [RegExp, Tool][] = [
  [/(^|\/)profile_sla\.py$/, "profile_sla.py"],
  [/(^|\/)profile_endpoint\.py$/, "profile_endpoint"],
];

/** Whether words are a command line of the documents, to be translated. */
export function isForeignCommandLine(argv: readonly string[]): boolean {
  return /(^|\/)python[\d.]*$/.test(argv[0] ?? "");
}

/**
 * Translates a command line of the documents into ours, word for word: `python -m benchmarks.profiler.profile_sla …`,
 * `python benchmarks/profiler/profile_sla.py …`, `python -m dynamo.profiler …`, `python -m benchmarks.profiler.profile_endpoint …`.
 * As Python's argparse does, it takes any beginning of a flag that means one alone, and `--flag=value`.
 * @throws UserError PROFILER_FOREIGN_COMMAND, PROFILER_FOREIGN_FLAG
 */
export function translateCommandLine(argv: readonly string[]): TranslatedCommand {
  const { tool, rest } = toolOf(argv);
  const used = new Set<string>();
  const translated = translateFlags(tool, rest, used);
  if (tool === "profile_endpoint") return { command: "profile-endpoint", args: translated };
  const dialect = dialectOf(tool, used);
  return { command: "profile", args: dialect === undefined ? translated : [...translated, "--dialect", dialect] };
}

function toolOf(argv: readonly string[]): { tool: Tool; rest: readonly string[] } {
  if (!isForeignCommandLine(argv)) throw foreignCommand(argv[0] ?? "nothing", "python");
  let at = 1;
  // Interpreter options without a value, such as -u.
  while (/^-[a-zA-Z]$/.test(argv[at] ?? "") && argv[at] !== "-m") at++;
  const found = argv[at] ?? "nothing";
  if (found === "-m") {
    const module = argv[at + 1] ?? "nothing";
    const tool = Object.hasOwn(MODULES, module) ? MODULES[module] : undefined;
    if (tool === undefined)
      throw foreignCommand(`-m ${module}`, Object.keys(MODULES).join(", "), didYouMean(module, Object.keys(MODULES)));
    return { tool, rest: argv.slice(at + 2) };
  }
  const tool = FILES.find(([file]) => file.test(found))?.[1];
  if (tool === undefined) throw foreignCommand(found, "profile_sla.py, profile_endpoint.py, or -m and a module");
  return { tool, rest: argv.slice(at + 1) };
}

/** Flags of a tool, in our order. */
export function flagsOf(tool: Tool): ToolFlag[] {
  if (tool === "profile_endpoint") {
    return ENDPOINT_FLAGS.map(({ name }) => ({ name, takesValue: true, ours: name.replaceAll("_", "-") }));
  }
  const eras = tool === "dynamo.profiler" ? ["1.0"] : ["0.3", "0.6", "0.8"];
  return PROFILE_FLAGS.filter((flag) => flag.eras.some((era) => eras.includes(era))).map(({ name, value }) => ({
    name,
    takesValue: value !== undefined,
    ours: name,
  }));
}

function translateFlags(tool: Tool, args: readonly string[], used: Set<string>): string[] {
  const flags = flagsOf(tool);
  const translated: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const word = args[at]!;
    const [, spelled, attached] = /^--([^=]+)(?:=([\s\S]*))?$/.exec(word) ?? [];
    if (spelled === undefined) throw foreignFlag(word, "unrecognized arguments");
    const flag = flagNamed(spelled, flags, tool);
    used.add(flag.name);
    if (!flag.takesValue) {
      if (attached !== undefined) throw foreignFlag(`--${flag.name}`, `ignored explicit argument "${attached}"`);
      translated.push(`--${flag.ours}`);
      continue;
    }
    const value = attached ?? args[++at];
    // A value that looks like a flag is none, unless it is a negative number.
    if (value === undefined || (attached === undefined && /^--?[a-zA-Z]/.test(value))) {
      throw foreignFlag(`--${flag.name}`, "expected one argument");
    }
    translated.push(`--${flag.ours}`, value);
  }
  return translated;
}

function flagNamed(spelled: string, flags: readonly ToolFlag[], tool: Tool): ToolFlag {
  const exact = flags.find(({ name }) => name === spelled);
  if (exact !== undefined) return exact;
  const plain = tool === "profile_endpoint" ? spelled.replaceAll("-", "_") : spelled;
  const meant = flags.filter(({ name }) => name.startsWith(plain));
  const same = meant.find(({ name }) => name === plain);
  if (same !== undefined || meant.length === 1) return same ?? meant[0]!;
  if (meant.length > 1) {
    const names = meant.map(({ name }) => `--${name}`).join(", ");
    throw foreignFlag(`--${spelled}`, `ambiguous option: --${spelled} could match ${names}`);
  }
  const near = didYouMean(
    spelled,
    flags.map(({ name }) => name),
  );
  throw foreignFlag(`--${spelled}`, `unrecognized arguments: --${spelled}`, near?.replace('"', '"--'));
}

/** The generation that a command line shows itself to be of; undefined where the documents it names, or the newest one, decide. */
function dialectOf(tool: Tool, used: ReadonlySet<string>): Dialect | undefined {
  if (tool === "dynamo.profiler") return undefined;
  const needs = (era: "0.6" | "0.8", not: readonly string[]) =>
    PROFILE_FLAGS.some(
      ({ name, eras }) => used.has(name) && eras.includes(era) && !eras.some((each) => not.includes(each)),
    );
  if (used.has("profile-config") || needs("0.8", ["0.3", "0.6"])) return undefined;
  if (needs("0.6", ["0.3", "0.8"])) return "0.6";
  const isOldest = tool === "profile_sla.py" && !needs("0.6", ["0.3"]);
  return isOldest ? "0.3" : undefined;
}

function foreignCommand(found: string, expected: string, hint?: string): UserError {
  return new UserError({
    code: "PROFILER_FOREIGN_COMMAND",
    where: "command line",
    message: `found ${found}, expected ${expected}`,
    ...(hint === undefined ? {} : { hint }),
  });
}

function foreignFlag(where: string, message: string, hint?: string): UserError {
  return new UserError({
    code: "PROFILER_FOREIGN_FLAG",
    where,
    message,
    hint: hint ?? "docs/profiler-commands.md has all flags",
  });
}
