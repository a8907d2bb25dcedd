import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realPace } from "#planner/connectors";
import type { ApiObject } from "../../../src/deployment/cluster/objects.ts";
import { Reflector, type ReflectorOptions } from "../../../src/deployment/cluster/reflector.ts";

const object = (version: number, more: Partial<ApiObject["metadata"]> = {}): ApiObject => ({
  metadata: { name: "one", namespace: "n", uid: "u1", resourceVersion: String(version), ...more },
});

/** An API server's side of a collection: what it lists, and a watch that the test speaks for. */
class Collection {
  items: ApiObject[] = [];
  version = 1;
  #events: { type: string; object: ApiObject }[] = [];
  #wake: () => void = () => {};
  #broken = false;

  readonly client: ReflectorOptions["client"] = {
    request: async <T>() => ({ metadata: { resourceVersion: String(this.version) }, items: this.items }) as T,
    watch: this.#watch.bind(this) as ReflectorOptions["client"]["watch"],
  };

  /** Resolves when it has been heard. */
  async tell(type: string, told: ApiObject): Promise<void> {
    this.#events.push({ type, object: told });
    this.#wake();
    while (this.#events.length > 0) await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Ends the watch so that the collection is listed anew; resolves when it has been. */
  async forget(listed: ApiObject[], version: number): Promise<void> {
    this.items = listed;
    this.version = version;
    this.#broken = true;
    this.#wake();
    while (this.#broken) await new Promise((resolve) => setImmediate(resolve));
  }

  async *#watch(_path: string, _query: Record<string, string>, signal: AbortSignal) {
    this.#broken = false;
    while (!signal.aborted) {
      const next = this.#events[0];
      if (next !== undefined) {
        yield next;
        this.#events.shift();
      } else if (this.#broken) {
        yield { type: "ERROR", object: { code: 410, reason: "Expired", message: "too old" } };
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          signal.addEventListener("abort", () => resolve(), { once: true });
        });
      }
    }
  }
}

describe("a collection that is kept in mind", () => {
  let collection: Collection;
  let reflector: Reflector;
  let told: string[];

  beforeEach(async () => {
    collection = new Collection();
    collection.items = [object(1)];
    told = [];
    reflector = new Reflector({
      client: collection.client,
      path: "/apis/x/ones",
      pace: realPace,
      changed: ({ metadata }, gone) => told.push(`${metadata.resourceVersion}${gone ? " gone" : ""}`),
    });
    await reflector.start();
    told.length = 0;
  });
  afterEach(() => reflector.stop());

  const known = () => reflector.get("one")?.metadata;

  it("knows what a write came to at once, and is not told of it once more", async () => {
    reflector.learn(object(2));
    expect(known()?.resourceVersion).toBe("2");
    await collection.tell("MODIFIED", object(2));
    await collection.tell("MODIFIED", object(3));
    expect(told).toEqual(["3"]);
  });

  it("does not take the answer to a write for news that the watch has overtaken", async () => {
    const deleted = object(3, { deletionTimestamp: "2026-01-01T00:00:00Z" });
    await collection.tell("MODIFIED", deleted);
    reflector.learn(object(2));
    expect(known()?.deletionTimestamp).toBe("2026-01-01T00:00:00Z");
  });

  it("does not bring back by a late answer what is gone", async () => {
    await collection.tell("DELETED", object(4));
    reflector.learn(object(3));
    expect(known()).toBeUndefined();
    reflector.learn(object(5, { uid: "u2" }));
    expect(known()?.uid).toBe("u2");
  });

  it("tells of what others wrote before a write of its own, whose answer holds it already", async () => {
    const deletionTimestamp = "2026-01-01T00:00:00Z";
    reflector.learn(object(3, { deletionTimestamp }));
    await collection.tell("MODIFIED", object(2, { deletionTimestamp }));
    await collection.tell("MODIFIED", object(3, { deletionTimestamp }));
    // The latest state, though it was told of an earlier one.
    expect(told).toEqual(["3"]);
    expect(known()).toMatchObject({ resourceVersion: "3", deletionTimestamp });
  });

  it("tells of it, too, where the watch broke off in between", async () => {
    const deletionTimestamp = "2026-01-01T00:00:00Z";
    reflector.learn(object(3, { deletionTimestamp }));
    await collection.forget([object(3, { deletionTimestamp })], 3);
    expect(told).toEqual(["3"]);
  });

  it("keeps the successor of the same name when it hears of the end of the one before", async () => {
    reflector.learn(object(3, { uid: "u2" }));
    await collection.tell("DELETED", object(2));
    expect(known()?.uid).toBe("u2");
    expect(told).toEqual([]);
  });
});
