import type { EngineLayout } from "#src/estimator";
import type { Engines } from "./documents.ts";
import { tooManyGpus } from "./errors.ts";
import { gpusText, type Run } from "./run-context.ts";

type Engine = { layout: EngineLayout; replicas: number };

/**
 * Engines as many as the GPUs that there are (where that is known) have room for: replicas are cut in proportion, with a warning.
 * @throws UserError PROFILER_TOO_MANY_GPUS where not even one of each kind has room
 */
export function withinGpus({ request, log }: Pick<Run, "request" | "log">, engines: Engines): Engines {
  const there = request.hardware.totalGpus;
  const kinds = Object.entries(engines) as [keyof Engines, Engine][];
  const asked = gpusOf(kinds);
  if (there === undefined || asked <= there) return engines;
  const one = kinds.map(([kind, engine]): [keyof Engines, Engine] => [kind, { ...engine, replicas: 1 }]);
  const least = gpusOf(one);
  if (least > there)
    throw tooManyGpus(one.map(([kind, { layout }]) => `${kind} ${gpusText(layout.gpus)}`).join(", "), least, there);
  // One of each is there in any case; of the others each kind keeps its share.
  const share = (there - least) / (asked - least);
  const cut = kinds.map(([kind, engine]): [keyof Engines, Engine] => [
    kind,
    { ...engine, replicas: 1 + Math.floor((engine.replicas - 1) * share) },
  ]);
  log.warning(
    `${gpusText(asked)} would be asked for, and there are ${there} (hardware.totalGpus): ` +
      cut.map(([kind, { replicas }]) => `${kind} ${engines[kind]!.replicas} → ${replicas}`).join(", "),
  );
  return Object.fromEntries(cut);
}

function gpusOf(kinds: readonly [keyof Engines, Engine][]): number {
  return kinds.reduce((sum, [, { layout, replicas }]) => sum + layout.gpus * replicas, 0);
}
