import type { PrometheusClient } from "./client.ts";
import { ageS, unreachable } from "./queries.ts";
import { ask, type Reading, type SeriesFilter, selected } from "./reading.ts";

/**
 * What Prometheus knows of a counter, besides what it rose by. `absent`: nothing of the sort is scraped. `uncounted`: what
 * would count is scraped, and has not counted anything yet.
 */
export interface Presence {
  state: "fresh" | "stale" | "absent" | "uncounted" | "unknown";
  /** Some of those who count can't be scraped now. */
  incomplete: boolean;
  problems: string[];
}

export interface PresenceQuestion {
  /** Counter, with its selector where it has one. */
  counter: string;
  /** Selector of everything that the same targets export. */
  any: string;
  rangeS: number;
  /** Samples older than this tell nothing of the window, s. */
  staleS: number;
  filter: SeriesFilter;
  /** For messages. */
  what: string;
}

/** Tells no traffic from no data: whether counters are scraped, how old their samples are, and who does not answer. */
export async function presence(client: PrometheusClient, question: PresenceQuestion): Promise<Presence> {
  const { counter, any, rangeS, staleS, filter, what } = question;
  const [ages, gone] = await Promise.all([ask(client, ageS(counter)), ask(client, unreachable(counter, rangeS))]);
  const problems: string[] = [];
  const lost = gone.kind === "failed" ? [] : addresses(gone, filter);
  if (lost.length > 0) problems.push(`${what}: ${lost.join(", ")} can't be scraped`);
  const incomplete = lost.length > 0;
  if (ages.kind === "failed") return { state: "unknown", incomplete, problems: [`${what}: ${ages.reason}`] };
  const found = selected(ages.series, filter);
  if (found.length > 0) {
    const age = Math.min(...found.map(({ value }) => value));
    if (!(age > staleS)) return { state: "fresh", incomplete, problems };
    return { state: "stale", incomplete, problems: [...problems, `${what}: no sample for more than ${staleS} s`] };
  }
  const others = await ask(client, `count by (model, dynamo_namespace) (${any})`);
  if (others.kind === "failed") return { state: "unknown", incomplete, problems: [`${what}: ${others.reason}`] };
  if (selected(others.series, filter).length > 0) return { state: "uncounted", incomplete, problems };
  return {
    state: "absent",
    incomplete,
    problems: [...problems, `${what}: Prometheus has no such series${known(others)}`],
  };
}

/** Who is there instead: a wrong name shows at once. */
function known(others: Reading & { kind: "series" }): string {
  const names = others.series.flatMap(({ labels: { model, dynamo_namespace: namespace } }) => {
    const said = [model && `model ${model}`, namespace && `namespace ${namespace}`].filter(Boolean);
    return said.length === 0 ? [] : [said.join(" in ")];
  });
  return names.length === 0 ? "" : `, but of ${[...new Set(names)].slice(0, 3).join("; ")}`;
}

function addresses(reading: Reading & { kind: "series" }, filter: SeriesFilter): string[] {
  return [
    ...new Set(selected(reading.series, filter).map(({ labels }) => labels.instance ?? labels.pod ?? "a target")),
  ];
}
