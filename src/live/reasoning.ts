import { effectiveOsl, thinkingTokens } from "#mocker/engine";
import type { Rehearsal } from "#src/rehearsal";

/** What the load generator has to know of a scenario's reasoning: streams of completions do not tell it apart. */
export function reasoningOf({ simulation, workload }: Rehearsal): { reasoningTokens?: Int32Array } {
  const { engine } = simulation.decode;
  if (engine.thinkingRatio === 0) return {};
  const { isl, osl } = workload;
  const tokens = (asked: number, i: number) =>
    thinkingTokens(effectiveOsl(engine, isl[i]!, asked), engine.thinkingRatio);
  return { reasoningTokens: osl.map(tokens) };
}
