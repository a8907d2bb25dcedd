import { Client } from "undici";
import { errorMessage, isObject } from "./completion-stream.ts";
import { modelsRefused, modelUnknown, unreachable } from "./errors.ts";
import { connectionFailure } from "./failures.ts";
import { commonHeaders, requestParts } from "./requests.ts";
import type { LoadTarget } from "./types.ts";

const TIMEOUT_MS = 10_000;

type Server = Pick<LoadTarget, "url" | "apiKey" | "headers">;

/**
 * The model to ask for: the given one, or the only one that the server lists. Fails early where nothing answers.
 * @throws UserError LOADGEN_UNREACHABLE, LOADGEN_MODELS_REFUSED, LOADGEN_MODEL_UNKNOWN, LOADGEN_BAD_URL
 */
export async function resolveModel(target: Server, model?: string) {
  const { url, status, body } = await askForModels(target);
  // Some servers have no list; that they answered is enough where the model is named.
  if (model !== undefined) return model;
  if (status !== 200) throw modelsRefused(url, status, body === null ? "" : (errorMessage(body) ?? ""));
  const ids = idsOf(body);
  if (ids.length !== 1) throw modelUnknown(url, ids);
  return ids[0]!;
}

/** Models that the server lists; null where it has no list. @throws UserError LOADGEN_UNREACHABLE, LOADGEN_BAD_URL */
export async function servedModels(target: Server): Promise<string[] | null> {
  const { status, body } = await askForModels(target);
  return status === 200 && Array.isArray(body?.data) ? idsOf(body) : null;
}

async function askForModels(target: Server) {
  const { origin, path } = requestParts(target.url, "models");
  const client = new Client(origin, { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS, allowH2: false });
  try {
    const response = await client.request({ method: "GET", path, headers: commonHeaders(target) });
    const body = parse(await response.body.text());
    return { url: `${origin}${path}`, status: response.statusCode, body };
  } catch (error) {
    throw unreachable(target.url, connectionFailure(error as Error, false).message);
  } finally {
    await client.destroy();
  }
}

function idsOf(body: Record<string, unknown> | null): string[] {
  const data = Array.isArray(body?.data) ? body.data : [];
  return data.flatMap((entry: unknown) => (isObject(entry) && typeof entry.id === "string" ? [entry.id] : []));
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
