import { randomStream } from "#common";
import type { KubernetesClient } from "./client.ts";

export interface EventText {
  type: "Normal" | "Warning";
  /** `ScaledUp` … */
  reason: string;
  note: string;
}

/** What an event is about. */
export interface EventSubject {
  apiVersion: string;
  kind: string;
  name: string;
  namespace: string;
  uid: string | null;
}

/** Who tells. */
export interface EventReporter {
  /** Name of the kind of program, as in `kubectl describe`. */
  controller: string;
  /** Name of this one of several. */
  instance: string;
  /** What it does to what it tells of, such as `Scaling`. */
  action: string;
}

/** The same event within this time counts on, as client-go's broadcaster does. */
const SERIES_MS = 6 * 60_000;
/** Of a note (events.k8s.io/v1). */
const LONGEST_NOTE = 1024;
const RETRY = { deadlineMs: 2_000 };

/** Events about objects. Whatever goes wrong with them, nothing else does. */
export class ObjectEvents {
  readonly #client: KubernetesClient;
  readonly #reporter: EventReporter;
  readonly #failed: (why: string) => void;
  readonly #series = new Map<string, { name: string; count: number; lastMs: number }>();
  readonly #random: () => number;
  #sending: Promise<void> = Promise.resolve();

  /** @param failed told why an event could not be sent */
  constructor(client: KubernetesClient, reporter: EventReporter, failed: (why: string) => void) {
    this.#client = client;
    this.#reporter = reporter;
    this.#failed = failed;
    this.#random = randomStream(`${reporter.instance}/${Date.now()}`, "event names").next;
  }

  /** Sends in the background, in order. */
  tell(subject: EventSubject, text: EventText): void {
    this.#sending = this.#sending
      .then(() => this.#send(subject, text))
      .catch((error: unknown) => this.#failed(error instanceof Error ? error.message : String(error)));
  }

  /** Resolves when all have been sent or have failed. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  async #send(subject: EventSubject, { type, reason, note }: EventText): Promise<void> {
    const nowMs = Date.now();
    const time = `${new Date(nowMs).toISOString().slice(0, -1)}000Z`;
    const key = JSON.stringify([subject.uid, type, reason, note]);
    const path = `/apis/events.k8s.io/v1/namespaces/${subject.namespace}/events`;
    const earlier = this.#series.get(key);
    if (earlier !== undefined && nowMs - earlier.lastMs < SERIES_MS) {
      const count = earlier.count + 1;
      await this.#client.request({
        method: "PATCH",
        path: `${path}/${earlier.name}`,
        contentType: "application/merge-patch+json",
        body: { series: { count, lastObservedTime: time } },
        retry: RETRY,
      });
      this.#series.set(key, { name: earlier.name, count, lastMs: nowMs });
      return;
    }
    const name = `${subject.name}.${nowMs.toString(16)}${Math.floor(this.#random() * 2 ** 32).toString(16)}`;
    for (const [old, { lastMs }] of this.#series) if (nowMs - lastMs >= SERIES_MS) this.#series.delete(old);
    await this.#client.request({
      method: "POST",
      path,
      retry: RETRY,
      body: {
        apiVersion: "events.k8s.io/v1",
        kind: "Event",
        metadata: { name, namespace: subject.namespace },
        eventTime: time,
        reportingController: this.#reporter.controller,
        reportingInstance: this.#reporter.instance.slice(0, 128),
        action: this.#reporter.action,
        type,
        reason,
        note: note.length > LONGEST_NOTE ? `${note.slice(0, LONGEST_NOTE - 1)}…` : note,
        regarding: { ...subject, uid: subject.uid ?? undefined },
      },
    });
    this.#series.set(key, { name, count: 1, lastMs: nowMs });
  }
}
