import { startAiconfigurator } from "#src/estimator";
import { notInPackage } from "./errors.ts";
import { type Asked, askedLine, engineLine, kvOf, type PointAnswer } from "./point.ts";

/**
 * The answer of the aiconfigurator package: no operations and no memory, but the same times and KV capacity.
 * @throws UserError where the package or its data are missing, or what it can't be asked
 */
export async function packagePoint(asked: Asked, python: string): Promise<PointAnswer> {
  if (asked.prefix > 0) throw notInPackage("--prefix", "it is asked for whole prompts");
  const client = startAiconfigurator(python);
  try {
    const engine = await client.open(asked.spec);
    const { facts } = engine;
    const { attentionDp, gpus } = facts.layout;
    const batch = Math.ceil(asked.batch / attentionDp) * attentionDp;
    // An output of two tokens is one step, one token behind the prompt.
    const [isl, osl] =
      asked.osl === undefined ? [Math.max(1, asked.context - 1), 2] : [asked.isl, Math.max(2, asked.osl)];
    const [ttftMs, decode] = await Promise.all([engine.prefillMs(asked.isl), engine.decode(batch, isl, osl)]);
    const adjustments = [...engine.adjustments];
    const time = (ms: number, tokens: number) => ({
      ms,
      tokensPerSecondPerGpu: (tokens * 1000) / ms / gpus,
      origin: "aiconfigurator" as const,
      adjusted: adjustments.length > 0,
    });
    return {
      engine: engineLine(asked.spec, facts),
      asked: askedLine(asked),
      prefill: time(ttftMs, asked.isl * attentionDp),
      decode: time(decode.itlMs, asked.batch),
      kv: kvOf(asked, engine.maxKvTokens, facts.kvBytesPerToken),
      adjustments,
    };
  } finally {
    await client.close();
  }
}
