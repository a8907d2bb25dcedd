import { expect, it } from "vitest";
import { parsePrometheus } from "#common/prometheus";
import { fixedTiming } from "#mocker/engine";
import { call, chat, post, startWorker, stream, words } from "./harness.ts";

const ENGINE = {
  family: "sglang" as const,
  blockSize: 1,
  timing: fixedTiming({ prefillMs: 20, decodeMs: 5, perPass: true }),
};

async function metrics(url: string): Promise<(name: string) => number> {
  const { text } = await call(`${url}/metrics`);
  const samples = [...parsePrometheus(text).values()].flatMap((family) => family.samples);
  return (name) => samples.find((sample) => sample.name === name)!.value;
}

it("a worker with SGLang's scheduler answers, streams, and finds prefixes in its radix tree", async () => {
  const { url } = await startWorker({ engine: ENGINE, http: { metricNames: "sglang" } });
  const first = await post(`${url}/v1/chat/completions`, chat(words(20), { max_tokens: 4 }));
  expect(first.json().usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 4 });
  const again = await post(`${url}/v1/chat/completions`, chat(words(20), { max_tokens: 4 }));
  // One token is always computed.
  expect(again.json().usage.prompt_tokens_details.cached_tokens).toBe(19);
  const { data } = await stream(`${url}/v1/chat/completions`, chat(words(5), { max_tokens: 3 }));
  expect(data.at(-1)).toBe("[DONE]");
  const value = await metrics(url);
  expect(value("sglang:num_running_reqs")).toBe(0);
  expect(value("sglang:generation_tokens_total")).toBe(11);
});

it("a worker that speculates tells the accept length of its last 40 decode passes", async () => {
  const engine = { ...ENGINE, speculative: { acceptRates: [1, 0], seed: 1 } };
  const { url } = await startWorker({ engine, http: { metricNames: "sglang" } });
  const ask = (tokens: number) => post(`${url}/v1/chat/completions`, chat(words(20), { max_tokens: tokens }));
  await ask(79);
  expect((await metrics(url))("sglang:spec_accept_length")).toBe(0);
  // A token with the prompt, and two of each of the passes that follow: 39, and the fortieth.
  const { usage } = (await ask(3)).json();
  expect(usage.completion_tokens).toBe(3);
  const value = await metrics(url);
  expect(value("sglang:spec_accept_length")).toBe(2);
  expect(value("sglang:spec_accept_rate")).toBe(0.5);
});

it("retractions under pressure cost nobody a token, and are counted", async () => {
  const engine = {
    ...ENGINE,
    numGpuBlocks: 60,
    speedupRatio: 1,
    sglang: {
      schedulePolicy: "fifo" as const,
      maxPrefillTokens: 16384,
      chunkedPrefillSize: 8192,
      clipMaxNewTokens: 4096,
      scheduleConservativeness: 0.05,
    },
  };
  const { url } = await startWorker({ engine, http: { metricNames: "sglang" } });
  // Four at once, which share a prompt.
  const answer = await post(`${url}/v1/chat/completions`, chat("a", { max_tokens: 30, n: 4 }));
  expect(answer.json().usage.completion_tokens).toBe(120);
  const value = await metrics(url);
  expect(value("sglang:num_retracted_requests_total")).toBeGreaterThan(0);
  expect(value("sglang:num_used_tokens")).toBe(0);
});
