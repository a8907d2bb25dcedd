import type { FastifyInstance } from "fastify";
import { hostPort } from "#common/http";
import type { WebUiContent } from "../content.ts";
import { cannotListen, nothingToPick, portTaken } from "../errors.ts";
import { Selection } from "../selection.ts";
import { webUiApp } from "./app.ts";
import { pageFiles } from "./page-files.ts";

export const WEBUI_PORT = 8000;
export const WEBUI_TIMEOUT_MS = 3_600_000;

export interface WebUiOptions {
  content: WebUiContent;
  /** Default 127.0.0.1: this machine alone. */
  host?: string;
  /** Default 8000; 0 takes any free one. */
  port?: number;
  /** How long to wait for the user; default one hour. */
  timeoutMs?: number;
  /** Ends the waiting: the promise rejects with its reason. */
  signal?: AbortSignal;
  log?: (level: "info" | "error", message: string) => void;
  /** Told the page's URL once it answers. */
  listening?: (url: string) => void;
  /** Calls back after so many ms, unless the function it returns is called before. Timers of Node where absent. */
  schedule?: (callback: () => void, ms: number) => () => void;
  /** ms, monotonic; `performance.now` where absent. */
  now?: () => number;
}

/** Rows of the prefill and of the decode results. */
export interface WebUiPick {
  prefill: number;
  decode: number;
  /** Nobody picked in time: the first rows were taken. */
  timedOut: boolean;
}

/**
 * Shows the results in a browser and waits until the user has picked a prefill and a decode configuration, or the time is over.
 * The server is gone when the promise settles.
 * @throws UserError where the port is taken, or there is nothing to pick
 */
export async function pickWithWebUi(options: WebUiOptions): Promise<WebUiPick> {
  const { content, host = "127.0.0.1", port = WEBUI_PORT, timeoutMs = WEBUI_TIMEOUT_MS, signal } = options;
  const { log = () => {}, schedule = nodeTimer, now = () => performance.now() } = options;
  for (const phase of ["prefill", "decode"] as const) {
    if (content.details[phase].length === 0) throw nothingToPick(phase);
  }
  signal?.throwIfAborted();
  log("info", `Launching WebUI on port ${port}...`);

  const selection = new Selection(content.data);
  const answered = Promise.withResolvers<WebUiPick>();
  const deadline = now() + timeoutMs;
  const app = webUiApp({
    files: await pageFiles(),
    data: webUiJson(content),
    names: [host.toLowerCase()],
    session: () => ({
      details: content.details,
      selection: selection.state,
      remainingMs: Math.max(0, deadline - now()),
    }),
    preview: (prefill, decode) => {
      const known = prefill < content.details.prefill.length && decode < content.details.decode.length;
      return known ? content.preview(prefill, decode) : undefined;
    },
    pick: (request) => selection.pick(request),
    picked: () => {
      const { prefill, decode } = selection.state;
      answered.resolve({ prefill: prefill!, decode: decode!, timedOut: false });
    },
  });

  const abort = () => answered.reject(signal!.reason);
  let cancel = () => {};
  try {
    const url = await listen(app, host, port);
    signal?.throwIfAborted();
    signal?.addEventListener("abort", abort, { once: true });
    cancel = schedule(() => {
      // A choice whose answer is still on its way counts.
      if (!selection.state.complete) answered.resolve({ prefill: 0, decode: 0, timedOut: true });
    }, timeoutMs);
    log("info", `WebUI launched. Waiting for user selection on ${url}`);
    options.listening?.(url);
    const pick = await answered.promise;
    if (pick.timedOut) log("error", `Selection timeout - no selection made within ${durationText(timeoutMs)}`);
    else log("info", `User selected: Prefill=${pick.prefill}, Decode=${pick.decode}`);
    return pick;
  } finally {
    cancel();
    signal?.removeEventListener("abort", abort);
    await app.close();
  }
}

/** `webui_data.json` as text. */
export function webUiJson(content: WebUiContent): string {
  return `${JSON.stringify(content.data, null, 4)}\n`;
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EADDRINUSE") throw portTaken(host, port, error);
    throw cannotListen(host, port, error as Error);
  }
  return `http://${hostPort(host, (app.server.address() as { port: number }).port)}`;
}

function nodeTimer(callback: () => void, ms: number): () => void {
  const timer = setTimeout(callback, ms);
  return () => clearTimeout(timer);
}

/** `1 hour`, `90 seconds`: the largest unit of which it is a whole number. */
function durationText(ms: number): string {
  const units = [
    ["hour", 3_600_000],
    ["minute", 60_000],
    ["second", 1000],
  ] as const;
  const [name, size] = units.find(([, unit]) => ms % unit === 0 && ms >= unit) ?? ["ms", 1];
  const count = ms / size;
  return name === "ms" || count === 1 ? `${count} ${name}` : `${count} ${name}s`;
}
