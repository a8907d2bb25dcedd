import { styleText } from "node:util";
import { formatDuration } from "#common";
import type { LocalDeployment, LocalEvent, LocalReplica } from "#planner/connectors";
import { textTable } from "../../text-table.ts";
import { labelOf } from "./target.ts";

/** Replicas of a component that are listed one by one; of more the rest is summed up. */
const MOST_LISTED = 12;

/** A deployment as people read it. @param nowMs Unix ms */
export function statusText(deployment: LocalDeployment, nowMs: number): string {
  const { components, replicas, ready, state, message, model, frontendUrl } = deployment;
  const verdict = styleText(ready ? "green" : state === "failed" ? "red" : "yellow", ready ? "ready" : state);
  const lines = [`${styleText("bold", labelOf(deployment))}  ${verdict}${ready ? "" : `  ${message}`}`];
  if (frontendUrl !== null) lines.push(`${frontendUrl}/v1${model === null ? "" : `  model ${model}`}`);
  const rows = components.map(({ name, role, replicas: wanted, readyReplicas, updatedReplicas, gpusPerReplica }) => [
    name,
    role,
    `${readyReplicas}/${wanted}`,
    String(updatedReplicas),
    gpusPerReplica === null ? "–" : String(gpusPerReplica * wanted),
  ]);
  const shown = components.flatMap(({ name }) => listed(replicas.filter(({ component }) => component === name)));
  const strays = replicas.filter(({ component }) => !components.some(({ name }) => name === component));
  return [
    `${lines.join("\n")}\n`,
    textTable(["component", "role", "ready", "up to date", "GPUs"], rows),
    textTable(
      ["replica", "state", "restarts", "age", "pid", "address", ""],
      [...shown, ...strays.map(toLine)].map((row) => row(nowMs)),
    ),
  ].join("\n");
}

type Row = (nowMs: number) => string[];

function listed(replicas: readonly LocalReplica[]): Row[] {
  if (replicas.length <= MOST_LISTED) return replicas.map(toLine);
  const odd = replicas.filter(({ state }) => state !== "ready").slice(0, MOST_LISTED);
  const first = replicas.filter((replica) => !odd.includes(replica)).slice(0, MOST_LISTED - odd.length);
  const rest = replicas.length - odd.length - first.length;
  return [...[...odd, ...first].map(toLine), () => [`and ${rest} more`]];
}

function toLine({ name, state, restarts, startedAt, pid, url, message }: LocalReplica): Row {
  return (nowMs) => [
    name,
    state,
    String(restarts),
    formatDuration(Math.max(0, Math.floor((nowMs - Date.parse(startedAt)) / 1000) * 1000)),
    pid === null ? "–" : String(pid),
    url ?? "–",
    message ?? "",
  ];
}

/** `12:00:07  Scaled  decode  from 1 to 2 replicas`. */
export function eventLine({ time, type, reason, object, message }: LocalEvent): string {
  const text = `${time.slice(11, 19)}  ${reason}  ${object}  ${message}`;
  return type === "Warning" ? styleText("yellow", text) : text;
}
