import { BackOff } from "#common";
import type { LocalReplica } from "#planner/connectors";
import { safeName } from "./mounts.ts";
import type { ManagedProcess, ProcessEnd } from "./process.ts";

/** A replica, from the decision to have it until it is gone. */
export class Replica {
  readonly name: string;
  readonly component: string;
  readonly index: number;
  readonly revision: string;
  readonly backOff: BackOff;
  state: LocalReplica["state"] = "pending";
  process: ManagedProcess | null = null;
  url: string | null = null;
  restarts = 0;
  startedAt = new Date();
  message: string | null = null;
  /** Until it is started again. */
  retryTimer: NodeJS.Timeout | null = null;

  constructor(component: string, index: number, revision: string, timeScale: number) {
    this.name = replicaName(component, index);
    this.component = component;
    this.index = index;
    this.revision = revision;
    this.backOff = new BackOff(timeScale);
  }

  view(): LocalReplica {
    const { name, component, state, url, process, restarts, startedAt, message } = this;
    const pid = process?.pid ?? null;
    return { name, component, state, url, pid, restarts, startedAt: startedAt.toISOString(), message };
  }
}

/** `decode-0`, of component `decode`; lower case, as Kubernetes has names. */
export function replicaName(component: string, index: number): string {
  return `${safeName(component).toLowerCase()}-${index}`;
}

/** Index of a replica's name; null where it is none of this component's. */
export function replicaIndex(component: string, name: string): number | null {
  const prefix = replicaName(component, 0).slice(0, -1);
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : "";
  return /^\d{1,6}$/.test(digits) ? Number(digits) : null;
}

/** What is to be said of the end of a process. */
export function endMessage({ code, signal, error }: ProcessEnd, lastWords: string | null): string {
  const how =
    error !== null
      ? `it could not be started: ${error.message}`
      : signal !== null
        ? `ended by ${signal}`
        : code === null
          ? "it has ended"
          : `exit code ${code}`;
  return lastWords === null ? how : `${how}: ${lastWords}`;
}
