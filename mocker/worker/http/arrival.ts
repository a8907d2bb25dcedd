import type { FastifyRequest } from "fastify";
import { HEADERS } from "#mocker/protocol";
import { contextOf, headArrivalMs } from "./context.ts";

/** A request that says it left longer ago than this is not believed, real ms. */
const MOST_UNDER_WAY_MS = 1000;

/**
 * When the request counts as arrived, model ms: when its head did; or, where the worker trusts `X-Request-Start: t=<Unix
 * seconds>`, when it says it left, at most a second (of real time) ago and never in the future.
 */
export function arrivalMs(request: FastifyRequest): number {
  const { clock, running } = contextOf(request);
  const headMs = headArrivalMs(request);
  const header = request.headers[HEADERS.requestStart];
  if (!running.worker.settings.trustRequestStart || typeof header !== "string") return headMs;
  const match = /^(?:t=)?(\d{9,11}(?:\.\d+)?)$/.exec(header.trim());
  if (match === null) return headMs;
  const saidMs = clock.fromUnixMs(Number(match[1]) * 1000);
  return saidMs <= headMs && headMs - saidMs <= MOST_UNDER_WAY_MS * clock.timeScale ? saidMs : headMs;
}
