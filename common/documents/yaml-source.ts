import { createRequire } from "node:module";
import type * as Yaml from "yaml";
import type { UserError } from "#common";
import { formatPath, type Path } from "./path.ts";

const MAX_CHARS = 2 ** 20;

/** A text with its values and where each of them stands. */
export interface YamlSource {
  value: unknown;
  /** `file:line:column (path)` of a value; of the nearest thing around it where it is missing. */
  locate(path: Path): string;
  /** The same for a key. */
  locateKey(path: Path, key: string): string;
}

/** The errors of the room whose document it is. */
export interface YamlErrors {
  /** `where` is `file:line:column`. */
  invalid(where: string, reason: string): UserError;
  tooLarge(file: string, found: string, expected: string): UserError;
}

/** Loaded at the first document: this room is imported by processes that never see one. */
let loaded: typeof Yaml | undefined;
const yaml = (): typeof Yaml => {
  loaded ??= createRequire(import.meta.url)("yaml") as typeof Yaml;
  return loaded;
};

/**
 * Reads one YAML 1.2 document (JSON is YAML). Guarded against bombs: size, aliases, depth; anything doubtful (duplicate keys,
 * unknown tags) is an error.
 * @throws UserError of `errors`, with `file:line:column`
 */
export function readYamlDocument(text: string, file: string, errors: YamlErrors): YamlSource {
  const [first, second] = parse(text, file, errors);
  if (first === undefined) return emptySource(file);
  if (second !== undefined) {
    throw errors.invalid(second.at(second.document.range?.[0] ?? 0), "found a second document, expected one");
  }
  return sourceOf(first, file, errors);
}

function emptySource(file: string): YamlSource {
  const place = `${file}:1:1`;
  return {
    value: null,
    locate: (path) => withPath(place, path),
    locateKey: (path, key) => withPath(place, [...path, key]),
  };
}

/** Reads a stream of documents divided by `---`; empty ones are left out. @throws as `readYamlDocument` */
export function readYamlDocuments(text: string, file: string, errors: YamlErrors): YamlSource[] {
  return parse(text, file, errors)
    .filter(({ document }) => document.contents !== null)
    .map((parsed) => sourceOf(parsed, file, errors));
}

interface Parsed {
  document: Yaml.Document.Parsed;
  at(offset: number): string;
}

function parse(text: string, file: string, errors: YamlErrors): Parsed[] {
  if (text.length > MAX_CHARS) {
    throw errors.tooLarge(file, `${text.length} characters`, `at most ${MAX_CHARS}`);
  }
  const { LineCounter, parseAllDocuments } = yaml();
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  return guarded(file, errors, () => {
    const options = { lineCounter: lines, prettyErrors: false, stringKeys: true, uniqueKeys: true } as const;
    const documents = parseAllDocuments(text, options);
    if (!Array.isArray(documents)) return [];
    for (const document of documents) {
      const problem = document.errors[0] ?? document.warnings[0];
      if (problem?.message.includes("call stack")) throw new RangeError(problem.message);
      if (problem) throw errors.invalid(at(problem.pos[0]), firstLine(problem.message));
    }
    return documents.map((document) => ({ document, at }));
  });
}

function sourceOf({ document, at }: Parsed, file: string, errors: YamlErrors): YamlSource {
  const { isAlias } = yaml();
  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  const source: YamlSource = {
    value: guarded(file, errors, () => document.toJS({ maxAliasCount: 100 }) as unknown),
    locate: (path) => {
      let node: unknown = document.contents;
      let offset = startOf(node) ?? 0;
      for (const key of path) {
        const child = childOf(resolve(node), key);
        if (child === undefined) break;
        node = child.value;
        offset = startOf(node) ?? startOf(child.key) ?? offset;
      }
      return withPath(at(offset), path);
    },
    locateKey: (path, key) => {
      let node: unknown = document.contents;
      for (const step of path) node = childOf(resolve(node), step)?.value;
      const child = childOf(resolve(node), key);
      return withPath(at(startOf(child?.key) ?? startOf(node) ?? 0), [...path, key]);
    },
  };
  const loop = guarded(file, errors, () => pathOfLoop(source.value));
  if (loop !== undefined) throw errors.invalid(source.locate(loop), "found an alias of what it stands in");
  return source;
}

/** Where a value holds itself, by way of an alias: whoever walks it would never come to its end. */
function pathOfLoop(root: unknown): Path | undefined {
  const around = new Set<unknown>();
  const done = new Set<unknown>();
  const search = (value: unknown, path: Path): Path | undefined => {
    if (typeof value !== "object" || value === null || done.has(value)) return undefined;
    if (around.has(value)) return path;
    around.add(value);
    for (const [key, child] of Object.entries(value)) {
      if (typeof child !== "object") continue;
      const loop = search(child, [...path, Array.isArray(value) ? Number(key) : key]);
      if (loop !== undefined) return loop;
    }
    around.delete(value);
    done.add(value);
    return undefined;
  };
  return search(root, []);
}

function guarded<T>(file: string, errors: YamlErrors, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) {
      throw errors.tooLarge(file, "values nested too deeply to read", "a few levels");
    }
    if (error instanceof ReferenceError) {
      throw errors.tooLarge(file, "aliases that multiply", "few aliases (*name)");
    }
    throw error;
  }
}

function childOf(node: unknown, key: string | number): { key: unknown; value: unknown } | undefined {
  const { isMap, isScalar, isSeq } = yaml();
  if (isMap(node)) {
    const pair = node.items.find(
      (item: Yaml.Pair) => (isScalar(item.key) ? String(item.key.value) : "") === String(key),
    );
    return pair === undefined ? undefined : { key: pair.key, value: pair.value };
  }
  if (isSeq(node)) {
    const item = node.items[Number(key)];
    return item === undefined ? undefined : { key: undefined, value: item };
  }
  return undefined;
}

function startOf(node: unknown): number | undefined {
  return (node as Yaml.Node | null | undefined)?.range?.[0];
}

/** `file:1:2 (traffic[0].isl)` */
export function withPath(place: string, path: Path): string {
  return path.length === 0 ? place : `${place} (${formatPath(path)})`;
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? text;
}
