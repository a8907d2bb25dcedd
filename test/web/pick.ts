import { request } from "node:http";
import { pickWithWebUi, type WebUiOptions, type WebUiPick } from "#src/web";
import { content } from "./sweep.ts";

export interface OpenWebUi {
  url: string;
  /** What the waiting came to; rejects as it does. */
  pick: Promise<WebUiPick>;
  log: string[];
  /** Lets the time to pick pass. */
  timeOut: () => void;
  /** ms that it was set to. */
  timeoutMs: () => number;
  /** Times that a time-out was called off. */
  cancelled: () => number;
  /** Ends the waiting unless it ended. */
  end: () => Promise<void>;
}

/** The WebUI of the tests' sweep on a free port, its clock in the caller's hand. */
export async function openWebUi(options: Partial<WebUiOptions> = {}): Promise<OpenWebUi> {
  const log: string[] = [];
  const abort = new AbortController();
  const ready = Promise.withResolvers<string>();
  let timer = { callback: () => {}, ms: Number.NaN };
  let cancelled = 0;
  const pick = pickWithWebUi({
    content: content(),
    port: 0,
    signal: abort.signal,
    log: (level, message) => log.push(`${level}: ${message}`),
    listening: ready.resolve,
    now: () => 0,
    schedule: (callback, ms) => {
      timer = { callback, ms };
      return () => {
        cancelled++;
      };
    },
    ...options,
  });
  pick.catch(ready.reject);
  return {
    url: await ready.promise,
    pick,
    log,
    timeOut: () => timer.callback(),
    timeoutMs: () => timer.ms,
    cancelled: () => cancelled,
    end: async () => {
      abort.abort();
      await pick.catch(() => {});
    },
  };
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
}

/** A request with exactly these headers, `Host` among them; `fetch` sets some of its own. */
export function ask(
  url: string,
  options: { method?: string; path?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const { hostname, port, pathname } = new URL(url);
  const { method = "GET", path = pathname, headers = {}, body } = options;
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, text }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const all = { "content-type": "application/json", ...headers };
  return ask(url, { method: "POST", path: "/selection", headers: all, body: text });
}
