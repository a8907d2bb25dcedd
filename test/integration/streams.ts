/** Event streams as tests look at them: from outside, chunk by chunk, while they run. */
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";

export interface StreamBody {
  prompt?: string | readonly number[];
  max_tokens?: number;
  [member: string]: unknown;
}

/** How a stream ended: `[DONE]` and a clean end; an error event and a clean end; or neither. */
export type StreamEnd = "done" | "error" | "broken";

/** One streamed completion, which begins at once. */
export class TestStream {
  readonly ended: Promise<StreamEnd>;
  /** Resolves with the response's head. */
  readonly responded: Promise<number>;
  status = 0;
  headers: IncomingHttpHeaders = {};
  tokens = 0;
  text = "";
  error: { message: string; type: string; code: string | null } | null = null;
  #done = false;
  #rest = "";
  readonly #abort = new AbortController();

  constructor(url: string, body: StreamBody, headers: Record<string, string> = {}) {
    const json = JSON.stringify({ model: "llama", prompt: [1, 2, 3], max_tokens: 16, stream: true, ...body });
    const request = httpRequest(`${url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      signal: this.#abort.signal,
      agent: false,
    });
    let answered: (status: number) => void;
    this.responded = new Promise((resolve) => {
      answered = resolve;
    });
    this.ended = new Promise((resolve) => {
      request.on("error", () => resolve("broken"));
      request.on("response", (response) => {
        this.status = response.statusCode ?? 0;
        this.headers = response.headers;
        answered(this.status);
        response.setEncoding("utf8");
        response.on("data", (data: string) => this.#read(data));
        response.on("error", () => resolve("broken"));
        response.on("end", () => resolve(this.#end()));
      });
    });
    request.end(json);
  }

  abort(): void {
    this.#abort.abort();
  }

  get workerId(): string | undefined {
    return this.headers["x-worker-id"] as string | undefined;
  }

  #end(): StreamEnd {
    if (this.error !== null) return "error";
    return this.#done ? "done" : "broken";
  }

  #read(data: string): void {
    this.#rest += data;
    if (this.status !== 200) {
      this.error = JSON.parse(this.#rest).error;
      return;
    }
    const events = this.#rest.split("\n\n");
    this.#rest = events.pop()!;
    for (const event of events) this.#event(event.replace(/^data: /, ""));
  }

  #event(data: string): void {
    if (data === "[DONE]") {
      this.#done = true;
      return;
    }
    const chunk = JSON.parse(data);
    if (chunk.error) this.error = chunk.error;
    const text: string = chunk.choices?.[0]?.text ?? "";
    if (text !== "") this.tokens++;
    this.text += text;
  }
}

/** A connection under the test's control, byte by byte. */
export function rawConnection(url: string): Promise<Socket> {
  const { port, hostname } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: hostname }, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** A streamed request as bytes. */
export function rawRequest(body: StreamBody): { head: string; body: string } {
  const json = JSON.stringify({ model: "llama", prompt: [1, 2, 3], stream: true, ...body });
  const head = `POST /v1/completions HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: ${json.length}\r\n\r\n`;
  return { head, body: json };
}
