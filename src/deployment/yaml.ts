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
