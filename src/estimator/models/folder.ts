import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { malformedConfiguration } from "../errors.ts";
import { factsOf } from "./facts.ts";
import type { Configuration } from "./fields.ts";
import type { ModelFacts } from "./types.ts";

const CONFIG = "config.json";
/** Weights' files, the first kind that a folder has: it may hold the same weights in two. */
const WEIGHTS = [/\.safetensors$/, /\.bin$/, /\.pth?$/];

/** Whether a path is a folder with a model's configuration. */
export function isModelFolder(path: string): boolean {
  return existsSync(join(path, CONFIG));
}

/**
 * Facts of a model in a folder: its `config.json`, `hf_quant_config.json` and the sizes of its weights' files.
 * @throws UserError where the configuration can't be read or lacks a size
 */
export function factsOfFolder(folder: string): ModelFacts {
  const where = join(folder, CONFIG);
  const config = readJson(where);
  const quantization = join(folder, "hf_quant_config.json");
  const bytes = weightBytesOfFolder(folder);
  return factsOf({
    id: folder,
    origin: "folder",
    where,
    config: existsSync(quantization) ? { ...config, hf_quant_config: readJson(quantization) } : config,
    ...(bytes === undefined ? {} : { weightBytes: bytes }),
  });
}

function readJson(path: string): Configuration {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw malformedConfiguration(path, "content", error instanceof Error ? error.message : String(error));
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw malformedConfiguration(path, "content", "expected a JSON object");
  }
  return content as Configuration;
}

/** Bytes of the weights' files, or what their index says, or undefined where there is neither. */
function weightBytesOfFolder(folder: string): number | undefined {
  const names = readdirSync(folder);
  for (const kind of WEIGHTS) {
    const bytes = names
      .filter((name) => kind.test(name))
      .reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    if (bytes > 0) return bytes;
  }
  const index = join(folder, "model.safetensors.index.json");
  if (!existsSync(index)) return undefined;
  const metadata = readJson(index).metadata as { total_size?: unknown } | undefined;
  return typeof metadata?.total_size === "number" ? metadata.total_size : undefined;
}
