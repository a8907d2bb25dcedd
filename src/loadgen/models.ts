import { Client } from "undici";
import { errorMessage, isObject } from "./completion-stream.ts";
import { modelsRefused, modelUnknown, unreachable } from "./errors.ts";
import { connectionFailure } from "./failures.ts";
import { commonHeaders, requestParts } from "./requests.ts";
import type { LoadTarget } from "./types.ts";

const TIMEOUT_MS = 10_000;

/**
 * The model to ask for: the given one, or the only one that the server lists. Fails early where nothing answers.
 * @throws UserError LOADGEN_UNREACHABLE, LOADGEN_MODELS_REFUSED, LOADGEN_MODEL_UNKNOWN, LOADGEN_BAD_URL
 */
export async function resolveModel(target: Pick<LoadTarget, "url" | "apiKey" | "headers">, model?: string) {
  const { origin, path } = requestParts(target.url, "models");
  const client = new Client(origin, { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, allowH2: false });
  let status: number;
  let text: string;
  try {
    const response = await client.request({ method: "GET", path, headers: commonHeaders(target) });
    status = response.statusCode;
    text = await response.body.text();
  } catch (error) {
    throw unreachable(target.url, connectionFailure(error as Error, false).message);
  } finally {
    await client.destroy();
  }
  // Some servers have no list; that they answered is enough where the model is named.
  if (model !== undefined) return model;
  const body = parse(text);
  if (status !== 200) throw modelsRefused(`${origin}${path}`, status, body === null ? "" : (errorMessage(body) ?? ""));
  const data = Array.isArray(body?.data) ? body.data : [];
  const ids = data.flatMap((entry: unknown) => (isObject(entry) && typeof entry.id === "string" ? [entry.id] : []));
  if (ids.length !== 1) throw modelUnknown(`${origin}${path}`, ids);
  return ids[0]!;
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
