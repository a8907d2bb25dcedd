import type { Clock } from "#common";
import type { EndpointName, ErrorType, FrontendMetrics, ModelMetrics } from "./metrics.ts";
import type { RequestEvents } from "./request-events.ts";

/** The SLA that a frontend counts by; null: it does not. Model ms. */
export interface Sla {
  ttftMs: number | null;
  itlMs: number | null;
}

export interface TrackedRequest {
  requestId: string;
  model: string;
  endpoint: EndpointName;
  streams: boolean;
  isl: number;
  osl: number | null;
  arrivalMs: number;
}

/** What was found at the end of a request. */
export interface RequestEnd {
  isl: number | null;
  osl: number | null;
  cachedTokens: number;
}

/** Follows one request for metrics and events; every ending but the first is ignored. */
export class RequestTrack {
  readonly #request: TrackedRequest;
  readonly #metrics: FrontendMetrics;
  readonly #model: ModelMetrics;
  readonly #events: RequestEvents;
  readonly #clock: Clock;
  readonly #sla: Sla;
  #cachedTokens: number | null = null;
  #firstMs = Number.NaN;
  #lastMs = Number.NaN;
  #tokens = 0;
  #over = false;
  workerId: string | null = null;
  prefillWorkerId: string | null = null;
  /** How often it was given to workers. */
  attempts = 1;

  constructor(request: TrackedRequest, metrics: FrontendMetrics, events: RequestEvents, clock: Clock, sla: Sla) {
    this.#request = request;
    this.#metrics = metrics;
    this.#events = events;
    this.#clock = clock;
    this.#sla = sla;
    const model = metrics.model(request.model);
    this.#model = model;
    const { requestId, isl, osl, arrivalMs } = request;
    model.started.inc();
    model.inflight.inc();
    model.active.inc();
    model.queued.inc();
    model.isl.observe(isl);
    model.islWindow.add(isl, arrivalMs);
    this.#events.push({ kind: "started", requestId, model: request.model, at: this.#unix(arrivalMs), isl, osl });
  }

  /** Output tokens so far. */
  get tokenCount(): number {
    return this.#tokens;
  }

  /** The worker's answer begins; what of the prompt it had cached, where it told. */
  answered(cachedTokens: number | null): void {
    this.#cachedTokens = cachedTokens;
  }

  /** `count` tokens have come at once. Several in one piece are taken as evenly spread, as Dynamo's frontend does. */
  tokens(count: number): void {
    const nowMs = this.#clock.nowMs();
    let later = count;
    if (this.#tokens === 0) {
      this.#first(nowMs);
      later--;
    }
    if (later > 0) this.#model.itl.observe((nowMs - this.#lastMs) / 1000 / later, later);
    this.#lastMs = nowMs;
    this.#tokens += count;
    this.#model.outputTokens.inc(count);
  }

  /** A prefill worker has computed the prompt; again where that had to be repeated. */
  prefilled(cachedTokens: number): void {
    const { requestId, model, isl } = this.#request;
    this.#events.push({
      kind: "prefilled",
      requestId,
      model,
      at: this.#unix(this.#clock.nowMs()),
      isl,
      cachedTokens,
    });
  }

  #first(nowMs: number): void {
    const { requestId, model, arrivalMs } = this.#request;
    this.#firstMs = nowMs;
    this.#lastMs = nowMs;
    const ttftMs = nowMs - arrivalMs;
    this.#model.ttft.observe(ttftMs / 1000);
    this.#model.queued.dec();
    const cached = this.#cachedTokens === null ? {} : { cachedTokens: this.#cachedTokens };
    this.#events.push({ kind: "first_token", requestId, model, at: this.#unix(nowMs), ttftMs, ...cached });
  }

  /** It ended well. */
  finished(end: RequestEnd): void {
    if (this.#over) return;
    const nowMs = this.#clock.nowMs();
    const { requestId, model, arrivalMs } = this.#request;
    const osl = end.osl ?? this.#tokens;
    const streamed = this.#tokens > 0;
    const ttftMs = streamed ? this.#firstMs - arrivalMs : null;
    const itlMs = streamed && osl > 1 ? (this.#lastMs - this.#firstMs) / (osl - 1) : null;
    const durationMs = nowMs - arrivalMs;
    const { workerId, prefillWorkerId } = this;
    this.#model.osl.observe(osl);
    this.#model.cached.observe(end.cachedTokens);
    if (!streamed) this.#model.outputTokens.inc(osl);
    this.#countSla(ttftMs, itlMs);
    this.#events.push({
      kind: "finished",
      requestId,
      model,
      at: this.#unix(nowMs),
      isl: end.isl ?? this.#request.isl,
      osl,
      cachedTokens: end.cachedTokens,
      ttftMs,
      itlMs,
      durationMs,
      workerId,
      prefillWorkerId,
    });
    this.#close(nowMs, "success", "");
  }

  failed(status: number, message: string): void {
    if (this.#over) return;
    const nowMs = this.#clock.nowMs();
    const { requestId, model } = this.#request;
    const { workerId, prefillWorkerId } = this;
    this.#events.push({
      kind: "failed",
      requestId,
      model,
      at: this.#unix(nowMs),
      status,
      message,
      workerId,
      prefillWorkerId,
    });
    if (status === 429) this.#metrics.rejections.labels(model, this.#request.endpoint).inc();
    this.#close(nowMs, "error", errorType(status));
  }

  /** The client has left. 499 is nginx's status for that. */
  cancelled(): void {
    if (this.#over) return;
    const { model, endpoint, streams } = this.#request;
    this.#metrics.disconnected.inc();
    this.#metrics.cancellations.labels(model, endpoint, streams ? "stream" : "unary").inc();
    this.failed(499, "the client has left");
  }

  #countSla(ttftMs: number | null, itlMs: number | null): void {
    const { ttftMs: ttftSla, itlMs: itlSla } = this.#sla;
    this.#model.finished.inc();
    if (ttftSla === null && itlSla === null) return;
    const ttftMet = ttftSla === null || (ttftMs !== null && ttftMs <= ttftSla);
    // A single token has no gap that could be too long.
    const itlMet = itlSla === null || itlMs === null || itlMs <= itlSla;
    if (ttftMet) this.#model.ttftMet.inc();
    if (itlMet) this.#model.itlMet.inc();
    if (ttftMet && itlMet) this.#model.slaMet.inc();
  }

  #close(nowMs: number, status: "success" | "error", type: ErrorType): void {
    this.#over = true;
    const { model, endpoint, streams, arrivalMs } = this.#request;
    this.#metrics.requests.labels(model, endpoint, streams ? "stream" : "unary", status, type).inc();
    this.#model.duration.observe((nowMs - arrivalMs) / 1000);
    this.#model.inflight.dec();
    this.#model.active.dec();
    if (this.#tokens === 0) this.#model.queued.dec();
  }

  #unix(atMs: number): number {
    return this.#clock.toUnixMs(atMs) / 1000;
  }
}

/** Dynamo's classes. */
function errorType(status: number): ErrorType {
  if (status === 404) return "not_found";
  if (status === 429 || status === 503) return "overload";
  if (status === 499) return "cancelled";
  if (status === 504) return "response_timeout";
  return status < 500 ? "validation" : "internal";
}
