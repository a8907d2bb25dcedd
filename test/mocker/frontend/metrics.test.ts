import { describe, expect, it } from "vitest";
import { parsePrometheus } from "#common/prometheus";
import type { Frontend } from "#mocker/frontend";
import { readProjectFile } from "../../structure/project-files.ts";
import { CHAT, chat, frontend, metric, post, until, worker } from "./ask.ts";
import { breaksOff, DONE, openStream, streamOf, tokenChunk } from "./fake-worker.ts";
import { manualClock } from "./manual-clock.ts";

async function events(of: Frontend, since = 0): Promise<Record<string, unknown>[]> {
  const text = await (await fetch(`${of.url}/requests?since=${since}`)).text();
  return text === ""
    ? []
    : text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe("the frontend's metrics", () => {
  it("are those that docs/metrics.md names, no more and no less, with their types", async () => {
    const gateway = await frontend([await worker()], { sla: { ttftMs: 1000 } });
    await (await chat(gateway)).text();
    const families = parsePrometheus(await (await fetch(`${gateway.url}/metrics`)).text());
    const text = readProjectFile("docs/metrics.md");
    const sections = text.split(/^## /m).filter((section) => section.startsWith("Frontend"));
    const documented = sections.flatMap((section) =>
      [...section.matchAll(/^\| `([a-z0-9_:]+)` \|/gm)].map((m) => m[1]!),
    );
    expect([...families.keys()].sort()).toEqual(documented.sort());
    for (const { name, type } of families.values()) expect(text).toContain(`| \`${name}\` | ${type} |`);
  });

  it("time requests in model time, token by token", async () => {
    const clock = manualClock(10);
    const fake = await worker({}, openStream);
    const gateway = await frontend([fake], { clock, sla: { ttftMs: 2000, itlMs: 400 } });
    clock.now = 5000;
    const arrived = fake.next();
    const answer = chat(gateway, { max_tokens: 4 });
    const { response } = await arrived;
    const label = '{model="mock"}';
    expect(await metric(gateway, `dynamo_frontend_queued_requests${label}`)).toBe(1);
    clock.now = 6500;
    response.write(tokenChunk(0));
    await until(async () => (await metric(gateway, `dynamo_frontend_output_tokens_total${label}`)) === 1);
    expect(await metric(gateway, `dynamo_frontend_queued_requests${label}`)).toBe(0);
    expect(await metric(gateway, `dynamo_frontend_inflight_requests${label}`)).toBe(1);
    clock.now = 6700;
    response.write(tokenChunk(1));
    await until(async () => (await metric(gateway, `dynamo_frontend_output_tokens_total${label}`)) === 2);
    // Two at once count as evenly spread.
    clock.now = 7700;
    response.end(tokenChunk(2) + tokenChunk(3, true) + DONE);
    await (await answer).text();
    await until(async () => (await metric(gateway, `dynamo_frontend_inflight_requests${label}`)) === 0);
    const histogram = async (name: string) => [
      await metric(gateway, `dynamo_frontend_${name}_count${label}`),
      await metric(gateway, `dynamo_frontend_${name}_sum${label}`),
    ];
    expect(await histogram("time_to_first_token_seconds")).toEqual([1, 1.5]);
    expect(await histogram("inter_token_latency_seconds")).toEqual([3, 1.2]);
    expect(await metric(gateway, 'dynamo_frontend_inter_token_latency_seconds_bucket{model="mock",le="0.2"}')).toBe(1);
    expect(await metric(gateway, 'dynamo_frontend_inter_token_latency_seconds_bucket{model="mock",le="0.5"}')).toBe(3);
    expect(await histogram("request_duration_seconds")).toEqual([1, 2.7]);
    expect(await histogram("input_sequence_tokens")).toEqual([1, 3]);
    expect(await histogram("output_sequence_tokens")).toEqual([1, 4]);
    // Mean ITL 400 ms: just within.
    expect(await metric(gateway, `understudy_frontend_sla_met_total${label}`)).toBe(1);
    const found = await events(gateway);
    const at = (ms: number) => 1_700_000_000 + ms / 10_000;
    expect(found).toMatchObject([
      { seq: 1, kind: "started", at: at(5000), isl: 3, osl: 4 },
      { seq: 2, kind: "first_token", at: at(6500), ttftMs: 1500 },
      {
        seq: 3,
        kind: "finished",
        at: at(7700),
        isl: 3,
        osl: 4,
        ttftMs: 1500,
        itlMs: 400,
        durationMs: 2700,
        workerId: "worker",
      },
    ]);
  });

  it("count the SLA apart for first token and gaps", async () => {
    const clock = manualClock();
    const fake = await worker({}, openStream);
    const gateway = await frontend([fake], { clock, sla: { ttftMs: 100, itlMs: 10 } });
    for (const [firstMs, gapMs] of [
      [100, 11],
      [101, 10],
      [50, 5],
    ] as const) {
      const arrived = fake.next();
      const answer = chat(gateway);
      const { response } = await arrived;
      clock.now += firstMs;
      response.write(tokenChunk(0));
      const open = await answer;
      clock.now += gapMs;
      response.end(tokenChunk(1, true) + DONE);
      await open.text();
    }
    await until(async () => (await metric(gateway, 'understudy_frontend_requests_finished_total{model="mock"}')) === 3);
    const met = (name: string) => metric(gateway, `understudy_frontend_sla_${name}_total{model="mock"}`);
    expect([await met("ttft_met"), await met("itl_met"), await met("met")]).toEqual([2, 2, 1]);
  });

  it("tell the quantiles of prompt lengths of the last 30 s, and of no fewer than 40 prompts", async () => {
    const clock = manualClock();
    const gateway = await frontend([await worker({}, streamOf(1))], { clock });
    const ask = async (tokens: number) => {
      await (await chat(gateway, { messages: [{ role: "user", content: "one ".repeat(tokens).trim() }] })).text();
    };
    for (let i = 1; i <= 30; i++) await ask(1000);
    clock.now += 31_000;
    for (let i = 0; i <= 32; i++) await ask(10 + i);
    const samples = 'understudy_frontend_input_sequence_samples{model="mock"}';
    const quantile = (q: string) => `understudy_frontend_input_sequence_tokens_quantile{model="mock",q="${q}"}`;
    // 33 within the window, and 7 from before it.
    expect(await metric(gateway, samples)).toBe(40);
    expect(await metric(gateway, quantile("1"))).toBe(1000);
    for (let i = 0; i < 7; i++) await ask(42);
    clock.now += 1;
    expect(await metric(gateway, samples)).toBe(40);
    expect(await metric(gateway, quantile("0"))).toBe(10);
    expect(await metric(gateway, quantile("1"))).toBe(42);
  });

  it("know what workers there are, and what they can do", async () => {
    const [a, b] = [await worker({ id: "a" }), await worker({ id: "b", state: "starting" })];
    b.healthy = false;
    const gateway = await frontend([a], { discovery: { kind: "static", workers: [a.url, b.url] } });
    await until(() => gateway.workers()[1]!.state === "starting");
    const count = (state: string) =>
      metric(gateway, `understudy_frontend_workers{model="mock",role="aggregated",state="${state}"}`);
    expect([await count("ready"), await count("starting"), await count("ejected")]).toEqual([1, 1, 0]);
    expect(await metric(gateway, 'understudy_frontend_worker_up{worker_id="b",role="aggregated"}')).toBe(0);
    expect(await metric(gateway, 'dynamo_frontend_model_total_kv_blocks{model="mock"}')).toBe(1000);
    expect(await metric(gateway, 'dynamo_frontend_model_kv_cache_block_size{model="mock"}')).toBe(16);
  });

  it("have no label that a client makes up", async () => {
    const gateway = await frontend([await worker()]);
    for (const model of ["evil", 'x"}\n', "y"]) await (await chat(gateway, { model })).text();
    await post(`${gateway.url}/v1/made-up`, CHAT);
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    expect(text).not.toMatch(/evil|made-up/);
    expect(
      await metric(gateway, 'understudy_frontend_refused_requests_total{endpoint="chat_completions",status="404"}'),
    ).toBe(3);
    expect(await metric(gateway, 'understudy_frontend_refused_requests_total{endpoint="other",status="404"}')).toBe(1);
  });
});

describe("request events", () => {
  it("come after a number, and the oldest are forgotten", async () => {
    const gateway = await frontend([await worker({}, streamOf(1))], { eventCapacity: 4 });
    for (let i = 0; i < 2; i++) await (await chat(gateway)).text();
    expect((await events(gateway)).map(({ seq }) => seq)).toEqual([3, 4, 5, 6]);
    expect((await events(gateway, 5)).map(({ seq, kind }) => [seq, kind])).toEqual([[6, "finished"]]);
    expect(await events(gateway, 6)).toEqual([]);
    expect((await fetch(`${gateway.url}/requests?since=-1`)).status).toBe(400);
  });

  it("tell of failures", async () => {
    const gateway = await frontend([await worker({}, breaksOff)], { limits: { maxAttempts: 1 } });
    await (await chat(gateway)).text();
    expect((await events(gateway)).at(-1)).toMatchObject({ kind: "failed", status: 502, workerId: "worker" });
  });
});
