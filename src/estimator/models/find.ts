import { unknownModel } from "../errors.ts";
import { builtInFacts, builtInModels } from "./built-in.ts";
import { factsOfFolder, isModelFolder } from "./folder.ts";
import { otherNames } from "./names.ts";
import type { ModelFacts } from "./types.ts";

/**
 * What is known of a model: a folder with its `config.json`, a Hugging Face id whose sizes are shipped, or the AI Configurator's name of
 * one. Undefined where nothing is. Nothing is ever downloaded.
 * @throws UserError where a folder's configuration can't be read
 */
export function findModel(name: string): ModelFacts | undefined {
  if (isModelFolder(name)) return factsOfFolder(name);
  for (const id of otherNames(name)) {
    const facts = builtInFacts(id);
    if (facts !== undefined) return facts;
  }
  return undefined;
}

/** The same. @throws UserError where nothing is known of the model */
export function modelFacts(name: string): ModelFacts {
  const found = findModel(name);
  if (found === undefined) throw unknownModel(name, builtInModels());
  return found;
}
