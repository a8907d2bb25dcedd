/** Scenarios on which a live run and its virtual twin can be held against each other exactly. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RandomStream, randomStream } from "#common";
import { plannerConfigSchema } from "#planner/core";
import { readScenario } from "#scenarios";
import { prepareRehearsal, type RunnableScenario } from "#src/rehearsal";

export interface LiveCase {
  name: string;
  seed: number;
  durationMs: number;
  /** New conversations per second at a time. */
  rate: (atMs: number) => number;
  /** Tokens of a conversation's first prompt, and of each answer: uniform between the two. */
  isl: readonly [number, number];
  osl: readonly [number, number];
  /** Turns of a conversation: uniform between the two. */
  turns: readonly [number, number];
  thinkMs: readonly [number, number];
  /** System prompts shared by conversations, and blocks (of 512 tokens) of each; none: prompts are unique. */
  groups: number;
  groupBlocks: number;
  /** Planner ticks; none: workers stay. */
  intervalMs: number | null;
  /** The rest of the scenario. */
  deployment: object;
  sla: { ttft: string; itl: string };
  planner?: object;
  /** Arrivals keep so far from planner ticks, and from each other, ms of model time. */
  clearMs: number;
  apartMs: number;
}

interface Row {
  timestamp?: number;
  input_length: number;
  output_length: number;
  hash_ids: number[];
  session_id: string;
  delay_ms?: number;
}

const BLOCK_TOKENS = 512;
/** What a later turn is put off by where it comes too close to something. */
const PUT_OFF_MS = 41;
const MAX_ROUNDS = 2000;

/** Writes the case as a scenario and a trace into `folder`; the scenario as it is read from there. */
export function writeLiveCase(live: LiveCase, folder: string): RunnableScenario {
  mkdirSync(folder, { recursive: true });
  const rows = conversations(live);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const scenario = written(live, rows, folder);
    const close = tooClose(live, prepareRehearsal(scenario).run().requests.arrivalMs);
    // What comes first stays where it is then; what follows may need another round.
    const turns = close.flatMap((pair) => pair.find((row) => rows[row]!.delay_ms !== undefined) ?? []);
    if (turns.length === 0) return scenario;
    for (const turn of turns) rows[turn]!.delay_ms! += PUT_OFF_MS;
  }
  throw new Error(`${live.name}: arrivals don't come clear of each other`);
}

/** Requests that arrive too close to a tick, or to another one: then both, the later one first. In order of time. */
export function tooClose({ clearMs, apartMs, intervalMs }: LiveCase, arrivalMs: Float64Array): number[][] {
  const order = [...arrivalMs.keys()].sort((a, b) => arrivalMs[a]! - arrivalMs[b]!);
  return order.flatMap((row, i) => {
    const atMs = arrivalMs[row]!;
    if (tickDistanceMs(atMs, intervalMs) < clearMs) return [[row]];
    const before = order[i - 1];
    return before !== undefined && atMs - arrivalMs[before]! < apartMs ? [[row, before]] : [];
  });
}

function tickDistanceMs(atMs: number, intervalMs: number | null): number {
  if (intervalMs === null) return Number.POSITIVE_INFINITY;
  const past = atMs % intervalMs;
  // The first tick comes after one interval.
  return Math.min(atMs < intervalMs ? Number.POSITIVE_INFINITY : past, intervalMs - past);
}

function written(live: LiveCase, rows: Row[], folder: string): RunnableScenario {
  const { name, seed, deployment, sla, planner, durationMs } = live;
  const trace = join(folder, `${name}.jsonl`);
  writeFileSync(trace, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const file = join(folder, `${name}.yaml`);
  const document = {
    name,
    seed,
    deployment,
    sla,
    ...(planner === undefined ? {} : { planner }),
    traffic: [{ trace: { file: trace, blockSize: BLOCK_TOKENS } }],
    // Longer than the traffic: every request comes to its end.
    limits: { duration: `${Math.ceil(durationMs / 1000) * 10}s` },
  };
  writeFileSync(file, JSON.stringify(document));
  return readScenario(file, { plannerSchema: plannerConfigSchema });
}

/** Poisson arrivals by thinning, moved on where they come too close to a tick or to each other. */
function conversations(live: LiveCase): Row[] {
  const stream = randomStream(live.seed, "live-case");
  const uniform = ([least, most]: readonly [number, number]) => least + stream.integer(most - least + 1);
  const most = Math.max(...Array.from({ length: 1000 }, (_, i) => live.rate((i / 1000) * live.durationMs)));
  const groupIds = Array.from({ length: live.groups }, (_, group) =>
    Array.from({ length: live.groupBlocks }, (_, block) => group * live.groupBlocks + block),
  );
  let nextId = live.groups * live.groupBlocks;
  const rows: Row[] = [];
  let lastMs = Number.NEGATIVE_INFINITY;
  // A trace counts from its first arrival.
  for (let atMs = 0, session = 0; ; session++) {
    if (session > 0) atMs += exponential(stream, 1000 / most);
    if (atMs > live.durationMs) return rows;
    if (session > 0 && stream.next() * most > live.rate(atMs)) continue;
    atMs = Math.max(Math.round(atMs), lastMs + live.apartMs);
    if (tickDistanceMs(atMs, live.intervalMs) < live.clearMs) {
      atMs = Math.round(atMs / live.intervalMs!) * live.intervalMs! + live.clearMs;
    }
    lastMs = atMs;
    let ids = live.groups === 0 ? [] : [...groupIds[stream.integer(live.groups)]!];
    let isl = uniform(live.isl);
    const turns = uniform(live.turns);
    for (let turn = 0; turn < turns; turn++) {
      const osl = uniform(live.osl);
      // The last block may be partly filled: a later turn repeats it whole, as a growing conversation does.
      const known = turn + 1 < turns ? Math.ceil(isl / BLOCK_TOKENS) : ids.length;
      ids = [...ids];
      while (ids.length < known) ids.push(nextId++);
      rows.push({
        ...(turn === 0 ? { timestamp: atMs } : { delay_ms: uniform(live.thinkMs) }),
        input_length: isl,
        output_length: osl,
        hash_ids: ids.slice(0, Math.ceil(isl / BLOCK_TOKENS)),
        session_id: `${session}`,
      });
      isl += osl + uniform([50, 400]);
    }
  }
}

function exponential(stream: RandomStream, mean: number): number {
  return -mean * Math.log(1 - stream.next());
}
