import { gzipSync } from "node:zlib";
import type { RunFacts } from "#src/record";
import { formatClock, plural } from "../format.ts";
import { decisionTimeline, reasonsText, rolesOf } from "../summary/decision-changes.ts";
import { type TickGroup, type TimelineEntry, timelineEntries } from "../summary/tick-groups.ts";
import { escapeHtml } from "./html.ts";
import { insideHtml, type TickFacts, tickHtml, tickKey } from "./tick-details.ts";

/** Longer lists are cut: a page of tens of thousands of entries helps nobody, and the log has them all. */
const MOST_ENTRIES = 800;
/** Ticks that groups open to where the page has them all in it; of more, those of the groups that are nearest to the end that is kept. */
const MOST_GROUPED_TICKS = 5_000;

type Ticks = Pick<RunFacts, "decisions" | "mode">;

export interface DecisionsOptions {
  /** The page has a server, which its script asks for what is opened (`decisionFragment`); else all of it is in the page. */
  isLive: boolean;
  /** Where all ticks are. */
  log: string;
  /** Which entries stay where there are too many. */
  keep: "first" | "last";
  inputsOf: TickFacts["inputsOf"];
}

const RUN_REPORT: DecisionsOptions = { isLive: false, log: "decisions.jsonl", keep: "first", inputsOf: () => [] };

/**
 * The ticks of a strategy: each that changed something, and groups of the others. Every one opens to its inputs, forecast, formula
 * values, limits and reasons; what is in groups is brought by the page's script (ticks.js) when it is opened.
 */
export function decisionsSection(record: Ticks, options = RUN_REPORT): string {
  if (record.decisions.length === 0) {
    return `<section id="decisions" aria-labelledby="decisions-title"><h2 id="decisions-title">Decisions</h2><p class="note">No planner ran: the workers stayed as they were started.</p></section>`;
  }
  const timeline = decisionTimeline(record);
  const facts = { roles: rolesOf(record.mode), inputsOf: options.inputsOf };
  const entries = timelineEntries(timeline);
  const kept = options.keep === "first" ? entries.slice(0, MOST_ENTRIES) : entries.slice(-MOST_ENTRIES);
  const opening = options.isLive ? new Set(kept) : openingOf(kept, options.keep);
  const items = kept.map((entry) =>
    entry.kind === "change"
      ? tickHtml(entry.change.decision, facts, options.isLive)
      : groupHtml(entry, facts, opening.has(entry), options.isLive),
  );
  const left = entries.length - kept.length;
  if (left > 0) {
    const rest = `<li class="note">${plural(left, "entry", "entries")} ${options.keep === "first" ? "after" : "before"} these in ${options.log}.</li>`;
    if (options.keep === "first") items.push(rest);
    else items.unshift(rest);
  }
  const strategy = escapeHtml(record.decisions[0]!.strategy);
  const limited = entries.reduce((sum, entry) => sum + (entry.kind === "limited" ? entry.ticks.length : 0), 0);
  const silent = timeline.ticks - timeline.changes.length;
  const held = limited > 0 ? `, ${limited} of them by a limit or a plugin` : "";
  const all =
    opening.size === kept.length
      ? "Each opens"
      : `Each that changed something opens, and ${options.keep === "first" ? "the first" : "the last"} of the others`;
  return `<section id="decisions" aria-labelledby="decisions-title">
<h2 id="decisions-title">Decisions</h2>
<p class="note">The strategy <strong>${strategy}</strong> decided ${plural(timeline.ticks, "time")}: ${plural(timeline.changes.length, "decision")} changed something, ${silent} left all as it was${held}. ${all} to what led to it.</p>
<noscript><p class="note">Ticks in groups need the script of the page; ${options.log} has them, too.</p></noscript>
<ol class="card decisions">
${items.join("\n")}
</ol>
${
  options.isLive
    ? ""
    : fragmentsHtml(
        kept.filter((entry) => opening.has(entry)),
        facts,
      )
}</section>`;
}

/** Entries that open in a page which has all of it in it. */
function openingOf(entries: readonly TimelineEntry[], keep: DecisionsOptions["keep"]): Set<TimelineEntry> {
  let ticks = 0;
  const opening = new Set<TimelineEntry>();
  for (const entry of keep === "first" ? entries : entries.toReversed()) {
    if (entry.kind !== "change") {
      ticks += entry.ticks.length;
      if (ticks > MOST_GROUPED_TICKS) continue;
    }
    opening.add(entry);
  }
  return opening;
}

/** What an element of a live page's section opens to, by its `data-load`; null: it is not there any more. */
export function decisionFragment(record: Ticks, key: string, inputsOf: TickFacts["inputsOf"]): string | null {
  const facts = { roles: rolesOf(record.mode), inputsOf };
  const decision = record.decisions.find((made) => tickKey(made) === key);
  if (decision !== undefined) return insideHtml(decision, facts);
  const group = timelineEntries(decisionTimeline(record)).find(
    (entry) => entry.kind !== "change" && groupKey(entry) === key,
  );
  return group === undefined || group.kind === "change" ? null : linesHtml(group, facts);
}

/** A group is known by its first tick, so that it keeps its name while it grows. */
function groupKey({ ticks }: TickGroup): string {
  return `from-${tickKey(ticks[0]!)}`;
}

function groupHtml(group: TickGroup, facts: TickFacts, opens: boolean, isLive: boolean): string {
  const { kind, ticks } = group;
  // A single one that was limited stands for itself.
  if (kind === "limited" && ticks.length === 1) return tickHtml(ticks[0]!, facts, isLive || opens);
  const [first, last] = [formatClock(ticks[0]!.atMs), formatClock(ticks.at(-1)!.atMs)];
  const span = first === last ? first : `${first}–${last}`;
  const what =
    kind === "quiet"
      ? `${plural(ticks.length, "quiet tick")}, ${span}`
      : `${ticks.length} ticks limited alike, ${span}: ${escapeHtml(reasonsText(ticks.at(-1)!))}`;
  if (!opens) return `<li class="${kind} group"><span>${what}</span></li>`;
  const key = groupKey(group);
  return `<li class="${kind} group"><details class="ticks" id="${key}" data-load="${key}" data-size="${ticks.length}"><summary>${what}</summary></details></li>`;
}

function linesHtml({ ticks }: TickGroup, facts: TickFacts): string {
  return `<ol class="decisions">${ticks.map((tick) => tickHtml(tick, facts, true)).join("\n")}</ol>`;
}

/** All that the script brings, by name, as gzipped JSON: ticks are much alike, so thousands of them take little. */
function fragmentsHtml(entries: readonly TimelineEntry[], facts: TickFacts): string {
  const fragments: Record<string, string> = {};
  for (const entry of entries) {
    if (entry.kind === "change") continue;
    if (entry.kind === "quiet" || entry.ticks.length > 1) fragments[groupKey(entry)] = linesHtml(entry, facts);
    for (const tick of entry.ticks) fragments[tickKey(tick)] = insideHtml(tick, facts);
  }
  if (Object.keys(fragments).length === 0) return "";
  const packed = gzipSync(JSON.stringify(fragments)).toString("base64");
  return `<script type="text/plain" id="fragments">${packed}</script>\n`;
}
