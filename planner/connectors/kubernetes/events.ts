import { randomStream } from "#common";
import { FIELD_MANAGER, type KubernetesClient } from "./client.ts";
import type { Graph } from "./graph.ts";

export interface EventText {
  type: "Normal" | "Warning";
  /** `ScaledUp` … */
  reason: string;
  note: string;
}

/** The same event within this time counts on, as client-go's broadcaster does. */
const SERIES_MS = 6 * 60_000;
/** Of a note (events.k8s.io/v1). */
const LONGEST_NOTE = 1024;
const RETRY = { deadlineMs: 2_000 };

/** Events about one deployment. Whatever goes wrong with them, nothing else does. */
export class GraphEvents {
  readonly #client: KubernetesClient;
  readonly #instance: string;
  readonly #failed: (why: string) => void;
  readonly #series = new Map<string, { name: string; count: number; lastMs: number }>();
  readonly #random: () => number;
  #sending: Promise<void> = Promise.resolve();

  /** @param instance name of this planner among several */
  constructor(client: KubernetesClient, instance: string, failed: (why: string) => void) {
    this.#client = client;
    this.#instance = instance;
    this.#failed = failed;
    this.#random = randomStream(`${instance}/${Date.now()}`, "event names").next;
  }

  /** Sends in the background, in order. */
  tell(graph: Graph, text: EventText): void {
    this.#sending = this.#sending
      .then(() => this.#send(graph, text))
      .catch((error: unknown) => this.#failed(error instanceof Error ? error.message : String(error)));
  }

  /** Resolves when all have been sent or have failed. */
  async flush(): Promise<void> {
    await this.#sending;
  }

  async #send(graph: Graph, { type, reason, note }: EventText): Promise<void> {
    const nowMs = Date.now();
    const time = `${new Date(nowMs).toISOString().slice(0, -1)}000Z`;
    const key = JSON.stringify([graph.uid, type, reason, note]);
    const path = `/apis/events.k8s.io/v1/namespaces/${graph.namespace}/events`;
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
    const name = `${graph.name}.${nowMs.toString(16)}${Math.floor(this.#random() * 2 ** 32).toString(16)}`;
    for (const [old, { lastMs }] of this.#series) if (nowMs - lastMs >= SERIES_MS) this.#series.delete(old);
    await this.#client.request({
      method: "POST",
      path,
      retry: RETRY,
      body: {
        apiVersion: "events.k8s.io/v1",
        kind: "Event",
        metadata: { name, namespace: graph.namespace },
        eventTime: time,
        reportingController: FIELD_MANAGER,
        reportingInstance: this.#instance.slice(0, 128),
        action: "Scaling",
        type,
        reason,
        note: note.length > LONGEST_NOTE ? `${note.slice(0, LONGEST_NOTE - 1)}…` : note,
        regarding: {
          apiVersion: `nvidia.com/${graph.version}`,
          kind: "DynamoGraphDeployment",
          name: graph.name,
          namespace: graph.namespace,
          ...(graph.uid === null ? {} : { uid: graph.uid }),
        },
      },
    });
    this.#series.set(key, { name, count: 1, lastMs: nowMs });
  }
}
