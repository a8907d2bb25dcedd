import { type Path, readYamlDocuments, type YamlSource } from "#common/documents";
import type { KubernetesObject } from "#src/deployment";
import type { Backend } from "#src/estimator";
import { isMap, type NamedText, YAML_ERRORS } from "./documents.ts";
import { badBase, configMapKeyMissing } from "./errors.ts";

/** A DGD to start from, and what it tells of itself. */
export interface BaseDgd {
  object: KubernetesObject;
  where: string;
  /** Model that its workers serve, where their arguments say it. */
  model?: string;
  backend?: Backend;
}

/** The DGD in a file: the only or first one of its documents, or the first one in a ConfigMap. @throws UserError PROFILER_BAD_BASE */
export function baseInText({ label, text }: NamedText): BaseDgd {
  const sources = readYamlDocuments(text, label, YAML_ERRORS);
  const dgd = sources.find(isDgd);
  if (dgd !== undefined) return baseOf(dgd);
  for (const map of sources.filter((source) => kind(source) === "ConfigMap")) {
    const data = dataOf(map);
    for (const [key, value] of Object.entries(data)) {
      const inside = readYamlDocuments(String(value), `${label}[${key}]`, YAML_ERRORS).find(isDgd);
      if (inside !== undefined) return baseOf(inside);
    }
  }
  throw badBase(
    sources[0]?.locate([]) ?? label,
    sources.length === 0 ? "nothing" : `${kind(sources[0]!) ?? "no kind"}`,
  );
}

/** The DGD under a key of a ConfigMap. @throws UserError PROFILER_CONFIG_MAP_KEY_MISSING, PROFILER_BAD_BASE */
export function baseInConfigMap(map: YamlSource, key: string, where: string): BaseDgd {
  const data = dataOf(map);
  const text = Object.hasOwn(data, key) ? data[key] : undefined;
  if (typeof text !== "string") throw configMapKeyMissing(where, key, nameOf(map) ?? "", Object.keys(data));
  const label = `${map.locate(["data", key]).split(" ")[0]}[${key}]`;
  const dgd = readYamlDocuments(text, label, YAML_ERRORS).find(isDgd);
  if (dgd === undefined) throw badBase(label, "no DynamoGraphDeployment");
  return baseOf(dgd);
}

/** @throws UserError PROFILER_BAD_BASE */
export function baseOf(source: YamlSource): BaseDgd {
  const object = source.value as KubernetesObject;
  const spec = isMap(object.spec) ? object.spec : {};
  if (!isMap(spec.services) && !Array.isArray(spec.components)) {
    throw badBase(source.locate(["spec"] as Path), "a DynamoGraphDeployment without them");
  }
  const words = wordsOf(spec);
  const model =
    optionOf(words, ["--served-model-name", "--model-name"]) ?? optionOf(words, ["--model", "--model-path"]);
  const backend = backendOf(spec.backendFramework, words);
  return {
    object,
    where: source.locate([]),
    ...(model === undefined ? {} : { model }),
    ...(backend === undefined ? {} : { backend }),
  };
}

export function nameOf(source: YamlSource): string | undefined {
  const metadata = isMap(source.value) ? source.value.metadata : undefined;
  return isMap(metadata) && typeof metadata.name === "string" ? metadata.name : undefined;
}

/** Words of all commands and arguments, shell lines taken apart. */
function wordsOf(value: unknown, key = ""): string[] {
  if (typeof value === "string") {
    return key === "command" || key === "args"
      ? value.split(/\s+/).map((word) => word.replace(/^["']|["']$/g, ""))
      : [];
  }
  if (Array.isArray(value)) return value.flatMap((item) => wordsOf(item, key));
  return isMap(value) ? Object.entries(value).flatMap(([name, child]) => wordsOf(child, name)) : [];
}

function optionOf(words: readonly string[], flags: readonly string[]): string | undefined {
  for (const [i, word] of words.entries()) {
    for (const flag of flags) {
      if (word.startsWith(`${flag}=`)) return word.slice(flag.length + 1);
      const next = words[i + 1];
      if (word === flag && next !== undefined && !next.startsWith("-")) return next;
    }
  }
  return undefined;
}

function backendOf(framework: unknown, words: readonly string[]): Backend | undefined {
  const backends: readonly Backend[] = ["vllm", "sglang", "trtllm"];
  const named = backends.find((backend) => backend === framework);
  return named ?? backends.find((backend) => words.some((word) => word === `dynamo.${backend}`));
}

function dataOf(map: YamlSource): Record<string, unknown> {
  const data = isMap(map.value) ? map.value.data : undefined;
  return isMap(data) ? data : {};
}

function isDgd(source: YamlSource): boolean {
  return kind(source) === "DynamoGraphDeployment";
}

function kind(source: YamlSource): string | undefined {
  return isMap(source.value) && typeof source.value.kind === "string" ? source.value.kind : undefined;
}
