import type { FastifyInstance } from "fastify";
import { BearerTokens } from "#common/http";
import type { KeyValueStore } from "#planner/connectors";
import { listenAt, storeApp } from "#planner/service";
import { freePort } from "../../integration/processes.ts";

/** A store served over HTTP on loopback, that can be cut off and comes back at the same address. */
export class HttpStoreServer {
  readonly url: string;
  readonly #store: KeyValueStore;
  readonly #port: number;
  readonly #tokens: readonly string[];
  #app: FastifyInstance | null = null;

  private constructor(store: KeyValueStore, port: number, tokens: readonly string[]) {
    this.#store = store;
    this.#port = port;
    this.#tokens = tokens;
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(store: KeyValueStore, tokens: readonly string[] = []): Promise<HttpStoreServer> {
    const server = new HttpStoreServer(store, await freePort(), tokens);
    await server.run();
    return server;
  }

  async run(): Promise<void> {
    this.#app = storeApp({ store: this.#store, tokens: new BearerTokens(this.#tokens), names: [] });
    await listenAt(this.#app, "127.0.0.1", this.#port);
  }

  async stop(): Promise<void> {
    await this.#app?.close();
    this.#app = null;
  }
}
