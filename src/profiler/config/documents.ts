import { readFileSync } from "node:fs";
import { UserError } from "#common";
import { readYamlDocuments, withPath, type YamlErrors, type YamlSource } from "#common/documents";
import { configNotFound, configStringInvalid, fileUnreadable, yamlInvalid, yamlTooLarge } from "./errors.ts";
import { NotALiteral, readPythonLiteral } from "./python-literal.ts";

/** Text of a file; `-` is stdin. Throws what `readFileSync` throws. */
export type ReadFile = (path: string) => string;

export const readMachineFile: ReadFile = (path) => readFileSync(path === "-" ? 0 : path, "utf8");

export const YAML_ERRORS: YamlErrors = { invalid: yamlInvalid, tooLarge: yamlTooLarge };

/** A document with the name that its places have: a file, or the flag it was written behind. */
export interface NamedText {
  label: string;
  text: string;
}

/** A file that must be there. @throws UserError PROFILER_FILE_UNREADABLE */
export function readNamedFile(flag: string, path: string, readFile: ReadFile): NamedText {
  try {
    return { label: path === "-" ? "stdin" : path, text: withoutMark(readFile(path)) };
  } catch (error) {
    throw fileUnreadable(flag, path, reasonOf(error));
  }
}

/**
 * Documents behind `--config`: a file of YAML or JSON, or JSON (YAML, a Python literal) right there.
 * @throws UserError PROFILER_CONFIG_NOT_FOUND, PROFILER_CONFIG_INVALID_YAML, PROFILER_FILE_UNREADABLE
 */
export function readConfigDocuments(argument: string, readFile: ReadFile): YamlSource[] {
  if (!isInline(argument)) {
    const file = readIfThere("--config", argument, readFile);
    if (file !== undefined) return readYamlDocuments(file.text, file.label, YAML_ERRORS);
  }
  const jsonError = jsonProblem(argument);
  try {
    if (isInline(argument)) return [readNotation({ label: "--config", text: argument }, jsonError === undefined)];
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw configNotFound(argument, `${error.where}: ${error.message}`, jsonError ?? "none");
  }
  throw configNotFound(argument, "give a file, or an object in JSON", jsonError ?? "no object");
}

/**
 * The profiling config behind `--profile-config`: a Python dict literal, YAML or JSON, right there or in a file.
 * @throws UserError PROFILER_CONFIG_STRING_INVALID, PROFILER_FILE_UNREADABLE
 */
export function readConfigString(argument: string, readFile: ReadFile): YamlSource {
  const file = isInline(argument) ? undefined : readIfThere("--profile-config", argument, readFile);
  const named = file ?? { label: "--profile-config", text: withoutMark(argument) };
  let source: YamlSource;
  try {
    source = readNotation(named, jsonProblem(named.text) === undefined);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw configStringInvalid(error.where ?? named.label, `Found: ${error.message}.`);
  }
  if (isMap(source.value)) return source;
  const looksLikeFile = /^[^\s{}:]+$/.test(argument);
  const hint = looksLikeFile ? `there is no file ${argument}` : undefined;
  throw configStringInvalid(source.locate([]), "Found no keys and values.", hint);
}

/** JSON as YAML has it, else a Python literal, else YAML. */
function readNotation({ label, text }: NamedText, isJson: boolean): YamlSource {
  let literal: NotALiteral | undefined;
  if (!isJson && /^\s*(#[^\n]*\n\s*)*[{(]/.test(text)) {
    try {
      return pythonSource(label, text);
    } catch (error) {
      if (!(error instanceof NotALiteral)) throw error;
      literal = error;
    }
  }
  try {
    const [first, second] = readYamlDocuments(text, label, YAML_ERRORS);
    if (first === undefined) throw yamlInvalid(`${label}:1:1`, "found nothing");
    if (second !== undefined) throw yamlInvalid(second.locate([]), "found a second document, expected one");
    return first;
  } catch (error) {
    const meantPython = literal !== undefined && /'|\b(True|False|None)\b/.test(text);
    throw meantPython
      ? yamlInvalid(placeOf(label, text, literal!.offset), `no Python literal: ${literal!.message}`)
      : error;
  }
}

function pythonSource(label: string, text: string): YamlSource {
  const { value, offsetOf, offsetOfKey } = readPythonLiteral(text);
  return {
    value,
    locate: (path) => withPath(placeOf(label, text, offsetOf(path)), path),
    locateKey: (path, key) => withPath(placeOf(label, text, offsetOfKey(path, key)), [...path, key]),
  };
}

function placeOf(label: string, text: string, offset: number): string {
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return `${label}:${line}:${offset - before.lastIndexOf("\n")}`;
}

function isInline(argument: string): boolean {
  return /^\s*[{[]/.test(argument) || argument.includes("\n");
}

function readIfThere(flag: string, path: string, readFile: ReadFile): NamedText | undefined {
  try {
    return { label: path === "-" ? "stdin" : path, text: withoutMark(readFile(path)) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ENAMETOOLONG" || code === "ERR_INVALID_ARG_VALUE")
      return undefined;
    throw fileUnreadable(flag, path, reasonOf(error));
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  ENOTDIR: "no such file",
  ENAMETOOLONG: "the name is too long",
  EISDIR: "found a folder, expected a file",
  EACCES: "permission denied",
};

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return REASONS[code ?? ""] ?? `can't be read (${message})`;
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Without the byte order mark that some editors write. */
function withoutMark(text: string): string {
  return text.startsWith("\uFEFF") ? text.slice(1) : text;
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
