import { Agent, request } from "undici";
import type { Plugin, PluginRequest } from "./types.ts";

/** An answer is a few numbers. */
const MAX_ANSWER_BYTES = 2 ** 20;

export interface HttpPluginOptions {
  /** Such as `http://127.0.0.1:9100`. */
  endpoint: string;
  /** Bearer token; null: none. */
  authToken: string | null;
}

/** A plugin that is asked by `POST <endpoint>/v1/<stage>`, request and answer as JSON. */
export function httpPlugin({ endpoint, authToken }: HttpPluginOptions): Plugin {
  const agent = new Agent({ connections: 2 });
  const base = endpoint.replace(/\/+$/, "");
  return {
    ask: async (body: PluginRequest, signal: AbortSignal) => {
      const answer = await request(`${base}/v1/${body.stage}`, {
        method: "POST",
        dispatcher: agent,
        signal,
        headers: {
          "content-type": "application/json",
          accept: "application/json",
          ...(authToken === null ? {} : { authorization: `Bearer ${authToken}` }),
        },
        body: JSON.stringify(body),
      });
      const text = await limited(answer.body);
      if (answer.statusCode !== 200) throw new Error(`it answered with status ${answer.statusCode}`);
      try {
        return JSON.parse(text) as unknown;
      } catch {
        throw new Error("its answer is no JSON");
      }
    },
    close: () => agent.close(),
  };
}

async function limited(body: AsyncIterable<Buffer> & { destroy(): unknown }): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > MAX_ANSWER_BYTES) {
      body.destroy();
      throw new Error(`its answer is longer than ${MAX_ANSWER_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
