/** Scenarios on which a live run and its virtual twin can be held against each other exactly. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type RandomStream, randomStream } from "#common";
import { plannerConfigSchema } from "#planner/core";
import { readScenario } from "#scenarios";
import { prepareRehearsal, type RunnableScenario } from "#src/rehearsal";
import { simulate } from "#src/simulator";

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
const MAX_ROUNDS = 300;

/** Writes the case as a scenario and a trace into `folder`; the scenario as it is read from there. */
export function writeLiveCase(live: LiveCase, folder: string): RunnableScenario {
  mkdirSync(folder, { recursive: true });
  const rows = conversations(live);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const scenario = written(live, rows, folder);
    const close = tooClose(live, scenario);
    if (close.length === 0) return scenario;
    // What comes first stays where it is then; what follows may need another round.
    for (const row of new Set(
      close.map((pair) => pair.find((one) => rows[one]!.timestamp === undefined) ?? pair[0]!),
    )) {
      putOff(live, rows, row);
    }
  }
  throw new Error(`${live.name}: arrivals don't come clear of each other`);
}

/**
 * What a live run can't be held to exactly, in virtual time: requests that arrive too close to a tick, or to another one, or
 * whose prompts are computed at almost the same time on two workers, so that their decode workers may change places. Requests
 * that are concerned, the later one first; in order of time.
 */
export function tooClose({ clearMs, apartMs, intervalMs }: LiveCase, scenario: RunnableScenario): number[][] {
  const rehearsal = prepareRehearsal(scenario);
  const planner = rehearsal.newPlanner();
  const { requests, transfers } = simulate({
    ...rehearsal.simulation,
    capture: true,
    ...(planner === null ? {} : { planner }),
  });
  const pairs = neighbours(requests.arrivalMs).flatMap(({ row, before, gapMs }) => {
    if (tickDistanceMs(requests.arrivalMs[row]!, intervalMs) < clearMs) return [[row]];
    return gapMs < apartMs ? [[row, before]] : [];
  });
  if (transfers === null) return pairs;
  const { prefillWorker } = requests;
  const held = neighbours(transfers.sourceHeldMs).flatMap(({ row, before, gapMs }) =>
    gapMs < apartMs / 2 && prefillWorker[row] !== prefillWorker[before] ? [[row, before]] : [],
  );
  return [...pairs, ...held].sort(([a], [b]) => requests.arrivalMs[a!]! - requests.arrivalMs[b!]!);
}

/** Rows in order of time, each with the one before. */
function neighbours(timesMs: Float64Array): { row: number; before: number; gapMs: number }[] {
  const order = [...timesMs.keys()].sort((a, b) => timesMs[a]! - timesMs[b]!);
  return order.map((row, i) => {
    const before = order[i - 1] ?? row;
    return { row, before, gapMs: i === 0 ? Number.POSITIVE_INFINITY : timesMs[row]! - timesMs[before]! };
  });
}

/** A later turn waits a little longer; a first turn comes later, and those behind it that it would catch up with. */
function putOff(live: LiveCase, rows: Row[], row: number): void {
  const { delay_ms: delayMs } = rows[row]!;
  if (delayMs !== undefined) {
    rows[row]!.delay_ms = delayMs + PUT_OFF_MS;
    return;
  }
  let lastMs = rows[row]!.timestamp! + PUT_OFF_MS - live.apartMs;
  for (const head of rows.slice(row)) {
    if (head.timestamp === undefined) continue;
    head.timestamp = clearTime(live, Math.max(head.timestamp, lastMs + live.apartMs));
    lastMs = head.timestamp;
  }
}

/** `atMs`, or the first time after it that is clear of ticks. */
function clearTime({ intervalMs, clearMs }: LiveCase, atMs: number): number {
  if (tickDistanceMs(atMs, intervalMs) >= clearMs) return atMs;
  return Math.round(atMs / intervalMs!) * intervalMs! + clearMs;
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
    atMs = clearTime(live, Math.max(Math.round(atMs), lastMs + live.apartMs));
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
