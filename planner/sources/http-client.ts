import { Agent, request } from "undici";

export interface Answer {
  status: number;
  text: string;
}

export interface HttpClientOptions {
  /** Sent with every request. */
  headers: Readonly<Record<string, string>>;
  /** Real ms for a whole answer. */
  timeoutMs: number;
  /** Requests under way at once. */
  concurrency: number;
  /** Connections to one address. Default 2. */
  connections?: number;
  /** An answer longer than this is given up. Default 256 MiB. */
  maxBytes?: number;
  tls?: {
    /** Check the server's certificate. */
    verify: boolean;
    /** Certificates of authorities, PEM; absent: the system's. */
    ca?: string;
  };
}

const MAX_BYTES = 256 * 2 ** 20;

/** Asks with a limit on time, size and how many at once; connections are kept. */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #agent: Agent;
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    const { timeoutMs, tls, maxBytes = MAX_BYTES, connections = 2 } = options;
    this.#agent = new Agent({
      connections,
      maxResponseSize: maxBytes,
      connect: {
        timeout: timeoutMs,
        ...(tls === undefined
          ? {}
          : { rejectUnauthorized: tls.verify, ...(tls.ca === undefined ? {} : { ca: tls.ca }) }),
      },
    });
  }

  /** @throws Error where there is no whole answer in time; any status is an answer */
  get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.#ask(url, "GET", headers);
  }

  /** The same with a form in the body. */
  post(url: string, form: URLSearchParams, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const type = { "content-type": "application/x-www-form-urlencoded" };
    return this.#ask(url, "POST", { ...type, ...headers }, form.toString());
  }

  async #ask(
    url: string,
    method: "GET" | "POST",
    headers: Readonly<Record<string, string>>,
    form?: string,
  ): Promise<Answer> {
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
        method,
        headers: { ...this.#options.headers, ...headers },
        signal: AbortSignal.timeout(this.#options.timeoutMs),
        ...(form === undefined ? {} : { body: form }),
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
  const { code } = error as { code?: unknown };
  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE") return "its answer is too long";
  const cause = error.cause instanceof Error ? error.cause.message : "";
  return error.message || cause || (typeof code === "string" ? code : error.name);
}
