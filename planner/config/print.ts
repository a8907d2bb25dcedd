import { Document, isMap, isScalar, type Pair } from "yaml";
import { factsOf, fieldShape } from "./layers.ts";
import type { Origin, ReadPlannerConfig } from "./types.ts";

const WORDS: Record<Origin, string> = {
  flag: "flag",
  env: "environment",
  file: "file",
  default: "",
  rule: "set by a rule",
};

/**
 * The configuration in effect as YAML, with what does not come from a default said behind it. Reading it again gives the same;
 * secrets are left out.
 */
export function printPlannerConfig({ document, origins }: ReadPlannerConfig): string {
  const values = Object.entries(document).filter(([name, value]) => !(factsOf(name).secret && value !== null));
  const yaml = new Document(withoutSecrets(Object.fromEntries(values)), { aliasDuplicateObjects: false });
  if (!isMap(yaml.contents)) return "";
  let group = "";
  for (const { key, value } of yaml.contents.items as Pair[]) {
    if (!isScalar(key)) continue;
    const name = String(key.value);
    if (factsOf(name).group !== group) {
      group = factsOf(name).group;
      key.commentBefore = ` ${group}`;
      key.spaceBefore = true;
    }
    const origin = WORDS[origins.get(name) ?? "default"];
    if (origin === "") continue;
    if (isScalar(value)) value.comment = ` ${origin}`;
    else
      key.commentBefore = `${key.commentBefore === undefined || key.commentBefore === null ? "" : `${key.commentBefore}\n`} ${origin}`;
  }
  const hidden = Object.keys(fieldShape).filter(
    (name) => factsOf(name).secret && document[name as keyof typeof document] !== null,
  );
  const note = hidden.length === 0 ? "" : `# Not shown: ${hidden.join(", ")}\n`;
  return note + yaml.toString({ lineWidth: 120 }).replace(/^\n/, "");
}

/** Secrets that lie deeper: tokens of plugins. */
function withoutSecrets(document: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(
    JSON.stringify(document, (key, value: unknown) => {
      if (key === "auth_token" && value !== "") return undefined;
      if (key === "static_secrets" && Object.keys(value as object).length > 0) return undefined;
      return value;
    }),
  ) as Record<string, unknown>;
}
