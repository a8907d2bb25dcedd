import { Agent, request } from "undici";

export interface Answer {
  status: number;
  text: string;
}

export interface HttpClientOptions {
  headers: Readonly<Record<string, string>>;
  /** Real ms for a whole answer. */
  timeoutMs: number;
  /** Requests under way at once. */
  concurrency: number;
}

/** An answer longer than this is given up. */
const MAX_BYTES = 256 * 2 ** 20;

/** GETs with a limit on time, size and how many at once; connections are kept. */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #agent: Agent;
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    this.#agent = new Agent({ connections: 2, maxResponseSize: MAX_BYTES, connect: { timeout: options.timeoutMs } });
  }

  /** @throws Error where there is no whole answer in time; any status is an answer */
  async get(url: string): Promise<Answer> {
    if (this.#underWay >= this.#options.concurrency) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    } else {
      this.#underWay++;
    }
    try {
      const { statusCode, body } = await request(url, {
        dispatcher: this.#agent,
        headers: this.#options.headers,
        signal: AbortSignal.timeout(this.#options.timeoutMs),
      });
      return { status: statusCode, text: await body.text() };
    } finally {
      // Whoever waits takes the place over.
      const next = this.#waiting.shift();
      if (next === undefined) this.#underWay--;
      else next();
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Why a request failed, in few words. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "no answer in time";
  const cause = error.cause instanceof Error ? error.cause.message : "";
  return error.message || cause || error.name;
}
