import { isIPv4 } from "node:net";
import { Agent, type Dispatcher } from "undici";
import type { Clock } from "#common";
import { hostPort } from "#common/http";
import type { KvTransferParams } from "#mocker/protocol";
import type { KvPeer, KvPeers } from "../types.ts";
import { HandoffError } from "./errors.ts";

/** Connections to one prefill worker; what is more waits. A decode worker that came first holds one until the prompt is computed. */
const CONNECTIONS = 128;
/** For answers that need no computing, real ms. */
const ANSWER_TIMEOUT_MS = 10_000;

export interface PeerClient {
  readonly peers: KvPeers;
  close(): Promise<void>;
}

/**
 * Prefill workers over HTTP: `GET`, `DELETE /kv_transfer/:id` and `POST …/release`.
 * @param ownHost where this worker listens. Requests name the peer: one that only this machine can reach asks this machine alone
 */
export function httpPeers(clock: Clock, ownHost = "127.0.0.1"): PeerClient {
  const loopbackOnly = isLoopback(ownHost);
  const agent = new Agent({ connections: CONNECTIONS, keepAliveTimeout: 30_000, headersTimeout: 0, bodyTimeout: 0 });
  const call = async (
    params: KvTransferParams,
    method: Dispatcher.HttpMethod,
    path: string,
    options: { signal: AbortSignal; headers?: Record<string, string>; body?: string },
  ) => {
    const { remote_host: host, remote_port: port } = params;
    if (!host || !port) {
      throw new HandoffError("failed", "kv_transfer_params names no prefill worker (remote_host, remote_port)");
    }
    if (loopbackOnly && !isLoopback(host)) {
      const why = "a worker that listens on loopback fetches from loopback alone (--host)";
      throw new HandoffError("failed", `kv_transfer_params names ${host}: ${why}`);
    }
    const origin = `http://${hostPort(host, port)}`;
    try {
      const answer = await agent.request({ origin, path, method, ...options });
      return { status: answer.statusCode, text: await answer.body.text() };
    } catch (error) {
      throw new HandoffError("failed", `${origin} does not answer: ${error instanceof Error ? error.message : error}`);
    }
  };
  const pathOf = (requestId: string) => `/kv_transfer/${encodeURIComponent(requestId)}`;
  const peer = (params: KvTransferParams): KvPeer => ({
    async wait(requestId, signal) {
      const { status, text } = await call(params, "GET", pathOf(requestId), { signal });
      if (status === 200) return JSON.parse(text) as KvTransferParams;
      throw new HandoffError(status === 404 ? "unknown" : "failed", `it answered ${status}`);
    },
    async release(requestId, atMs) {
      const { status } = await call(params, "POST", `${pathOf(requestId)}/release`, {
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ at: clock.toUnixMs(atMs) / 1000 }),
      });
      if (status === 404 || status === 410) return false;
      if (status >= 300) throw new HandoffError("failed", `it answered ${status}`);
      return true;
    },
    async abort(requestId) {
      await call(params, "DELETE", pathOf(requestId), { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    },
  });
  return { peers: peer, close: () => agent.destroy() };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIPv4(host) && host.startsWith("127."));
}
