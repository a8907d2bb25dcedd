import { type LoadState, loopState, type ThroughputState } from "#planner/core";
import type { Series } from "../charts/chart.ts";
import type { ColourName } from "../charts/theme.ts";
import { plural } from "../format.ts";
import { type TimeFigure, timeAxis } from "../page/figure.ts";
import type { Columns } from "./columns.ts";
import type { PlannerTick } from "./input.ts";

type State = LoadState | ThroughputState;

/** Room of a lane, px. */
const LANE_PX = 20;
/** Of what is above and below the lanes. */
const FRAME_PX = 52;
const BAR_PX = 7;

/** How a loop's state is called: at the end of its lane, there in narrow pictures, and in what colour. */
const LOOKS: Record<State, readonly [name: string, shortName: string, colour: ColourName]> = {
  scale: ["sizes", "sizes", "good"],
  set_lower_bound: ["sets the bound", "bound", "good"],
  scale_up: ["one more", "more", "good"],
  scale_down: ["one fewer", "fewer", "good"],
  no_change: ["no change", "same", "muted"],
  scale_down_capped_by_throughput: ["kept by bound", "bound", "warn"],
  scale_down_refused_consolidation: ["kept for SLA", "for SLA", "warn"],
  gpu_budget_guard_hold: ["held by budget", "budget", "warn"],
  gpu_budget_reconcile: ["into the budget", "budget", "warn"],
  scaling_in_progress: ["still scaling", "scaling", "warn"],
  worker_count_mismatch: ["not all heard", "not all", "bad"],
  no_fpm_data: ["no passes", "no data", "bad"],
  insufficient_data: ["facts missing", "missing", "bad"],
  no_traffic_data: ["no traffic data", "no data", "bad"],
  predict_failed: ["no forecast", "no fcst.", "bad"],
  model_not_ready: ["model not ready", "no model", "bad"],
  override_by_user_plugin: ["set by plugin", "plugin", "forecast"],
  reconcile_clamped_to_floor: ["plugin's floor", "floor", "forecast"],
  reconcile_clamped_to_ceiling: ["plugin's ceiling", "ceiling", "forecast"],
  held_over: ["plugin held over", "held", "forecast"],
  circuit_open: ["plugin is out", "out", "bad"],
  rejected_by_plugin: ["plugin rejects", "rejects", "bad"],
  unset: ["not yet", "not yet", "muted"],
  disabled: ["off", "off", "muted"],
};

const ORDER = Object.keys(LOOKS) as State[];

/** What the loops over load and throughput came to at each tick, a lane for each thing; none of loops that are off. */
export function loopFigures(columns: Columns): TimeFigure[] {
  return (["load", "throughput"] as const).flatMap((loop) => {
    const stateOf = ({ decision }: PlannerTick): State | null => {
      if (decision?.loops === undefined) return null;
      return loop === "load" ? loopState(decision, "load") : loopState(decision, "throughput");
    };
    const isOn = columns
      .each(({ decision }) => decision?.loops?.[loop])
      .some((state) => state !== undefined && state !== "disabled");
    return isOn ? [loopFigure(columns, loop, stateOf)] : [];
  });
}

function loopFigure(
  columns: Columns,
  loop: "load" | "throughput",
  stateOf: (tick: PlannerTick) => State | null,
): TimeFigure {
  const states = columns.ticks.map(stateOf);
  const all = columns.each(stateOf);
  // The first in the order on top.
  const lanes = ORDER.filter((state) => states.includes(state)).toReversed();
  const rows = states.map((state) => (state === null ? Number.NaN : lanes.indexOf(state)));
  const count = (state: State) => all.filter((each) => each === state).length;
  const steps = count("scale_up") + count("scale_down");
  const last = all.findLast((state) => state !== null)!;
  const nowText = `now: ${LOOKS[last][0]}`;
  const title =
    loop === "load"
      ? `Load scaling wanted a worker more at ${plural(count("scale_up"), "tick")}, one fewer at ${count("scale_down")}; ${nowText}`
      : `Throughput scaling; ${nowText}`;
  return {
    id: `${loop}-decisions`,
    height: FRAME_PX + LANE_PX * lanes.length,
    readouts: [
      {
        name: loop,
        colour: "ink",
        unit: "",
        mode: "step",
        x: columns.atMs.map(Math.round),
        y: rows.map((row) => (Number.isNaN(row) ? null : row)),
        words: lanes.map((state) => LOOKS[state][0]),
      },
    ],
    chart: {
      title,
      subtitle: `what the loop over ${loop} came to${loop === "load" && steps > 0 ? "" : ", until it was due again"}`,
      x: timeAxis(columns),
      y: { label: "", scale: "lanes", min: -0.5, max: lanes.length - 0.5 },
      series: lanes.map((state, lane) => laneSeries(columns, state, lane, rows)),
    },
  };
}

/** A bar over each stretch of ticks that came to the same, until the next tick. */
function laneSeries(columns: Columns, state: State, lane: number, rows: readonly number[]): Series {
  const x: number[] = [];
  const y: number[] = [];
  for (const [i, row] of rows.entries()) {
    if (row !== lane) continue;
    x.push(columns.atMs[i]!);
    y.push(lane);
    if (rows[i + 1] === lane) continue;
    const until = columns.atMs[i + 1];
    if (until === undefined) continue;
    x.push(until, until);
    y.push(lane, Number.NaN);
  }
  const [name, shortName, colour] = LOOKS[state];
  return { name, shortName, kind: "line", colour, x, y, strokeWidth: BAR_PX };
}
