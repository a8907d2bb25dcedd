import { UserError } from "#common";
import { engineLayout, gpuSystem, modelFacts, type NativeEngine } from "#src/estimator";
import { simulatedLayouts } from "#src/profiler";
import { estimatedEngine, type RunnableScenario } from "#src/rehearsal";
import type { EngineLayout } from "#src/study";

/** Which layouts of the estimator's engines are asked for. */
export interface LayoutQuestion {
  /** GPU system. */
  gpu: string;
  /** GPUs of a whole deployment, at most. */
  maxGpus: number;
  /** Labels that are asked for; null: those that make sense for the model. */
  asked: readonly string[] | null;
  /** Prompt tokens for which times are to be known, and the context of the sequences that decode. */
  promptTokens: number;
  /** The scenario with engines of a layout in both roles. @throws UserError */
  scenarioOf(layout: string): RunnableScenario;
}

export interface TriedLayouts {
  layouts: EngineLayout[];
  /** Those that are not tried, and why. */
  leftOut: { layout: string; reason: string }[];
}

/**
 * Layouts of engines that a search tries. Left out are those that no role can be played with (the model can't be split so, or does
 * not fit), and of a mixture of experts, where nothing is asked for, those whose times were not measured if others' were: an
 * analytic estimate does not tell TP, TEP and DEP apart.
 * @throws UserError where none is left: why the last could not be
 */
export function triedLayouts({ gpu, maxGpus, asked, promptTokens, scenarioOf }: LayoutQuestion): TriedLayouts {
  const leftOut: TriedLayouts["leftOut"] = [];
  const opened: { layout: string; engine: NativeEngine }[] = [];
  let refusal: UserError | null = null;
  const sensible = asked === null ? sensibleLayouts(scenarioOf("tp1"), gpu, maxGpus) : null;
  for (const layout of asked ?? sensible!.layouts) {
    const engine = openEither(scenarioOf(layout));
    if (engine instanceof UserError) {
      refusal = engine;
      leftOut.push({ layout, reason: engine.message });
    } else opened.push({ layout, engine });
  }
  if (opened.length === 0 && refusal !== null) throw asked === null ? refusal : nonePlayable(asked, refusal);
  const measured = sensible?.isMoe ? opened.filter(({ engine }) => isMeasured(engine, promptTokens)) : [];
  const tried = measured.length > 0 ? measured : opened;
  for (const { layout } of opened.filter((each) => !tried.includes(each)))
    leftOut.push({ layout, reason: "its times were not measured, others' were" });
  return {
    layouts: tried.map(({ layout }) => {
      const { gpus, tp, attentionDp } = engineLayout(layout);
      return { layout, gpus: { prefill: gpus, decode: gpus }, tp, ranks: attentionDp };
    }),
    leftOut,
  };
}

function nonePlayable(asked: readonly string[], { code, where, message, cause }: UserError): UserError {
  return new UserError({
    code,
    message: `none of ${asked.join(", ")} can be played: ${where === undefined ? "" : `${where}: `}${message}`,
    hint: "without --tp, --tep and --dep all layouts are tried that the model allows",
    cause,
  });
}

/** Tensor parallelism for dense models, TEP and DEP as well for mixtures of experts. */
function sensibleLayouts(
  { deployment }: RunnableScenario,
  gpu: string,
  budget: number,
): { layouts: string[]; isMoe: boolean } {
  const { timing } = deployment.decode.engine;
  if (timing?.kind !== "estimator") throw new Error("the scenario's engines are not the estimator's");
  const facts = modelFacts(timing.model);
  const [isMoe, mla] = [facts.moe !== undefined, facts.mla !== undefined];
  const found = simulatedLayouts({ moe: isMoe, mla }, { system: gpuSystem(gpu).name, budget });
  return { layouts: found.map(({ parallelism }) => parallelism), isMoe };
}

/** The engine of the role that can be played; why, where neither can. */
function openEither({ deployment: { prefill, decode } }: RunnableScenario): NativeEngine | UserError {
  let refusal: UserError | null = null;
  for (const pool of [decode, prefill]) {
    try {
      const engine = pool === null ? null : estimatedEngine(pool);
      if (engine !== null) return engine;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      refusal ??= error;
    }
  }
  return refusal!;
}

function isMeasured(engine: NativeEngine, tokens: number): boolean {
  return engine.context(1, tokens).origin === "table" && engine.generation(1, tokens).origin === "table";
}
