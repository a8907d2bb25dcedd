import { stringify } from "yaml";
import type { DeploymentDialect, KubernetesObject } from "./types.ts";

/** Columns at which the reference's writer folds long texts. */
const COLUMNS = 80;

/**
 * Objects as one YAML stream, the way Dynamo's profiler of that generation writes it: keys in alphabetical order until 0.8, as they
 * come from 1.0 on; texts folded at 80 columns. Nothing to write is `null`, what a dry run of 1.0 leaves.
 * YAML 1.1, which Kubernetes' parsers read: `yes` and `on` are quoted.
 */
export function yamlStream(objects: readonly KubernetesObject[], dialect: DeploymentDialect): string {
  if (objects.length === 0) return "null\n...\n";
  const options = {
    version: "1.1",
    lineWidth: COLUMNS,
    indentSeq: false,
    singleQuote: true,
    blockQuote: false,
    aliasDuplicateObjects: false,
    sortMapEntries: dialect !== "1.0",
  } as const;
  return objects.map((object) => stringify(object, options)).join("---\n");
}

/**
 * Objects as one YAML stream for people to read and keep: scripts as they are written, keys in the order in which one thinks of
 * them, nothing folded. The names of placeholders that `envsubst` is to fill in stand at the top.
 */
export function manifestYaml(objects: readonly KubernetesObject[]): string {
  const options = {
    version: "1.1",
    lineWidth: 0,
    indentSeq: false,
    blockQuote: "literal",
    aliasDuplicateObjects: false,
  } as const;
  const text = objects.map((object) => stringify(object, options)).join("---\n");
  const names = placeholders(text);
  return names.length === 0 ? text : `# To be filled in (envsubst): ${names.join(", ")}\n${text}`;
}

/** Variables that `envsubst` would fill in, in alphabetical order. */
export function placeholders(text: string): string[] {
  const names = [...text.matchAll(/\$\{([A-Z_][A-Z0-9_]*)\}/g)].map((match) => match[1]!);
  return [...new Set(names)].sort();
}
