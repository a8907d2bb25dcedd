import { styleText } from "node:util";
import { ACCURACY_CAVEAT, type MemoryBreakdown, type OperationEstimate } from "#src/estimator";
import { textTable } from "../../text-table.ts";
import type { PointAnswer, Time } from "./point.ts";

/** Prints an answer: for machines all of it, for people what they asked for. */
export function printPoint(answer: PointAnswer, { json, ops }: { json?: true; ops?: true }): void {
  if (json) {
    const { operations, ...rest } = answer;
    const shown = ops && operations !== undefined ? { ...rest, operations } : rest;
    process.stdout.write(`${JSON.stringify({ ...shown, caveat: ACCURACY_CAVEAT }, null, 2)}\n`);
    return;
  }
  process.stdout.write(text(answer, ops ?? false));
  process.stderr.write(`note: ${ACCURACY_CAVEAT}\n`);
}

function text(answer: PointAnswer, ops: boolean): string {
  const { engine, asked, prefill, decode, kv, memory, operations } = answer;
  const formats = Object.entries(engine.quantization).map(([part, format]) => `${part} ${format}`);
  const tokens =
    asked.osl === undefined
      ? `${count(asked.context)} tokens of context`
      : `ISL ${count(asked.isl)}, OSL ${count(asked.osl)}`;
  const cached = asked.prefix > 0 ? `, ${count(asked.prefix)} of them cached` : "";
  return [
    `${styleText("bold", `${engine.model} on ${engine.gpu}`)}, ${engine.backend} ${engine.backendVersion}, ${engine.parallelism} (${plural(engine.gpus, "GPU")}); ${formats.join(", ")}\n\n`,
    textTable(
      ["", "of", "time", "tokens/s/GPU", "from"],
      [
        ["TTFT", `one prompt of ${count(asked.isl)} tokens${cached}`, ...timeCells(prefill)],
        ["ITL", `${plural(asked.batch, "request")} at once, ${tokens}`, ...timeCells(decode)],
      ],
    ),
    memory === undefined ? "" : `\n${memoryTable(memory)}`,
    `\nKV cache of the engine: ${count(kv.tokens)} tokens, ${count(kv.bytesPerToken)} bytes each. ${fitLine(answer)}\n`,
    ...(ops && operations !== undefined
      ? [`\nTTFT\n${operationTable(operations.prefill)}`, `\nITL\n${operationTable(operations.decode)}`]
      : []),
    `\nsource: ${engine.source}\n`,
    ...answer.adjustments.map((adjustment) => `adjusted: ${adjustment}\n`),
  ].join("");
}

function fitLine({ asked, kv }: PointAnswer): string {
  const room = `${plural(kv.requests, "request")} of that length ${kv.requests === 1 ? "fits" : "fit"} at once`;
  const one = asked.batch === 1;
  const need = `${plural(asked.batch, "request")} ${one ? "takes" : "take"} ${count(kv.neededTokens)}`;
  if (kv.fits) return `The ${need} of them: ${one ? "it fits" : "they fit"} (${room}).`;
  return `${styleText("red", one ? "It does not fit" : "They do not fit")}: the ${need} (${room}).`;
}

function memoryTable(memory: MemoryBreakdown): string {
  const rows: [string, number][] = [
    ["weights", memory.weightsBytes],
    ["activations", memory.activationBytes],
    ["runtime", memory.runtimeBytes],
    ["communication", memory.communicationBytes],
    ["for the KV cache", Math.max(0, memory.kvBudgetBytes)],
  ];
  const used = rows.reduce((sum, [, bytes]) => sum + bytes, 0);
  rows.push(["left to others", Math.max(0, memory.capacityBytes - used)], ["one GPU", memory.capacityBytes]);
  return textTable(
    ["memory of one GPU", "GiB"],
    rows.map(([name, bytes]) => [name, (bytes / 2 ** 30).toFixed(2)]),
  );
}

function operationTable(operations: readonly OperationEstimate[]): string {
  const total = operations.reduce((sum, { ms }) => sum + ms, 0);
  return textTable(
    ["operation", "ms", "share", "from"],
    operations.map((operation) => [
      operation.name,
      operation.ms.toFixed(3),
      `${((100 * operation.ms) / total).toFixed(1)} %`,
      origin(operation),
    ]),
  );
}

function timeCells(time: Time): string[] {
  return [`${Number(time.ms.toPrecision(4))} ms`, count(Math.round(time.tokensPerSecondPerGpu)), origin(time)];
}

function origin({ origin, adjusted }: { origin: string; adjusted: boolean }): string {
  return adjusted ? `${origin}, adjusted` : origin;
}

function plural(n: number, word: string): string {
  return `${count(n)} ${word}${n === 1 ? "" : "s"}`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
