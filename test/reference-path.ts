import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("..", import.meta.url));
const folder = resolve(process.env.UNDERSTUDY_REFERENCE ?? join(project, "..", "shared", "reference"));

/** A path in the folder of reference data (outputs of the reference implementations), which lies beside the project. */
export function referencePath(...parts: string[]): string {
  return join(folder, ...parts);
}
