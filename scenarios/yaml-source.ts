import { readYamlDocument, type YamlSource } from "#common/documents";
import { yamlInvalid, yamlTooLarge } from "./errors.ts";

/** Reads one YAML document. @throws UserError SCENARIOS_YAML_INVALID, SCENARIOS_YAML_TOO_LARGE with `file:line:column` */
export function readYaml(text: string, file: string): YamlSource {
  return readYamlDocument(text, file, { invalid: yamlInvalid, tooLarge: yamlTooLarge });
}
