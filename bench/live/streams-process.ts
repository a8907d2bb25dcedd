/** A child that opens many event streams on raw sockets and measures them. */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { answerCalls } from "./child.ts";
import { SseStream, type StreamOutcome } from "./sse-stream.ts";

export interface StreamsPlan {
  /** Origin: `http://127.0.0.1:8000`. With several, connections take turns. */
  urls: string[];
  path: "/v1/completions" | "/v1/chat/completions";
  connections: number;
  /** One after another on each connection, which is kept alive. */
  requestsPerConnection: number;
  /** Prompt tokens, handed over as token ids (completions) or words (chat). */
  isl: number;
  /** Output tokens asked for; null: the server chooses. */
  osl: number | null;
  model: string;
  /** Requests of each connection that come before and count for nothing: what is measured is compiled code on both sides. */
  warmUpRequests: number;
  /** Connections begin their first request this long after one another; 0: all at once. */
  staggerMs: number;
  /** A request sent ahead of all others, prompt tokens; 0: none. It keeps a scheduler busy until the others are queued. */
  primerIsl: number;
  /** What has not ended by then hangs. */
  timeoutMs: number;
  /** Prompts of different plans begin with different tokens. */
  salt: number;
}

/** What came of a plan; one entry per request that ended as it should, ms. */
export interface StreamsResult {
  ttftMs: Float64Array;
  /** (latency − TTFT) ÷ (OSL − 1). */
  itlMs: Float64Array;
  /** Between consecutive tokens of one stream, all streams. */
  gapsMs: Float64Array;
  /** Token events of all streams, the broken ones' too. */
  tokens: number;
  completed: number;
  failed: number;
  hung: number;
  /** The first few problems, in words. */
  problems: string[];
  /** From the first request sent to the last token. */
  wallMs: number;
}

const PRIMER_AHEAD_MS = 250;
const BUFFER_BYTES = 16_384;
const GAP_LIMIT = 4_000_000;
const PROBLEMS_SHOWN = 5;

async function run(plan: StreamsPlan): Promise<StreamsResult> {
  const lines = Array.from({ length: plan.connections }, (_, index) => new Line(plan, index));
  await Promise.all(lines.map((line) => line.opened));
  if (plan.warmUpRequests > 0) await round(plan, lines, plan.warmUpRequests);
  const primer = plan.primerIsl > 0 ? await prime(plan) : null;
  const result = await round(plan, lines, plan.requestsPerConnection);
  for (const line of lines) line.close();
  primer?.destroy();
  return result;
}

/** So many requests on each line. */
async function round(plan: StreamsPlan, lines: readonly Line[], requests: number): Promise<StreamsResult> {
  const tally = new Tally(lines.length * requests);
  for (const line of lines) line.prepare(tally, requests);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, plan.timeoutMs);
  });
  const begunMs = performance.now();
  if (plan.staggerMs === 0) for (const line of lines) line.begin();
  else stagger(lines, plan.staggerMs, begunMs);
  await Promise.race([Promise.all(lines.map((line) => line.done)), late]);
  clearTimeout(timer);
  return tally.result(begunMs);
}

/** Begins each line at its own time, so many a turn as are due. */
function stagger(lines: readonly Line[], staggerMs: number, begunMs: number): void {
  let next = 0;
  const turn = () => {
    const due = Math.min(lines.length, 1 + Math.floor((performance.now() - begunMs) / staggerMs));
    for (; next < due; next++) lines[next]!.begin();
    if (next < lines.length) setTimeout(turn, 1);
  };
  turn();
}

/** What all lines of a plan add up to. */
class Tally {
  readonly #ttftMs: number[] = [];
  readonly #itlMs: number[] = [];
  readonly #gapsMs = new Float64Array(GAP_LIMIT);
  readonly #problems: string[] = [];
  readonly #requests: number;
  #gaps = 0;
  #tokens = 0;
  #failed = 0;
  #lastTokenMs = 0;

  constructor(requests: number) {
    this.#requests = requests;
  }

  readonly gap = (gapMs: number): void => {
    if (this.#gaps < GAP_LIMIT) this.#gapsMs[this.#gaps++] = gapMs;
  };

  add(outcome: StreamOutcome, sentMs: number, tokensSoFar: number): void {
    if (outcome.problem !== null) {
      this.#tokens += tokensSoFar;
      this.#failed++;
      if (this.#problems.length < PROBLEMS_SHOWN) this.#problems.push(outcome.problem);
      return;
    }
    this.#tokens += outcome.tokens;
    this.#ttftMs.push(outcome.firstTokenMs - sentMs);
    const gaps = outcome.tokens - 1;
    if (gaps > 0) this.#itlMs.push((outcome.lastTokenMs - outcome.firstTokenMs) / gaps);
    this.#lastTokenMs = Math.max(this.#lastTokenMs, outcome.lastTokenMs);
  }

  result(begunMs: number): StreamsResult {
    const completed = this.#ttftMs.length;
    return {
      ttftMs: Float64Array.from(this.#ttftMs),
      itlMs: Float64Array.from(this.#itlMs),
      gapsMs: this.#gapsMs.slice(0, this.#gaps),
      tokens: this.#tokens,
      completed,
      failed: this.#failed,
      hung: this.#requests - completed - this.#failed,
      problems: this.#problems,
      wallMs: this.#lastTokenMs - begunMs,
    };
  }
}

/** One connection and its requests, one after another. */
class Line {
  readonly opened: Promise<void>;
  /** When the round's last request has ended. */
  done: Promise<void> = Promise.resolve();
  readonly #plan: StreamsPlan;
  readonly #index: number;
  readonly #socket: Socket;
  #tally: Tally | null = null;
  #left = 0;
  #stream: SseStream | null = null;
  #sent = 0;
  #sentMs = 0;
  #finish: () => void = () => {};

  constructor(plan: StreamsPlan, index: number) {
    this.#plan = plan;
    this.#index = index;
    const { port, hostname } = new URL(plan.urls[index % plan.urls.length]!);
    const buffer = Buffer.allocUnsafe(BUFFER_BYTES);
    const callback = (length: number): boolean => {
      const nowMs = performance.now();
      if (this.#stream?.push(length === BUFFER_BYTES ? buffer : buffer.subarray(0, length), nowMs)) this.#ended(null);
      return true;
    };
    this.#socket = connect({ port: Number(port), host: hostname, noDelay: true, onread: { buffer, callback } });
    this.opened = new Promise((resolve, reject) => {
      this.#socket.once("connect", resolve);
      this.#socket.once("error", reject);
    });
    this.#socket.on("error", (error) => this.#ended(error.message));
    this.#socket.on("close", () => this.#ended("connection closed"));
  }

  /** @param requests that `begin` is going to send, one after another */
  prepare(tally: Tally, requests: number): void {
    this.#tally = tally;
    this.#left = requests;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  begin(): void {
    const { osl, path } = this.#plan;
    this.#stream = new SseStream(
      { tokens: osl, leadingEvents: path === "/v1/chat/completions" ? 1 : 0 },
      this.#tally?.gap,
    );
    const request = requestText(this.#plan, this.#index + this.#sent * this.#plan.connections, this.#plan.isl, osl);
    this.#sent++;
    this.#left--;
    this.#sentMs = performance.now();
    this.#socket.write(request, "latin1");
  }

  close(): void {
    this.#stream = null;
    this.#socket.destroy();
  }

  #ended(problem: string | null): void {
    const stream = this.#stream;
    if (stream === null) return;
    this.#stream = null;
    this.#tally?.add(stream.outcome(problem), this.#sentMs, stream.tokensSoFar);
    if (problem === null && this.#left > 0) this.begin();
    else this.#finish();
  }
}

/** Sends the primer, and returns when a scheduler must have it: its long body takes a while to read. */
async function prime(plan: StreamsPlan): Promise<Socket> {
  const { port, hostname } = new URL(plan.urls[0]!);
  const socket = connect({ port: Number(port), host: hostname, noDelay: true });
  socket.on("error", () => socket.destroy());
  socket.resume();
  const text = requestText(plan, 0xffff, plan.primerIsl, 1);
  await new Promise<void>((resolve) => void socket.write(text, "latin1", () => resolve()));
  await sleep(PRIMER_AHEAD_MS);
  return socket;
}

function requestText(plan: StreamsPlan, number: number, isl: number, osl: number | null): string {
  const length = osl === null ? {} : { max_tokens: osl, ignore_eos: true };
  const stream = { stream: true, stream_options: { include_usage: true }, ...length };
  const ids = Array.from({ length: isl }, (_, i) => (i === 0 ? plan.salt : i === 1 ? number : i) % 1000);
  const prompt =
    plan.path === "/v1/completions"
      ? { prompt: ids }
      : { messages: [{ role: "user", content: `${plan.salt} ${number} ${"word ".repeat(isl)}` }] };
  const body = JSON.stringify({ model: plan.model, ...prompt, ...stream });
  const host = new URL(plan.urls[0]!).host;
  return `POST ${plan.path} HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

answerCalls({ run });
