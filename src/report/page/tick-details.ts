import { type Decision, isTouchedByPlugin, type Role } from "#planner/core";
import { formatClock, formatFixed, formatPlain, formatSignificant } from "../format.ts";
import {
  changeText,
  leadingReasons,
  type RoleChange,
  reasonsText,
  roleChanges,
  saidOnce,
} from "../summary/decision-changes.ts";
import { escapeHtml } from "./html.ts";

/** What is known of ticks beside their decisions. */
export interface TickFacts {
  roles: readonly Role[];
  /** More of what was observed: names and values, text without markup. */
  inputsOf: (made: Decision) => [name: string, value: string][];
}

/** Name of what a tick opens to, for the page's script. */
export function tickKey({ tick }: Pick<Decision, "tick">): string {
  return `tick-${tick}`;
}

/** A tick in a line that opens to what led to it. @param isLater what it opens to is not in it: the script brings it when it is opened */
export function tickHtml(made: Decision, { roles, inputsOf }: TickFacts, isLater: boolean): string {
  const changes = roleChanges(made, [...roles]);
  const chips = roles.map((role) => chip(made, role, roles.length === 1 ? "workers" : role, changes));
  if (made.clamps.length > 0) chips.push('<span class="chip limited">limited</span>');
  if (isTouchedByPlugin(made)) chips.push('<span class="chip plugin">plugin</span>');
  const why = changes.length > 0 ? changeText({ decision: made, changes }) : reasonsText(made);
  const key = tickKey(made);
  const later = isLater ? ` data-load="${key}"` : "";
  return `<li><details class="decision" id="${key}" data-at="${Math.round(made.atMs)}"${later}><summary><time>${formatClock(made.atMs)}</time><span class="chips">${chips.join("")}</span><span class="rate">${rates(made)}</span><span class="why">${escapeHtml(why)}</span></summary>
${isLater ? "" : insideHtml(made, { roles, inputsOf })}</details></li>`;
}

function chip(made: Decision, role: Role, name: string, changes: readonly RoleChange[]): string {
  const moved = changes.find((candidate) => candidate.role === role);
  if (moved === undefined) {
    return `<span class="chip still">${name} ${made.workers[role].active + made.workers[role].starting}</span>`;
  }
  const direction = moved.to > moved.from ? "up" : "down";
  return `<span class="chip ${role}">${name} ${moved.from}&nbsp;→&nbsp;${moved.to}<span class="hidden"> (${direction})</span></span>`;
}

function rates(made: Decision): string {
  const observed = made.observedRate === null ? "–" : formatFixed(made.observedRate, 1);
  const forecast = made.forecast === null ? "–" : formatFixed(made.forecast.requestRate, 1);
  return `${observed} → ${forecast} req/s`;
}

/** Reasons, limits, inputs, forecast and formula values of a tick. */
export function insideHtml(made: Decision, { roles, inputsOf }: TickFacts): string {
  const inputs: [string, string][] = [
    ["observed load", made.observedRate === null ? "unknown" : `${formatFixed(made.observedRate, 2)} req/s`],
    ...(["prefill", "decode"] as const)
      .filter((role) => Object.values(made.workers[role]).some((count) => count > 0))
      .map((role): [string, string] => {
        const { active, starting, draining } = made.workers[role];
        return [`${role} workers`, `${active} ready, ${starting} starting, ${draining} draining`];
      }),
    ...inputsOf(made),
  ];
  const forecast: [string, string][] =
    made.forecast === null
      ? [["forecast", "none"]]
      : [
          ["request rate", `${formatFixed(made.forecast.requestRate, 2)} req/s`],
          ["input length", `${formatFixed(made.forecast.isl, 0)} tokens`],
          ["output length", `${formatFixed(made.forecast.osl, 0)} tokens`],
        ];
  const values = Object.entries(made.values).map(([name, value]): [string, string] => [
    `<code>${escapeHtml(name)}</code>`,
    Number.isInteger(value) ? formatPlain(value) : formatSignificant(value),
  ]);
  const leading = leadingReasons({ decision: made, changes: roleChanges(made, [...roles]) });
  const reasons = saidOnce(leading).map(
    ({ roles: said, text, code }) =>
      `<li>${said.map(roleChip).join("")}${escapeHtml(text)} <code class="muted">${escapeHtml(code)}</code></li>`,
  );
  const clamps = made.clamps.map(
    (clamp) =>
      `<li>${clamp.role === null ? "" : roleChip(clamp.role)}<code>${escapeHtml(clamp.name)}</code> made ${formatPlain(clamp.to)} of ${formatPlain(clamp.from)}</li>`,
  );
  return `<div class="inside"><div><h4>Reasons</h4><ul>${reasons.join("") || `<li>${escapeHtml(reasonsText(made))}</li>`}</ul>
<h4>Limits</h4><ul>${clamps.join("") || "<li>none changed a number</li>"}</ul></div>
<div><h4>Inputs at the tick</h4>${list(inputs)}<h4>Forecast</h4>${list(forecast)}</div>
<div class="values"><h4>Formula values</h4>${values.length === 0 ? "<p>none were reckoned at this tick</p>" : list(values)}</div></div>`;
}

function roleChip(role: Role): string {
  return `<span class="chip ${role}">${role}</span> `;
}

function list(entries: [string, string][]): string {
  return `<dl>${entries.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("")}</dl>`;
}
