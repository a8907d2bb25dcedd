import type { ModelFile } from "../src/estimator/models/built-in.ts";
import { factsOf } from "../src/estimator/models/facts.ts";
import { type Configuration, languagePart, READ_NAMES } from "../src/estimator/models/fields.ts";
import { formatsOf } from "../src/estimator/models/formats.ts";
import { MORE_MODELS } from "./more-models.ts";

/** A configuration that the package brings, with what it makes of it itself. */
export interface DumpedModel {
  config: Configuration;
  formats?: { gemm: string; moe: string; kvcache: string };
  weightBytes?: number;
}

/** What the estimator reads of each configuration, and nothing else; the package's with those of common models that it lacks. */
export function packConfigurations(dumped: Readonly<Record<string, DumpedModel>>): ModelFile {
  const file: ModelFile = {};
  for (const [id, { config, formats, weightBytes }] of Object.entries({ ...moreModels(), ...dumped })) {
    const part = languagePart(config);
    const own = formatsOf(part);
    file[id] = {
      config: {
        ...Object.fromEntries(
          [...READ_NAMES, "layer_types"].flatMap((name) => (name in part ? [[name, part[name]]] : [])),
        ),
        ...(config.auto_map === undefined ? {} : { auto_map: {} }),
      },
      formats: formats === undefined ? own : { ...own, gemm: formats.gemm, moe: formats.moe },
      ...(weightBytes === undefined ? {} : { weightBytes }),
    };
  }
  for (const id of Object.keys(file)) if (!isReadable(id, file[id]!)) delete file[id];
  return Object.fromEntries(Object.entries(file).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A configuration of an architecture that says its sizes in no known way is of no use. */
function isReadable(id: string, { config, formats }: ModelFile[string]): boolean {
  try {
    factsOf({ id, origin: "built-in", where: id, config, formats });
    return true;
  } catch (error) {
    console.error(`left out: ${id}: ${(error as Error).message}`);
    return false;
  }
}

function moreModels(): Record<string, DumpedModel> {
  return Object.fromEntries(Object.entries(MORE_MODELS).map(([id, config]) => [id, { config }]));
}
