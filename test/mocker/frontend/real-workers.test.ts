import { describe, expect, it } from "vitest";
import { parsePrometheus, sumOfSamples } from "#common/prometheus";
import type { Frontend } from "#mocker/frontend";
import { startWorkers, type TestOptions } from "../worker/http/harness.ts";
import { chat, frontend, post, said, until, values } from "./ask.ts";

async function workers(role: "aggregated" | "prefill" | "decode", count: number, options: TestOptions = {}) {
  const host = await startWorkers({
    ...options,
    engine: { role, blockSize: 4, kvEvents: true, ...options.engine },
    host: { count, workerId: (index) => `${role}/${index}` },
  });
  return host.workers;
}

async function workerMetric(url: string, name: string): Promise<number> {
  const families = parsePrometheus(await (await fetch(`${url}/metrics`)).text());
  return sumOfSamples(families.get(name)) ?? Number.NaN;
}

async function finished(gateway: Frontend): Promise<Record<string, unknown>[]> {
  const text = await (await fetch(`${gateway.url}/requests`)).text();
  return text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ kind }) => kind === "finished");
}

const prompt = (name: string, tokens: number) => Array.from({ length: tokens }, () => name).join(" ");
const user = (content: string) => ({ messages: [{ role: "user", content }] });

describe("with real workers", () => {
  it("the same prompt and seed say the same, by whatever way", async () => {
    const together = await frontend(await workers("aggregated", 2));
    const apart = await frontend([...(await workers("prefill", 2)), ...(await workers("decode", 2))]);
    const ask = { ...user("tell me a story"), seed: 5, max_tokens: 12 };
    const texts = new Set<string>();
    for (const gateway of [together, together, apart, apart]) {
      texts.add(said(await (await chat(gateway, ask)).text()));
      const whole = (await (await chat(gateway, { ...ask, stream: false })).json()) as {
        choices: { message: { content: string } }[];
      };
      texts.add(whole.choices[0]!.message.content);
    }
    expect(texts.size).toBe(1);
    for (const gateway of [together, apart]) {
      for (const event of await finished(gateway)) expect(event).toMatchObject({ isl: 4, osl: 12 });
    }
  });

  it("prefix hits of the prefill worker are told, and its blocks are freed", async () => {
    const [prefill] = await workers("prefill", 1);
    const gateway = await frontend([prefill!, ...(await workers("decode", 1))]);
    const ask = { ...user(prompt("word", 20)), max_tokens: 3, stream_options: { include_usage: true } };
    for (const cached of [0, 16]) {
      const response = await chat(gateway, ask);
      expect(response.headers.get("x-cached-tokens")).toBe(String(cached));
      expect(response.headers.get("x-prefill-worker-id")).toBe("prefill/0");
      const chunks = values(await response.text()).filter((value) => value.startsWith("{"));
      const { usage } = JSON.parse(chunks.at(-1)!) as { usage: { prompt_tokens_details: { cached_tokens: number } } };
      expect(usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 3 });
      expect(usage.prompt_tokens_details.cached_tokens).toBe(cached);
    }
    expect((await finished(gateway)).map(({ cachedTokens }) => cachedTokens)).toEqual([0, 16]);
    await until(async () => (await workerMetric(prefill!.url, "understudy_worker_held_requests")) === 0);
  });

  it("hits are known of streams that carry no usage", async () => {
    const gateway = await frontend(await workers("aggregated", 1));
    for (let i = 0; i < 2; i++) await (await chat(gateway, { ...user(prompt("word", 9)), max_tokens: 2 })).text();
    expect((await finished(gateway)).map(({ cachedTokens }) => cachedTokens)).toEqual([0, 8]);
  });

  it("a client that leaves frees the blocks of both sides", async () => {
    const prefill = await workers("prefill", 1);
    // A token takes 50 ms here, and a cancelled request leaves with the pass that is under way.
    const decode = await workers("decode", 1, { engine: { speedupRatio: 0.02 } });
    const gateway = await frontend([...prefill, ...decode]);
    const leaves = new AbortController();
    const answer = chat(gateway, { ...user(prompt("word", 40)), max_tokens: 1000 }, { signal: leaves.signal });
    answer.catch(() => {});
    await until(async () => (await workerMetric(decode[0]!.url, "understudy_worker_used_blocks")) > 0);
    leaves.abort();
    await until(async () => (await workerMetric(decode[0]!.url, "vllm:num_requests_running")) === 0);
    await until(async () => (await workerMetric(prefill[0]!.url, "understudy_worker_held_requests")) === 0);
    expect(gateway.workers().map(({ outstanding }) => outstanding)).toEqual([0, 0]);
  });

  it("the KV-aware router goes where the prefix is, by the workers' own events", async () => {
    const urls = await workers("aggregated", 3);
    const gateway = await frontend(urls, { router: "kv" });
    const ask = async (name: string) => {
      const response = await chat(gateway, { ...user(prompt(name, 64)), max_tokens: 1 });
      await response.text();
      return response.headers.get("x-worker-id");
    };
    const hits = async () => {
      let sum = 0;
      for (const { url } of urls) sum += await workerMetric(url, "vllm:prefix_cache_hits_total");
      return sum;
    };
    const known = () => gateway.workers().reduce((sum, { cachedBlocks }) => sum + (cachedBlocks ?? 0), 0);
    const names = ["alpha", "beta", "gamma", "delta", "kappa"];
    const homes = new Map<string, string | null>();
    for (const [i, name] of names.entries()) {
      homes.set(name, await ask(name));
      await until(() => known() === 16 * (i + 1));
    }
    expect(await hits()).toBe(0);
    for (const name of [...names.toReversed(), ...names]) expect(await ask(name)).toBe(homes.get(name));
    // The last token of a prompt is always computed, with its block.
    expect(await hits()).toBe(2 * names.length * 60);
    await post(`${gateway.url}/clear_kv_blocks`, {});
    await until(() => known() === 0);
  });

  it("worker errors reach the client as they are", async () => {
    const gateway = await frontend(await workers("aggregated", 1, { engine: { maxModelLen: 32 } }));
    const response = await chat(gateway, { ...user(prompt("word", 20)), max_tokens: 20 });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "context_length_exceeded" } });
  });

  it("completions with token ids and several prompts", async () => {
    const gateway = await frontend(await workers("aggregated", 1));
    const response = await post(`${gateway.url}/v1/completions`, {
      model: "mock",
      prompt: [
        [1, 2, 3],
        [4, 5],
      ],
      max_tokens: 2,
    });
    expect(await response.json()).toMatchObject({ usage: { prompt_tokens: 5, completion_tokens: 4 } });
    expect((await finished(gateway))[0]).toMatchObject({ isl: 5, osl: 4 });
  });
});
