import { OpenAI } from "openai";

/** The openai package over a server that answers everything with one body: JSON, or a text of events. */
export function clientOf(body: string | object): OpenAI {
  const [text, type] =
    typeof body === "string" ? [body, "text/event-stream"] : [JSON.stringify(body), "application/json"];
  return new OpenAI({
    apiKey: "k",
    baseURL: "http://test/v1",
    maxRetries: 0,
    fetch: async () => new Response(text, { headers: { "content-type": type } }),
  });
}
