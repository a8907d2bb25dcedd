import { kvRouterIn } from "#mocker/router";
import { type KvSubscription, subscribeKvEvents } from "../kv-events/subscriber.ts";
import type { Backend } from "./backend.ts";
import type { Fleet } from "./fleet.ts";

/** Follows the KV events of all workers whose router wants them. */
export class KvFollowers {
  readonly #fleet: Fleet;
  readonly #headers: Record<string, string>;
  readonly #subscriptions = new Map<Backend, { id: string; subscriptions: KvSubscription[] }>();

  constructor(fleet: Fleet, headers: Record<string, string>) {
    this.#fleet = fleet;
    this.#headers = headers;
    fleet.listen({ changed: (backend) => this.#look(backend), removed: (backend) => this.#leave(backend) });
  }

  /** How many subscriptions there are, and how many of them are live. */
  counts(): { all: number; live: number } {
    const all = [...this.#subscriptions.values()].flatMap(({ subscriptions }) => subscriptions);
    return { all: all.length, live: all.filter(({ state }) => state === "live").length };
  }

  close(): void {
    for (const backend of [...this.#subscriptions.keys()]) this.#leave(backend);
  }

  #look(backend: Backend): void {
    const { card, id, url, models, role } = backend;
    const known = this.#subscriptions.get(backend);
    if (known !== undefined && known.id !== id) this.#leave(backend);
    // It may have taken requests before it is seen as ready, so its cache is followed from its start on.
    if (this.#subscriptions.has(backend) || !card?.kvEvents || role === "decode" || backend.state === "removed") return;
    const subscriptions: KvSubscription[] = [];
    for (const model of models) {
      const router = kvRouterIn(this.#fleet.pools(model)?.get(role)?.router);
      if (!router?.followsEvents) continue;
      const { dataParallelSize } = card;
      const { dispatcher } = backend;
      const { index } = router;
      subscriptions.push(
        subscribeKvEvents({ url, worker: id, index, dataParallelSize, headers: this.#headers, dispatcher }),
      );
    }
    if (subscriptions.length > 0) this.#subscriptions.set(backend, { id, subscriptions });
  }

  #leave(backend: Backend): void {
    for (const subscription of this.#subscriptions.get(backend)?.subscriptions ?? []) subscription.close();
    this.#subscriptions.delete(backend);
  }
}
