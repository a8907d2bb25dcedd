import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import { yamlInvalid, yamlTooLarge } from "./errors.ts";

export type Path = readonly (string | number)[];

const MAX_CHARS = 2 ** 20;

/** A YAML text with its values and where each of them stands. */
export interface YamlSource {
  value: unknown;
  /** `file:line:column (path)` of a value; of the nearest thing around it where it is missing. */
  locate(path: Path): string;
  /** The same for a key. */
  locateKey(path: Path, key: string): string;
}

/**
 * Reads one YAML 1.2 document. Guarded against bombs: size, aliases, depth; anything doubtful (duplicate keys, unknown tags) is an
 * error. @throws UserError SCENARIOS_YAML_INVALID, SCENARIOS_YAML_TOO_LARGE with `file:line:column`
 */
export function readYaml(text: string, file: string): YamlSource {
  if (text.length > MAX_CHARS) throw yamlTooLarge(file, `${text.length} characters`, `at most ${MAX_CHARS}`);
  const lines = new LineCounter();
  const at = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  let document: ReturnType<typeof parseDocument>;
  let value: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true, uniqueKeys: true });
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem?.message.includes("call stack")) throw new RangeError(problem.message);
    if (problem) {
      const several = problem.code === "MULTIPLE_DOCS";
      throw yamlInvalid(
        at(problem.pos[0]),
        several ? "found a second document, expected one" : firstLine(problem.message),
      );
    }
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    if (error instanceof RangeError) throw yamlTooLarge(file, "values nested too deeply to read", "a few levels");
    if (error instanceof ReferenceError) throw yamlTooLarge(file, "aliases that multiply", "few aliases (*name)");
    throw error;
  }
  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(document) : node);
  return {
    value,
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
}

function childOf(node: unknown, key: string | number): { key: unknown; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find((item: Pair) => (isScalar(item.key) ? String(item.key.value) : "") === String(key));
    return pair === undefined ? undefined : { key: pair.key, value: pair.value };
  }
  if (isSeq(node)) {
    const item = node.items[Number(key)];
    return item === undefined ? undefined : { key: undefined, value: item };
  }
  return undefined;
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

function withPath(place: string, path: Path): string {
  return path.length === 0 ? place : `${place} (${formatPath(path)})`;
}

/** `traffic[0].sinusoid.isl` */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? key : `${text}.${key}`;
  }, "");
}

/** The reverse of `formatPath`. */
export function parsePath(text: string): (string | number)[] {
  return [...text.matchAll(/[^.[\]]+/g)].map(([key]) => (/^\d+$/.test(key) ? Number(key) : key));
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? text;
}
