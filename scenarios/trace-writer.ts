import { badTraffic } from "./errors.ts";
import type { Workload } from "./workload.ts";

/** Tokens of a block in Mooncake's traces. */
const MOONCAKE_BLOCK = 512;

/** Tokens per hash id of the lines that `traceLines` gives for this workload. */
export function traceBlockTokens(workload: Workload): number {
  return workload.prompts?.blockTokens ?? MOONCAKE_BLOCK;
}

/**
 * A workload as Mooncake JSONL, one line at a time without its end: `timestamp` in whole ms, `input_length`, `output_length`,
 * `hash_ids`; sessions carry `session_id`, later turns `delay_ms` instead of a timestamp and follow their first turn.
 * Unique parts of prompts get ids of their own.
 * @throws UserError SCENARIOS_BAD_TRAFFIC for closed loops, which have no times
 */
export function* traceLines(workload: Workload): Generator<string> {
  if (workload.closedLoops.length > 0) {
    throw badTraffic(
      "traffic",
      "a closed loop has no arrival times, so it cannot be written as a trace",
      "use an open shape such as constant",
    );
  }
  const blockTokens = traceBlockTokens(workload);
  let freeId = workload.prompts?.ids.reduce((largest, id) => Math.max(largest, id + 1), 0) ?? 0;
  for (const head of workload.openHeads) {
    for (let request = head; request >= 0; request = workload.nextTurn?.[request] ?? -1) {
      const isl = workload.isl[request]!;
      const { prompts } = workload;
      const known =
        prompts === null ? [] : prompts.ids.subarray(prompts.offset[request]!, prompts.offset[request + 1]!);
      const hashIds = [...known];
      for (let own = Math.ceil(isl / blockTokens) - known.length; own > 0; own--) hashIds.push(freeId++);
      const session = workload.sessionIds?.[request];
      yield JSON.stringify({
        ...(request === head ? { timestamp: Math.round(workload.arrivalMs[request]!) } : {}),
        input_length: isl,
        output_length: workload.osl[request]!,
        hash_ids: hashIds,
        ...(session === undefined || session === "" ? {} : { session_id: session }),
        ...(request === head ? {} : { delay_ms: Math.round(workload.thinkMs?.[request] ?? 0) }),
      });
    }
  }
}
