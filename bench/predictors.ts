/** `npm run bench -- --predictors`: what a forecast costs, by predictor and by how many values it has seen. */
import { writeFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { randomStream } from "#common";
import { createPredictor, type PredictorTools, predictorConfigSchema, predictorTypes } from "#planner/predictors";
import { loadProphet } from "#planner/sources";

export interface PredictorRow {
  name: string;
  /** Median ms of one value taken in and one forecast made, by the values seen before. */
  ms: Record<number, number>;
}

/** Values seen before: the reference planner's window, a day of three-minute intervals, ten days of them. */
const SEEN = [50, 500, 5000] as const;
const INTERVAL_S = 180;
/** ms per forecast that the project promises: a tick of a thousand workers has 20 ms, three series take part in it. */
const PROMISED_MS = 5;
/** Prophet is fitted anew for each forecast; its library is what it is. */
const UNPROMISED = new Set(["prophet"]);
const MEASURED = { usual: 200, prophet: 20 } as const;

export interface PredictorsBenchOptions {
  only: string;
  json: string | null;
  progress: (text: string) => void;
}

/** Measures, prints the table, and says whether every promise held. */
export async function runPredictorsBench({ only, json, progress }: PredictorsBenchOptions): Promise<boolean> {
  const tools: PredictorTools = { prophet: await loadProphet() };
  const rows: PredictorRow[] = [];
  for (const name of predictorTypes.filter((type) => type.includes(only))) {
    const ms: Record<number, number> = {};
    for (const seen of SEEN) {
      progress(`${name} after ${seen} values`);
      ms[seen] = measure(name, seen, tools);
    }
    rows.push({ name, ms });
  }
  progress("");
  if (rows.length === 0) return true;
  console.log(predictorsTable(rows).join("\n"));
  if (json !== null) writeFileSync(json, `${JSON.stringify(rows, null, 1)}\n`);
  const broken = brokenPredictorPromises(rows);
  for (const line of broken) console.log(`BROKEN  ${line}`);
  return broken.length === 0;
}

/** Requests of a day that comes again, with noise: what makes every model work. */
function* load(): Generator<number> {
  const random = randomStream(1, "bench/predictors");
  for (let k = 0; ; k++) yield random.poisson(1500 - 1200 * Math.cos((2 * Math.PI * k) / 480));
}

function measure(type: (typeof predictorTypes)[number], seen: number, tools: PredictorTools): number {
  const predictor = createPredictor(predictorConfigSchema.parse(type), INTERVAL_S, "requests", tools);
  const values = load();
  for (let i = 0; i < seen; i++) predictor.add(values.next().value as number);
  const times: number[] = [];
  for (let i = 0; i < (type === "prophet" ? MEASURED.prophet : MEASURED.usual); i++) {
    const value = values.next().value as number;
    const started = performance.now();
    predictor.add(value);
    predictor.predict();
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1]!;
}

export function predictorsTable(rows: readonly PredictorRow[]): string[] {
  return [
    `| predictor | ${SEEN.map((seen) => `ms after ${seen} values`).join(" | ")} |`,
    `|---|${SEEN.map(() => "---|").join("")}`,
    ...rows.map(({ name, ms }) => `| ${name} | ${SEEN.map((seen) => ms[seen]!.toPrecision(2)).join(" | ")} |`),
  ];
}

export function brokenPredictorPromises(rows: readonly PredictorRow[]): string[] {
  return rows.flatMap(({ name, ms }) =>
    UNPROMISED.has(name)
      ? []
      : SEEN.filter((seen) => !(ms[seen]! < PROMISED_MS)).map(
          (seen) =>
            `${name}: ${ms[seen]!.toPrecision(3)} ms after ${seen} values, promised less than ${PROMISED_MS} ms`,
        ),
  );
}
