import { type AddReplica, type HostedReplica, REPLICAS_PATH } from "./protocol.ts";

/** A host on a busy machine takes its time, ms. */
const TIMEOUT_MS = 10_000;

/** The runner's side of a worker host's API. Every call throws where the host gives no good answer. */
export class HostClient {
  readonly #url: string;
  readonly #nonce: string;

  constructor(port: number, nonce: string) {
    this.#url = `http://127.0.0.1:${port}`;
    this.#nonce = nonce;
  }

  async list(): Promise<HostedReplica[]> {
    const { replicas } = (await this.#ask("GET", REPLICAS_PATH)) as { replicas: HostedReplica[] };
    return replicas;
  }

  async add(replica: AddReplica): Promise<void> {
    await this.#ask("POST", REPLICAS_PATH, replica);
  }

  async drain(name: string, graceMs: number): Promise<void> {
    await this.#ask("POST", `${REPLICAS_PATH}/${encodeURIComponent(name)}/drain`, { graceMs });
  }

  async #ask(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${this.#url}${path}`, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        authorization: `Bearer ${this.#nonce}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
    return text === "" ? null : JSON.parse(text);
  }
}
