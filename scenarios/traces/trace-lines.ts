import { createHash } from "node:crypto";
import { families, hintsOf, type PromptBlocks, type Workload } from "#scenarios/workload";
import { badTraffic } from "../errors.ts";
import { AGENTIC_SCHEMA } from "./agentic-reader.ts";
import { MOONCAKE_BLOCK } from "./options.ts";

/** Tokens per hash id of the lines that `traceLines` gives for this workload. */
export function traceBlockTokens(workload: Workload): number {
  return workload.prompts?.blockTokens ?? MOONCAKE_BLOCK;
}

/**
 * A workload as JSONL, one line at a time without its end. Mooncake's format: `timestamp` in whole ms, `input_length`,
 * `output_length`, `hash_ids`; sessions carry `session_id`, later turns `delay_ms` instead of a timestamp and follow their first turn.
 * Where requests wait for others: Dynamo's agentic Mooncake, version 2, with its header. Unique parts of prompts get ids of
 * their own.
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
  if (workload.dependencies !== undefined) yield* agenticLines(workload, workload.dependencies);
  else yield* mooncakeLines(workload);
}

function* mooncakeLines(workload: Workload): Generator<string> {
  const hashIds = new HashIds(workload.prompts);
  for (const head of workload.openHeads) {
    for (let request = head; request >= 0; request = workload.nextTurn?.[request] ?? -1) {
      const isl = workload.isl[request]!;
      const session = workload.sessionIds?.[request];
      yield JSON.stringify({
        ...(request === head ? { timestamp: Math.round(workload.arrivalMs[request]!) } : {}),
        input_length: isl,
        output_length: workload.osl[request]!,
        hash_ids: hashIds.of(request, isl),
        ...(session === undefined || session === "" ? {} : { session_id: session }),
        ...(request === head ? {} : { delay_ms: Math.round(workload.thinkMs?.[request] ?? 0) }),
        ...hintFields(workload, request),
      });
    }
  }
}

function* agenticLines(workload: Workload, dependencies: NonNullable<Workload["dependencies"]>): Generator<string> {
  const hashIds = new HashIds(workload.prompts);
  const family = families(workload);
  const { nextTurn, thinkMs } = workload;
  const before = new Int32Array(workload.count).fill(-1);
  nextTurn?.forEach((turn, request) => {
    if (turn >= 0) before[turn] = request;
  });
  yield JSON.stringify({
    schema: AGENTIC_SCHEMA,
    version: 2,
    block_size: traceBlockTokens(workload),
    hash_id_scope: "local",
    source: { format: "understudy", digest: digest(workload) },
  });
  for (let request = 0; request < workload.count; request++) {
    const isl = workload.isl[request]!;
    const atMs = workload.arrivalMs[request]!;
    const waits = [];
    for (let at = dependencies.offset[request]!; at < dependencies.offset[request + 1]!; at++) {
      waits.push({
        request_id: `r${dependencies.parents[at]}`,
        trigger: dependencies.onStart[at] === 1 ? "dispatch" : "completion",
        delay_ms: Math.round(dependencies.delayMs[at]!),
        relation: "sequence",
      });
    }
    if (before[request]! >= 0) {
      const delay_ms = Math.round(thinkMs?.[request] ?? 0);
      waits.push({ request_id: `r${before[request]}`, trigger: "completion", delay_ms, relation: "sequence" });
    }
    yield JSON.stringify({
      request_id: `r${request}`,
      play_id: `p${family[request]}`,
      session_id: workload.sessionIds?.[request] || `r${request}`,
      model: "model",
      input_length: isl,
      output_length: workload.osl[request]!,
      hash_ids: hashIds.of(request, isl),
      not_before_ms: Number.isNaN(atMs) ? 0 : Math.round(atMs),
      ...(waits.length === 0 ? {} : { dependencies: waits }),
      ...hintFields(workload, request),
    });
  }
}

/** What a request tells routers, as `optionalHints` reads it. */
function hintFields({ hints }: Workload, request: number): Record<string, unknown> {
  if (hints === undefined) return {};
  const { priority, strictPriority, policyClass } = hintsOf(hints, request);
  return {
    ...(priority === undefined ? {} : { priority }),
    ...(strictPriority === undefined ? {} : { strict_priority: strictPriority }),
    ...(policyClass === undefined ? {} : { policy_class: policyClass }),
  };
}

/** Names the traffic in the header: DynoSim wants to know where a trace comes from. */
function digest({ isl, osl, arrivalMs }: Workload): string {
  const hash = createHash("sha256");
  for (const column of [isl, osl, arrivalMs])
    hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  return hash.digest("hex").slice(0, 16);
}

/** Ids for every block of a prompt: the content's own, then ids that nobody else has. */
class HashIds {
  readonly #prompts: PromptBlocks | null;
  readonly #blockTokens: number;
  #freeId: number;

  constructor(prompts: PromptBlocks | null) {
    this.#prompts = prompts;
    this.#blockTokens = prompts?.blockTokens ?? MOONCAKE_BLOCK;
    this.#freeId = prompts?.ids.reduce((largest, id) => Math.max(largest, id + 1), 0) ?? 0;
  }

  of(request: number, isl: number): number[] {
    const blocks = Math.ceil(isl / this.#blockTokens);
    const prompts = this.#prompts;
    const from = prompts?.offset[request] ?? 0;
    const to = Math.min(prompts?.offset[request + 1] ?? 0, from + blocks);
    const hashIds = prompts === null ? [] : [...prompts.ids.subarray(from, to)];
    while (hashIds.length < blocks) hashIds.push(this.#freeId++);
    return hashIds;
  }
}
