import { type Role, workerCapacityPerS } from "#planner/core";
import type { Limit, Series } from "../charts/chart.ts";
import type { ColourName } from "../charts/theme.ts";
import { formatSignificant, plural } from "../format.ts";
import { type Readout, readoutOf, type TimeFigure, timeAxis } from "../page/figure.ts";
import { type Columns, known } from "./columns.ts";
import type { PlannerTick } from "./input.ts";

/** Engines that get a line of their own. */
const MOST_ENGINES = 16;

type Loads = Record<string, number> | null | undefined;

/** Loads of engines over time: a line for each, and their sum under the cursor. */
class EngineLines {
  readonly names: readonly string[];
  readonly most: number;
  /** Over all engines; NaN where unknown. */
  readonly total: number[];
  readonly #loads: readonly Loads[];

  constructor(columns: Columns, read: (tick: PlannerTick) => Loads) {
    const all = columns.each(read);
    this.#loads = columns.ticks.map(read);
    this.names = [...new Set(all.flatMap((load) => Object.keys(load ?? {})))];
    const most = (load: Loads) => Object.values(load ?? {}).reduce((high, tokens) => Math.max(high, tokens), 0);
    this.most = all.reduce((high: number, load) => Math.max(high, most(load)), 0);
    const sum = (load: NonNullable<Loads>) => Object.values(load).reduce((all, tokens) => all + tokens, 0);
    this.total = this.#loads.map((load) => (load == null ? Number.NaN : sum(load)));
  }

  /** @param label at the end of the first line; the others are alike */
  series(columns: Columns, label: string, colour: ColourName, dashed = false): Series[] {
    return this.names.slice(0, MOST_ENGINES).map((name, i) => ({
      ...columns.line(
        i === 0 ? label : "",
        colour,
        this.#loads.map((load) => load?.[name] ?? Number.NaN),
        dashed,
      ),
      opacity: 0.6,
    }));
  }

  /** How the subtitle tells that some are left out. */
  get shown(): string {
    return this.names.length > MOST_ENGINES ? `, the first ${MOST_ENGINES}` : "";
  }
}

/** Prompt tokens that wait, by engine. */
export function queueFigure(columns: Columns, isAggregated: boolean): TimeFigure | null {
  const queued = new EngineLines(columns, ({ observed }) => observed?.queuedTokens);
  if (queued.names.length === 0) return null;
  return {
    id: "prefill-engines",
    height: 130,
    readouts: [readoutOf("all engines", "prefill", " tokens", columns.atMs, queued.total)],
    chart: {
      title:
        queued.most === 0
          ? "No prompt tokens waited at a tick"
          : `Prompt tokens wait on ${plural(queued.names.length, "engine")}: at most ${formatSignificant(queued.most)} on one`,
      subtitle: `queued prompt tokens of each ${isAggregated ? "" : "prefill "}engine${queued.shown}`,
      x: timeAxis(columns),
      y: { label: "tokens", min: 0 },
      series: queued.series(columns, "", "prefill"),
    },
  };
}

/** KV tokens of what decodes, of what waits to, and how many an engine holds. */
export function kvFigure(columns: Columns, maxKvTokens: number | null): TimeFigure | null {
  const held = new EngineLines(columns, ({ observed }) => observed?.kvTokens);
  const queued = new EngineLines(columns, ({ observed }) => observed?.queuedKvTokens);
  const engines = new Set([...held.names, ...queued.names]).size;
  if (engines === 0) return null;
  const hasQueue = queued.names.length > 0;
  const readouts: Readout[] = [readoutOf("in flight, all engines", "decode", " tokens", columns.atMs, held.total)];
  if (hasQueue) readouts.push(readoutOf("queued", "ink", " tokens", columns.atMs, queued.total));
  const full = maxKvTokens === null ? "" : `, ${formatSignificant((100 * held.most) / maxKvTokens)} % of its cache`;
  const limits: Limit[] =
    maxKvTokens === null
      ? []
      : [{ value: maxKvTokens, label: `cache of an engine: ${formatSignificant(maxKvTokens)} tokens` }];
  return {
    id: "decode-engines",
    height: 150,
    readouts,
    chart: {
      title:
        held.most === 0
          ? "No KV tokens were held at a tick"
          : `KV tokens are held on ${plural(engines, "engine")}: at most ${formatSignificant(held.most)} on one${full}`,
      subtitle: `KV tokens of each decode engine, in flight${hasQueue ? " and queued" : ""}${held.shown}`,
      x: timeAxis(columns),
      y: { label: "tokens", min: 0 },
      series: [
        ...held.series(columns, hasQueue ? "in flight" : "", "decode"),
        ...(hasQueue ? queued.series(columns, "queued", "ink", true) : []),
      ],
      limits,
    },
  };
}

/** What one engine serves; a strategy says it when it sizes, and it holds until the next time. */
export function capacityFigure(columns: Columns, roles: readonly Role[]): TimeFigure | null {
  const capacities = roles.flatMap((role) => {
    const perS = columns.held(({ decision }) => workerCapacityPerS(decision, role));
    return known(perS).length === 0 ? [] : [{ role, perS }];
  });
  if (capacities.length === 0) return null;
  const name = (role: Role) => (roles.length === 1 ? "" : role);
  const now = capacities.map(({ role, perS }) => {
    const value = formatSignificant(known(perS).at(-1)!);
    return roles.length === 1 ? value : `${value} (${role})`;
  });
  return {
    id: "capacity",
    height: 130,
    readouts: capacities.map(({ role, perS }) =>
      readoutOf(name(role) || "capacity", role, " req/s", columns.atMs, perS, "step"),
    ),
    chart: {
      title: `One engine serves ${now.join(" and ")} requests per second within the SLA`,
      subtitle: "capacity of one engine at the lengths that are expected, as it was last reckoned",
      x: timeAxis(columns),
      y: { label: "requests/s", min: 0 },
      series: capacities.map(({ role, perS }) => columns.step(name(role), role, perS)),
    },
  };
}
