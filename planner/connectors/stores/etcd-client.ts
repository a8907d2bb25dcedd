import { Agent, request } from "undici";
import { reasonOf } from "./reason.ts";
import { StoreUnavailable } from "./types.ts";

export interface EtcdOptions {
  /** Like http://127.0.0.1:2379; members of one cluster, asked in turn where one gives no answer. */
  endpoints: readonly string[];
  username?: string;
  password?: string;
  /** PEM of the authority that signed the servers' certificates; default: the system's. */
  ca?: string;
  /** For one answer, ms. */
  timeoutMs?: number;
}

const TIMEOUT_MS = 5_000;

/**
 * etcd's HTTP/JSON gateway (etcd 3.4 and newer). A call is made of the member that answered last, and of the others where it
 * gives no answer.
 */
export class EtcdClient {
  readonly place: string;
  readonly #options: EtcdOptions;
  readonly #agent: Agent;
  #current = 0;
  #token: string | null = null;

  constructor(options: EtcdOptions) {
    this.#options = options;
    this.place = options.endpoints.join(",");
    const { ca, timeoutMs = TIMEOUT_MS } = options;
    this.#agent = new Agent({ connect: { timeout: timeoutMs, ...(ca === undefined ? {} : { ca }) } });
  }

  /** @throws StoreUnavailable where no member gives an answer, or the answer is a refusal */
  async call<Answer>(path: string, body: unknown): Promise<Answer> {
    const { endpoints } = this.#options;
    let silence: unknown;
    for (let turn = 0; turn < endpoints.length; turn++) {
      try {
        return await this.#callWithLogin<Answer>(path, body);
      } catch (error) {
        if (error instanceof StoreUnavailable) throw error;
        silence = error;
        this.#current = (this.#current + 1) % endpoints.length;
      }
    }
    throw new StoreUnavailable(`${this.place}: ${reasonOf(silence)}`, { cause: silence });
  }

  /**
   * Lines of a streaming call, as they come.
   * @throws StoreUnavailable
   */
  async *stream<Line>(path: string, body: unknown, signal: AbortSignal): AsyncGenerator<Line> {
    try {
      const answer = await this.#post(path, body, signal, 0);
      if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}`);
      let rest = "";
      for await (const chunk of answer.body) {
        const lines = (rest + Buffer.from(chunk).toString("utf8")).split("\n");
        rest = lines.pop()!;
        for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as Line;
      }
    } catch (error) {
      if (signal.aborted) return;
      throw new StoreUnavailable(`${this.place}: ${reasonOf(error)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #callWithLogin<Answer>(path: string, body: unknown): Promise<Answer> {
    if (this.#options.username !== undefined && this.#token === null) await this.#login();
    let answer = await this.#answer(path, body);
    if (answer.status === 401 && this.#token !== null) {
      // Tokens end with time.
      await this.#login();
      answer = await this.#answer(path, body);
    }
    if (answer.status >= 500) throw new Error(`answered ${answer.status}: ${answer.text.slice(0, 200)}`);
    if (answer.status !== 200) throw refused(this.place, answer);
    return JSON.parse(answer.text) as Answer;
  }

  async #login(): Promise<void> {
    const { username: name, password } = this.#options;
    // etcd refuses a login that bears a token that has ended.
    this.#token = null;
    const answer = await this.#answer("/v3/auth/authenticate", { name, password });
    if (answer.status !== 200) throw refused(this.place, answer);
    this.#token = (JSON.parse(answer.text) as { token: string }).token;
  }

  async #answer(path: string, body: unknown): Promise<{ status: number; text: string }> {
    const { timeoutMs = TIMEOUT_MS } = this.#options;
    const answer = await this.#post(path, body, AbortSignal.timeout(timeoutMs), timeoutMs);
    return { status: answer.statusCode, text: await answer.body.text() };
  }

  #post(path: string, body: unknown, signal: AbortSignal, bodyTimeout: number) {
    return request(`${this.#options.endpoints[this.#current]!}${path}`, {
      method: "POST",
      dispatcher: this.#agent,
      headers: { "content-type": "application/json", ...(this.#token === null ? {} : { authorization: this.#token }) },
      body: JSON.stringify(body),
      signal,
      bodyTimeout,
      headersTimeout: bodyTimeout,
    });
  }
}

/** etcd's JSON carries keys and values in base64. */
export const encode = (text: string) => Buffer.from(text).toString("base64");
export const decode = (base64: string | undefined) => Buffer.from(base64 ?? "", "base64").toString("utf8");

/** All keys that begin with `prefix`, as etcd has ranges; from the zero byte on for all there are. */
export function rangeOf(prefix: string): { key: string; range_end: string } {
  return { key: encode(prefix === "" ? "\0" : prefix), range_end: afterPrefix(prefix) };
}

/** The key after all that begin with `prefix`: its last byte, one more. */
function afterPrefix(prefix: string): string {
  const bytes = Buffer.from(prefix);
  for (let i = bytes.length - 1; i >= 0; i--) {
    if (bytes[i]! < 0xff) {
      bytes[i]!++;
      return bytes.subarray(0, i + 1).toString("base64");
    }
  }
  return encode("\0");
}

function refused(place: string, answer: { status: number; text: string }): StoreUnavailable {
  return new StoreUnavailable(`${place}: refused with ${answer.status}: ${answer.text.slice(0, 200)}`);
}
