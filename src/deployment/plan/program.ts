import { posix } from "node:path";
import { noCommand, noCounterpart, realEngine, scriptRefused } from "./errors.ts";
import type { Scope } from "./scope.ts";
import { followScript } from "./shell/follow.ts";
import { NotFollowed } from "./shell/parse.ts";
import { expandReferences, POD_NAME } from "./variables.ts";

/** What a container runs, as far as it has a counterpart here. */
export interface Program {
  kind: "mocker" | "frontend" | "planner" | "legacy-planner" | "prometheus" | "profiler" | "engine" | "own";
  /** As the manifest has it, for messages: `dynamo.mocker`. */
  name: string;
  /** What follows it; of `own` our command and its flags. */
  args: readonly string[];
  /** Where relative paths begin, in the container. */
  folder: string | null;
  /** Variables that a script sets before it. */
  assigned: ReadonlyMap<string, string>;
}

type Found = Pick<Program, "kind" | "name" | "args">;

/** Python's modules, and what scripts of the same programs are called. */
const MODULES: Readonly<Record<string, Program["kind"]>> = {
  "dynamo.mocker": "mocker",
  "dynamo.mocker.main": "mocker",
  "dynamo.frontend": "frontend",
  "dynamo.frontend.main": "frontend",
  "dynamo.planner": "planner",
  "dynamo.planner.planner_sla": "legacy-planner",
  planner_sla: "legacy-planner",
  // A service of its own in the planner's deployments until 0.5.
  "dynamo.planner.prometheus": "prometheus",
  "dynamo.profiler": "profiler",
  "dynamo.profiler.profile_sla": "profiler",
  "benchmarks.profiler.profile_sla": "profiler",
  profile_sla: "profiler",
};
/** Workers whose command lines can be read: mockers can play them. */
const PLAYABLE = /^dynamo\.(vllm|sglang|trtllm)(\.|$)/;
const ENGINE = /^(dynamo\.(vllm|sglang|trtllm|llama_?cpp|multimodal.*)|vllm|sglang|tensorrt_llm)(\.|$)/;
const ENGINE_PROGRAM = /^(vllm|sglang|trtllm-\w+|tritonserver|llama-server|mpirun)$/;
/** Options of Python's that take a value. */
const PYTHON_VALUE_OPTIONS = new Set(["-W", "-X"]);
const OWN_COMMANDS = new Set(["mocker", "frontend", "planner", "profile", "global-planner", "load", "run", "replay"]);

/**
 * Reads command and arguments as a container's start would: references to variables, a shell's script, Python's `-m`.
 * @throws UserError for engines that can't be played, for what has no counterpart, for scripts that can't be followed
 */
export function programOf(scope: Scope, variables: ReadonlyMap<string, string>): Program {
  const { component, note } = scope;
  const container = component.findContainer();
  const where = component.containerPath();
  const folder = typeof container?.workingDir === "string" ? container.workingDir : null;
  const expand = (items: string[]) => items.map((item) => expandReferences(item, variables));
  let command = expand(component.command());
  const args = expand(component.args());
  if (command.length === 0 && component.role() === "frontend" && !isOwn(args)) {
    // Dynamo's operator gives frontends without a command this one.
    command = ["python3"];
    if (args.length === 0) args.push("-m", "dynamo.frontend");
  }
  if (command.length + args.length === 0) throw noCommand(where, component.name);
  const script = scriptOf([...command, ...args]);
  if (script === null) {
    const words = [...command, ...args].flatMap(splitFlag);
    return { ...identified(words, where), folder, assigned: new Map() };
  }
  const known = new Map([["HOSTNAME", POD_NAME], ...variables]);
  try {
    const followed = followScript(script, known);
    for (const text of followed.left) note(`left aside of its script: ${text}`);
    return {
      ...identified(followed.words, where),
      folder: followed.folder === null ? folder : posix.resolve(folder ?? "/", followed.folder),
      assigned: followed.assigned,
    };
  } catch (error) {
    if (error instanceof NotFollowed) throw scriptRefused(where, error.message);
    throw error;
  }
}

/** The script of `sh -c SCRIPT`; null where no shell runs one. */
function scriptOf(words: readonly string[]): string | null {
  const [shell, ...rest] = words;
  if (!/^(ba|da|a|z|k)?sh$/.test(posix.basename(shell ?? ""))) return null;
  let at = 0;
  while (at < rest.length && /^[-+]/.test(rest[at]!)) {
    const option = rest[at]!;
    at++;
    if (/^-[a-z]*c[a-z]*$/.test(option)) {
      // -euo takes the word after it: pipefail.
      if (/o/.test(option) || /^-[a-z]*o$/.test(rest[at] ?? "")) at++;
      return rest[at] ?? "";
    }
    if (/^[-+][a-z]*o$/.test(option)) at++;
  }
  return null;
}

/** An item that holds a flag with its value, as is written by mistake, is two words. */
function splitFlag(item: string): string[] {
  const match = /^(-\S+)\s+([\s\S]+)$/.exec(item.trim());
  if (!match || match[1]!.includes("=")) return [item];
  const rest = match[2]!.trim();
  if (/^[[{"']/.test(rest)) return [match[1]!, rest.replace(/^(["'])([\s\S]*)\1$/, "$2")];
  return [match[1]!, ...rest.split(/\s+/)];
}

function identified(words: readonly string[], where: string): Found {
  const [program = "", ...rest] = words;
  const name = posix.basename(program);
  if (/^python(\d(\.\d+)*)?$/.test(name)) return ofPython(rest, where);
  if (name === "uv" && rest[0] === "run") return identified(rest.slice(1), where);
  if ((name === "npx" || name === "node") && /(^|[/-])understudy(\.mjs)?$/.test(rest[0] ?? ""))
    return ours(rest.slice(1), where);
  if (name === "understudy" || name === "llm-understudy" || name === "understudy.mjs") return ours(rest, where);
  if (isOwn(words)) return ours(words, where);
  if (ENGINE_PROGRAM.test(name)) throw realEngine(where, name, false);
  if (name.endsWith(".py")) return ofModule(name.slice(0, -3), rest, where);
  throw noCounterpart(where, words.slice(0, 4).join(" "));
}

/** What follows `python3`: its own options, then a module or a file. */
function ofPython(words: readonly string[], where: string): Found {
  let at = 0;
  while (at < words.length && /^-[^m]/.test(words[at]!)) at += PYTHON_VALUE_OPTIONS.has(words[at]!) ? 2 : 1;
  const word = words[at] ?? "";
  if (word === "-m") return ofModule(words[at + 1] ?? "", words.slice(at + 2), where);
  if (word.startsWith("-m")) return ofModule(word.slice(2), words.slice(at + 1), where);
  const file = posix.basename(word);
  if (file.endsWith(".py")) {
    const parent = posix.basename(posix.dirname(word));
    const module = file === "main.py" || file === "__main__.py" ? `dynamo.${parent}` : file.slice(0, -3);
    return ofModule(module, words.slice(at + 1), where);
  }
  throw noCounterpart(where, ["python3", ...words.slice(0, 3)].join(" "));
}

function ofModule(module: string, args: readonly string[], where: string): Found {
  const name = module.replace(/\.__main__$/, "");
  const kind = Object.hasOwn(MODULES, name) ? MODULES[name] : undefined;
  if (kind !== undefined) return { kind, name, args };
  if (PLAYABLE.test(name)) return { kind: "engine", name, args };
  if (ENGINE.test(name)) throw realEngine(where, name, false);
  throw noCounterpart(where, `python3 -m ${module}`);
}

function isOwn(words: readonly string[]): boolean {
  return OWN_COMMANDS.has(words[0] ?? "");
}

function ours(words: readonly string[], where: string): Found {
  const [command = ""] = words;
  if (!isOwn(words)) throw noCounterpart(where, ["understudy", ...words.slice(0, 2)].join(" "));
  return { kind: "own", name: `understudy ${command}`, args: words };
}
