export { knownKeys } from "./known-keys.ts";
export { formatPath, type Path, parsePath, valueAt } from "./path.ts";
export { type Problem, schemaProblems } from "./schema-problems.ts";
export {
  readYamlDocument,
  readYamlDocuments,
  withPath,
  type YamlErrors,
  type YamlSource,
} from "./yaml-source.ts";
