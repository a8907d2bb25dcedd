import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { EndpointMeter, type MeterOptions } from "../../../src/profiler/thorough/measure/meter.ts";
import { type SeenRequest, stubServer } from "./stub-server.ts";

const tokens = (prompt: string) => prompt.match(/\S+/g)?.length ?? 0;
const bodies = (seen: readonly SeenRequest[], isl: number) => seen.filter(({ prompt }) => tokens(prompt) === isl);

function meter(
  url: string,
  options: Partial<MeterOptions> = {},
): EndpointMeter & { folder: string; warnings: string[] } {
  const folder = mkdtempSync(join(tmpdir(), "meter-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const warnings: string[] = [];
  const made = new EndpointMeter({
    target: { url, model: "m" },
    gpus: 4,
    attentionDp: 1,
    folder,
    decodeFolder: (n, isl, osl) => `aiperf_request${n}_isl${isl}_osl${osl}_n${n}`,
    skipExisting: false,
    correctBurst: false,
    freshPrompts: false,
    signal: new AbortController().signal,
    onWarning: (text) => warnings.push(text),
    ...options,
  });
  return Object.assign(made, { folder, warnings });
}

const exported = (folder: string) =>
  JSON.parse(readFileSync(join(folder, "profile_export_aiperf.json"), "utf8")) as Record<
    string,
    { avg: number; max: number }
  >;

describe("TTFT of an endpoint", () => {
  it("[R070] one prompt at a time, after three of other contents; five tokens each", async () => {
    const stub = await stubServer();
    const one = meter(stub.url);
    expect(await one.prefill(321)).toBeGreaterThan(0);
    const seen = bodies(stub.seen, 321);
    expect(seen).toHaveLength(3 + 1 + 4);
    expect(seen.every(({ inFlight }) => inFlight === 1)).toBe(true);
    expect(new Set(seen.slice(0, 4).map(({ prompt }) => prompt)).size).toBe(4);
    for (const { body } of seen) {
      expect(body).toMatchObject({
        max_tokens: 5,
        min_tokens: 5,
        ignore_eos: true,
        nvext: { ignore_eos: true },
        stream: true,
      });
    }
    expect(existsSync(join(one.folder, "aiperf_isl321", "profile_export_aiperf.json"))).toBe(true);
  });

  it("[R070] contents come from seed 100, unless the endpoint may have them cached", async () => {
    const stub = await stubServer();
    await meter(stub.url).prefill(200);
    await meter(stub.url).prefill(200);
    const repeated = bodies(stub.seen, 200).map(({ prompt }) => prompt);
    expect(repeated.slice(0, 8)).toEqual(repeated.slice(8));
    const fresh = await stubServer();
    await meter(fresh.url, { freshPrompts: true }).prefill(200);
    await meter(fresh.url, { freshPrompts: true }).prefill(200);
    const contents = bodies(fresh.seen, 200).map(({ prompt }) => prompt);
    expect(new Set(contents).size).toBe(contents.length);
  });

  it("[R071] [R206] with attention ranks one burst of four prompts a rank; the largest TTFT divided by four", async () => {
    const stub = await stubServer({
      // Nobody is answered before all 32 are there.
      gather: ({ prompt }, index) => (tokens(prompt) === 300 && index >= 25 + 24 ? 32 : 1),
      firstTokenMs: ({ prompt }, index) => (tokens(prompt) === 300 && index === 60 ? 300 : 0),
    });
    const burst = meter(stub.url, { attentionDp: 8 });
    const ttftMs = await burst.prefill(300);
    const sent = bodies(stub.seen, 300);
    expect(sent).toHaveLength(3 * 8 + 4 * 8);
    expect(stub.mostInFlight).toBe(32);
    const { time_to_first_token: ttft } = exported(join(burst.folder, "aiperf_isl300"));
    expect(ttft!.max).toBeGreaterThanOrEqual(299);
    expect(ttftMs).toBeCloseTo(ttft!.max / 4, 6);
    expect(ttftMs).toBeGreaterThan(ttft!.avg / 4);
  });

  it("[R071] the newer TTFT of a burst leaves out its decode steps", async () => {
    const stub = await stubServer({ firstTokenMs: ({ prompt }) => (tokens(prompt) === 300 ? 100 : 0) });
    const burst = meter(stub.url, { attentionDp: 2, correctBurst: true });
    const folder = join(burst.folder, "aiperf_isl300");
    mkdirSync(folder, { recursive: true });
    const metrics = { avg: 150, max: 200, min: 90 };
    writeFileSync(
      join(folder, "profile_export_aiperf.json"),
      JSON.stringify({ time_to_first_token: metrics, inter_token_latency: { avg: 5 }, request_count: { avg: 8 } }),
    );
    const again = meter(stub.url, { attentionDp: 2, correctBurst: true, skipExisting: true, folder: burst.folder });
    expect(await again.prefill(300)).toBe((200 - 5 * 4 * 3) / 4);
    const older = meter(stub.url, { attentionDp: 2, skipExisting: true, folder: burst.folder });
    expect(await older.prefill(300)).toBe(200 / 4);
    expect(stub.seen).toHaveLength(0);
  });

  it("what a chat template adds is taken off the prompts", async () => {
    const stub = await stubServer({ template: 7 });
    await meter(stub.url).prefill(200);
    expect(bodies(stub.seen, 193)).toHaveLength(8);
    expect(bodies(stub.seen, 200)).toHaveLength(0);
  });

  it("a run with failures gives no number but its reason", async () => {
    const stub = await stubServer({
      fail: ({ prompt }) =>
        tokens(prompt) > 150 ? { status: 400, message: "maximum context length is 150 tokens" } : null,
    });
    await expect(meter(stub.url).prefill(200)).rejects.toThrow(/maximum context length is 150/);
    await expect(meter("http://127.0.0.1:9").prefill(200)).rejects.toThrow(/ECONNREFUSED|refused/i);
  });
});

describe("ITL of an endpoint", () => {
  it("[R078] the prompts of the measured run are those of the warm-up, all at once", async () => {
    const stub = await stubServer({
      gather: ({ prompt, maxTokens }) => (tokens(prompt) === 250 && maxTokens === 40 ? 12 : 1),
    });
    const one = meter(stub.url);
    await one.decode(12, 250, 40);
    const sent = bodies(stub.seen, 250);
    const [warmUp, measured] = [sent.slice(0, 12), sent.slice(12)];
    expect(measured).toHaveLength(12);
    expect(measured.map(({ prompt }) => prompt).sort()).toEqual(warmUp.map(({ prompt }) => prompt).sort());
    expect(new Set(measured.map(({ prompt }) => prompt)).size).toBe(12);
    for (const { body } of measured) expect(body).toMatchObject({ max_tokens: 40, min_tokens: 40, ignore_eos: true });
    expect(existsSync(join(one.folder, "aiperf_request12_isl250_osl40_n12_warmup", "profile_export_aiperf.json"))).toBe(
      true,
    );
  });

  it("[R078] each load has contents of its own, the same ones where the seed is given", async () => {
    const first = await stubServer();
    const one = meter(first.url, { seed: 5 });
    await one.decode(2, 250, 20);
    await one.decode(2, 250, 20);
    const prompts = bodies(first.seen, 250).map(({ prompt }) => prompt);
    expect(new Set(prompts).size).toBe(4);
    const second = await stubServer();
    await meter(second.url, { seed: 5 }).decode(2, 250, 20);
    expect(new Set(bodies(second.seen, 250).map(({ prompt }) => prompt))).toEqual(new Set(prompts.slice(0, 4)));
  });

  it("[R080] gives ITL and throughput per GPU, of whole runs as AIPerf has them on demand", async () => {
    const stub = await stubServer();
    const whole = meter(stub.url, { wholeRuns: true });
    const { itlMs, throughputPerGpu } = await whole.decode(3, 250, 30);
    const figures = exported(join(whole.folder, "aiperf_request3_isl250_osl30_n3"));
    expect(itlMs).toBe(figures.inter_token_latency!.avg);
    expect(throughputPerGpu).toBe(figures.output_token_throughput!.avg / 4);
  });

  it("[R079] says of attention ranks that KV reuse is not guaranteed, once", async () => {
    const stub = await stubServer();
    const ranks = meter(stub.url, { attentionDp: 2 });
    await ranks.decode(2, 250, 20);
    await ranks.decode(4, 250, 20);
    expect(ranks.warnings.filter((text) => text.includes("another rank than in the warm-up"))).toHaveLength(1);
    const one = meter(stub.url);
    await one.decode(2, 250, 20);
    expect(one.warnings.join()).not.toContain("rank");
  });

  it("takes runs that an earlier try has left, AIPerf's own included, and sends nothing", async () => {
    const stub = await stubServer();
    const one = meter(stub.url);
    const folder = join(one.folder, "aiperf_request3_isl250_osl30_n3", "artifacts", "run");
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, "profile_export_aiperf.json"),
      JSON.stringify({
        time_to_first_token: { avg: 9, max: 12 },
        inter_token_latency: { avg: 7.5 },
        output_token_throughput: { avg: 400 },
        request_count: { avg: 3 },
      }),
    );
    const again = meter(stub.url, { skipExisting: true, folder: one.folder });
    expect(await again.decode(3, 250, 30)).toEqual({ itlMs: 7.5, throughputPerGpu: 100 });
    expect(stub.seen).toHaveLength(0);
    // A run of fewer requests is none of these.
    await again.decode(4, 250, 30);
    expect(stub.seen.length).toBeGreaterThan(0);
  });
});
