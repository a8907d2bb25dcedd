import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { factsOf } from "./facts.ts";
import type { Configuration } from "./fields.ts";
import type { CheckpointFormats, ModelFacts } from "./types.ts";

/** What scripts/dump-op-tables.ts keeps of each model, by Hugging Face id. */
export type ModelFile = Record<string, { config: Configuration; formats: CheckpointFormats; weightBytes?: number }>;

let file: ModelFile | null = null;
const facts = new Map<string, ModelFacts>();

function models(): ModelFile {
  file ??= JSON.parse(
    gunzipSync(readFileSync(fileURLToPath(new URL("../data/models.json.gz", import.meta.url)))).toString(),
  );
  return file!;
}

/** Hugging Face ids whose sizes are shipped, sorted. */
export function builtInModels(): readonly string[] {
  return Object.keys(models());
}

/** Facts of a model by its very id, or undefined. */
export function builtInFacts(id: string): ModelFacts | undefined {
  const known = facts.get(id);
  if (known !== undefined) return known;
  const kept = Object.hasOwn(models(), id) ? models()[id] : undefined;
  if (kept === undefined) return undefined;
  const { config, formats, weightBytes } = kept;
  const made = factsOf({
    id,
    origin: "built-in",
    where: id,
    config,
    formats,
    ...(weightBytes === undefined ? {} : { weightBytes }),
  });
  facts.set(id, made);
  return made;
}
