import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { writeFileAtomically } from "#common";
import type { LocalEvent } from "#planner/connectors";

/** Events that are kept of a deployment. */
const MOST_EVENTS = 1000;

/** What happened to a deployment, on disk, too. The same event again counts up and moves to the end, as Kubernetes has it. */
export class EventLog {
  readonly #path: string;
  readonly #now: () => number;
  #events: LocalEvent[];
  #seq: number;

  /** Reads what an earlier runner wrote. @param now Unix ms */
  constructor(path: string, now: () => number = Date.now) {
    this.#path = path;
    this.#now = now;
    const byIdentity = new Map<string, LocalEvent>();
    for (const event of existsSync(path) ? readEvents(path) : []) {
      const key = identityOf(event);
      byIdentity.delete(key);
      byIdentity.set(key, event);
    }
    this.#events = [...byIdentity.values()].slice(-MOST_EVENTS);
    this.#seq = this.#events.at(-1)?.seq ?? 0;
    if (this.#events.length > 0) this.#rewrite();
  }

  record(type: LocalEvent["type"], reason: string, object: string, message: string): LocalEvent {
    const made = { type, reason, object, message };
    const key = identityOf(made);
    const before = this.#events.findIndex((event) => identityOf(event) === key);
    const [earlier] = before < 0 ? [] : this.#events.splice(before, 1);
    const event: LocalEvent = {
      seq: ++this.#seq,
      time: new Date(this.#now()).toISOString(),
      ...made,
      count: (earlier?.count ?? 0) + 1,
    };
    this.#events.push(event);
    appendFileSync(this.#path, `${JSON.stringify(event)}\n`, { mode: 0o600 });
    if (this.#events.length > 2 * MOST_EVENTS) {
      this.#events = this.#events.slice(-MOST_EVENTS);
      this.#rewrite();
    }
    return event;
  }

  since(seq: number): LocalEvent[] {
    return this.#events.filter((event) => event.seq > seq);
  }

  get last(): number {
    return this.#seq;
  }

  #rewrite(): void {
    writeFileAtomically(this.#path, this.#events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  }
}

function identityOf({ type, reason, object, message }: Pick<LocalEvent, "type" | "reason" | "object" | "message">) {
  return JSON.stringify([type, reason, object, message]);
}

function readEvents(path: string): LocalEvent[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return line === "" ? [] : [JSON.parse(line) as LocalEvent];
      } catch {
        return []; // The last line of a runner that was killed.
      }
    });
}
