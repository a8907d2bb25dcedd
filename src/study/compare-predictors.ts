import { type DryRunConfig, dryRun, type Observation, type Planner } from "#planner/core";
import {
  type LoadForecaster,
  LoadPredictor,
  type LoadValues,
  type PredictorConfig,
  type PredictorTools,
} from "#planner/predictors";
import type { Surface } from "#profiles";
import type { ReportedRun } from "#src/record";
import type { ComparedPredictor, PlayedScore } from "#src/report";
import { type ForecastTrack, playedScore, regretOf, sizedScore, trackForecasts } from "./predictor-scores.ts";

export interface Candidate {
  name: string;
  config: PredictorConfig;
}

export interface ComparePredictorsOptions {
  candidates: readonly Candidate[];
  /** Load of each interval from time 0 on; lengths are NaN where no request came. */
  loads: readonly LoadValues[];
  /** Intervals that count for forecast errors; the last may be cut off by the trace's end. */
  judged: number;
  /** Traffic from before. */
  history: readonly LoadValues[];
  tools: PredictorTools;
  sizing: DryRunConfig;
  surface: Surface;
  /** A planner with this predictor, in its first state. */
  newPlanner: (config: PredictorConfig) => Planner;
  /** Plays the traffic with it; every call starts from the same deployment, and may take the rows of the run before. */
  play: (planner: Planner, name: string) => ReportedRun;
  /** Wall clock, ms: what predictions cost. */
  nowMs: () => number;
}

export interface ComparedPredictors {
  predictors: ComparedPredictor[];
  perfect: ComparedPredictor;
  /** The same object as among the predictors, where the last value is one of them. */
  lastValue: ComparedPredictor;
  /** End of the longest run, ms. */
  endMs: number;
}

const LAST_VALUE: PredictorConfig = { type: "constant" };

/**
 * Scores predictors on one trace in three ways: by their forecasts alone; by the workers that the SLA planner's formulas would have
 * made of them; and by what requests got when the traffic is played with the planner in the loop. Beside them stand a perfect
 * forecast (the next interval's load, known) and the last value: what forecasting could win, and what it must beat.
 */
export function comparePredictors(options: ComparePredictorsOptions): ComparedPredictors {
  const { candidates, loads, judged, history, tools, sizing, surface } = options;
  const { intervalS } = sizing;
  let endMs = 0;

  function forecaster(config: PredictorConfig): LoadForecaster {
    const predictor = new LoadPredictor(config, intervalS, tools);
    if (history.length > 0) predictor.warmUp(history);
    return predictor;
  }

  function scored(name: string, make: () => LoadForecaster, planner: () => Planner, isMeasured: boolean) {
    const track = trackForecasts(loads, make(), {
      intervalS,
      judged,
      isWarm: history.length > 0,
      ...(isMeasured ? { nowMs: options.nowMs } : {}),
    });
    const buckets = loads.map((load, i) => ({ startS: i * intervalS, ...load }));
    const steps = dryRun(buckets, sizing, surface, repeated(track));
    const record = options.play(planner(), name);
    endMs = Math.max(endMs, record.endMs);
    return {
      name,
      track,
      sized: sizedScore(steps, intervalS, sizing.gpusPerWorker),
      played: playedScore(record),
    };
  }

  const perfect = scored(
    "perfect forecast",
    () => perfectForecaster(loads),
    () => foretold(options.newPlanner(LAST_VALUE), loads, intervalS),
    false,
  );
  const own = candidates.map(({ name, config }) =>
    scored(
      name,
      () => forecaster(config),
      () => options.newPlanner(config),
      true,
    ),
  );
  const constant = candidates.findIndex(({ config }) => config.type === "constant");
  const lastValue =
    own[constant] ??
    scored(
      "last value",
      () => forecaster(LAST_VALUE),
      () => options.newPlanner(LAST_VALUE),
      true,
    );
  const compared = (each: Scored) => comparedWith(each, perfect, lastValue);
  const predictors = own.map(compared);
  return {
    predictors,
    perfect: compared(perfect),
    lastValue: predictors[constant] ?? compared(lastValue),
    endMs,
  };
}

interface Scored {
  name: string;
  track: ForecastTrack;
  sized: ComparedPredictor["sized"];
  played: PlayedScore;
}

function comparedWith({ name, track, sized, played }: Scored, perfect: Scored, lastValue: Scored): ComparedPredictor {
  const own = { forecast: track.score, played };
  let cumulated = 0;
  return {
    name,
    forecast: track.score,
    sized,
    played,
    regret: {
      perfect: regretOf(own, { forecast: perfect.track.score, played: perfect.played }),
      lastValue: regretOf(own, { forecast: lastValue.track.score, played: lastValue.played }),
    },
    forecasts: track.forecasts,
    cumulatedRegret: track.losses.map((loss, i) => {
      cumulated += (loss ?? 0) - (lastValue.track.losses[i] ?? 0);
      return cumulated;
    }),
  };
}

/** Forecasts that were made before, once more. */
function repeated({ forecasts }: ForecastTrack): LoadForecaster {
  let next = 0;
  return {
    add: () => {
      next++;
    },
    predict: () => forecasts[next] ?? { requests: 0, isl: 0, osl: 0 },
  };
}

/** Foretells each interval exactly; in an interval without requests lengths go on as they were. */
function perfectForecaster(loads: readonly LoadValues[]): LoadForecaster {
  let next = 0;
  return {
    add: () => {
      next++;
    },
    predict: () => foretoldAt(loads, next),
  };
}

/** What comes in interval `index`; past the trace's end, nothing. */
function foretoldAt(loads: readonly LoadValues[], index: number): LoadValues {
  const load = loads[index];
  if (load !== undefined && load.requests > 0) return load;
  for (let i = Math.min(index, loads.length) - 1; i >= 0; i--) {
    const { requests, isl, osl } = loads[i]!;
    if (requests > 0) return { requests: 0, isl, osl };
  }
  return { requests: 0, isl: 0, osl: 0 };
}

/** A planner that is told the load of the interval that begins, in place of its own forecast. */
function foretold(planner: Planner, loads: readonly LoadValues[], intervalS: number): Planner {
  return {
    strategy: planner.strategy,
    intervalMs: planner.intervalMs,
    needsForwardPasses: planner.needsForwardPasses === true,
    tick(observation: Observation) {
      const { requests, isl, osl } = foretoldAt(loads, Math.round(observation.nowMs / 1000 / intervalS));
      return planner.tick({ ...observation, forecast: { requestRate: requests / intervalS, isl, osl } });
    },
  };
}
