import type { Refusal, SelectionReply, SelectionRequest, WebUiData, WebUiSession } from "../types.ts";

/** What the page asks its server; nobody else is asked anything. */

export async function load(): Promise<{ data: WebUiData; session: WebUiSession }> {
  const [data, session] = await Promise.all([
    answerOf<WebUiData>(fetch("webui_data.json")),
    answerOf<WebUiSession>(fetch("session")),
  ]);
  return { data, session };
}

/** @throws Error with the server's words where it refuses, or is gone */
export function select(request: SelectionRequest): Promise<SelectionReply> {
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(request) };
  return answerOf<SelectionReply>(fetch("selection", init));
}

/** Configuration of a prefill row with a decode row. */
export async function config(prefill: number, decode: number): Promise<string> {
  const response = await reached(fetch(`config?prefill=${prefill}&decode=${decode}`));
  if (!response.ok) throw new Error(await refusalOf(response));
  return response.text();
}

async function answerOf<T>(asked: Promise<Response>): Promise<T> {
  const response = await reached(asked);
  if (!response.ok) throw new Error(await refusalOf(response));
  return (await response.json()) as T;
}

async function reached(asked: Promise<Response>): Promise<Response> {
  try {
    return await asked;
  } catch {
    throw new Error("The profiler does not answer any more: it has ended, or the time to pick is over.");
  }
}

async function refusalOf(response: Response): Promise<string> {
  const body = (await response.json().catch(() => null)) as Refusal | null;
  return body?.error.message ?? `The profiler answered with status ${response.status}.`;
}
