import { formatPath, type Path, type YamlSource } from "#common/documents";
import { overrideMisplaced } from "./errors.ts";

/** A value that takes the place of what the document says. */
export interface Override {
  path: Path;
  value: unknown;
  /** Names it in messages, in place of path and value. */
  label?: string;
}

/**
 * The document with values set: messages about them name `--set path=value` instead of a place in the file. Mappings on the way
 * are made where they are missing; a list is never made longer.
 * @throws UserError SCENARIOS_OVERRIDE_MISPLACED
 */
export function withOverrides(source: YamlSource, overrides: readonly Override[]): YamlSource {
  if (overrides.length === 0) return source;
  const value = structuredClone(source.value);
  for (const override of overrides) setAt(value, override);
  const owner = (path: Path) =>
    overrides.findLast(({ path: set }) => set.length <= path.length && set.every((key, i) => key === path[i]));
  return {
    value,
    locate: (path) => {
      const set = owner(path);
      return set === undefined ? source.locate(path) : placeOf(set);
    },
    locateKey: (path, key) => {
      const set = owner([...path, key]) ?? reaching(overrides, [...path, key]);
      return set === undefined ? source.locateKey(path, key) : placeOf(set);
    },
  };
}

/** An override that made the way to a key which the file does not have. */
function reaching(overrides: readonly Override[], path: Path): Override | undefined {
  return overrides.findLast(({ path: set }) => path.every((key, i) => String(key) === String(set[i])));
}

/** `--set deployment.decode.workers=3` */
export function placeOf({ path, value, label }: Override): string {
  if (label !== undefined) return label;
  return `--set ${formatPath(path)}=${typeof value === "string" ? value : JSON.stringify(value)}`;
}

function setAt(root: unknown, override: Override): void {
  const { path, value } = override;
  let at = root;
  path.forEach((key, i) => {
    const isLast = i === path.length - 1;
    const misplaced = (found: string) => overrideMisplaced(placeOf(override), formatPath(path.slice(0, i)), found);
    if (typeof at !== "object" || at === null) throw misplaced("a plain value");
    if (Array.isArray(at) && !(typeof key === "number" && key < at.length)) throw misplaced(`a list of ${at.length}`);
    const holder = at as Record<string | number, unknown>;
    if (isLast) holder[key] = structuredClone(value);
    else {
      if (!Object.hasOwn(holder, key) || holder[key] === null) holder[key] = {};
      at = holder[key];
    }
  });
}
