import { decode, EtcdClient, type EtcdOptions, encode, rangeOf } from "./etcd-client.ts";
import type { KeyValueStore, StoredValue, StoreView, Transaction } from "./types.ts";

interface RangeAnswer {
  header: { revision: string };
  kvs?: { key: string; value?: string; mod_revision: string }[];
}

interface WatchLine {
  result?: { events?: unknown[]; canceled?: boolean };
  error?: unknown;
}

/** A store in etcd, as Dynamo's planner and its virtual environments share it. */
export class EtcdStore implements KeyValueStore {
  readonly kind = "etcd";
  readonly place: string;
  readonly #client: EtcdClient;

  constructor(options: EtcdOptions) {
    this.#client = new EtcdClient(options);
    this.place = `etcd:${this.#client.place}`;
  }

  async read(prefix: string): Promise<StoreView> {
    const answer = await this.#client.call<RangeAnswer>("/v3/kv/range", rangeOf(prefix));
    const values = new Map<string, StoredValue>();
    for (const { key, value, mod_revision } of answer.kvs ?? []) {
      values.set(decode(key), { value: decode(value), revision: Number(mod_revision) });
    }
    return { revision: Number(answer.header.revision), values };
  }

  async commit({ expect = {}, write }: Transaction): Promise<boolean> {
    const compare = Object.entries(expect).map(([key, revision]) => ({
      key: encode(key),
      target: "MOD",
      result: "EQUAL",
      mod_revision: String(revision),
    }));
    const success = Object.entries(write).map(([key, value]) =>
      value === null
        ? { request_delete_range: { key: encode(key) } }
        : { request_put: { key: encode(key), value: encode(value) } },
    );
    const answer = await this.#client.call<{ succeeded?: boolean }>("/v3/kv/txn", { compare, success });
    return answer.succeeded === true;
  }

  async changed(prefix: string, revision: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const ended = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]);
    const stop = new AbortController();
    const create_request = { ...rangeOf(prefix), start_revision: String(revision + 1) };
    try {
      const until = AbortSignal.any([ended, stop.signal]);
      for await (const { result, error } of this.#client.stream<WatchLine>("/v3/watch", { create_request }, until)) {
        // A watch from a revision that was compacted away is cancelled: whoever knows so old a state looks again.
        if (error !== undefined || result?.canceled || (result?.events?.length ?? 0) > 0) return true;
      }
      return false;
    } finally {
      stop.abort();
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
  }
}
