import { describe, expect, it } from "vitest";
import { chat, frontend, metric, said, until, values, worker } from "./ask.ts";
import { breaksOff, DONE, type Handler, json, openStream, ROLE_CHUNK, streamOf, tokenChunk } from "./fake-worker.ts";

const held: Handler = ({ response, headers }) =>
  json(response, 200, {
    kv_transfer_params: { do_remote_prefill: true, remote_request_id: headers["x-request-id"], held_at: 1 },
  });
const state = (of: { workers(): { id: string; state: string }[] }, id: string) =>
  of.workers().find((view) => view.id === id)?.state;

describe("a worker that fails before the first token", () => {
  it.each<[string, Handler]>([
    ["breaks the connection", breaksOff],
    [
      "breaks after the role",
      ({ response }) => {
        response.write(ROLE_CHUNK);
        setImmediate(() => response.destroy());
      },
    ],
    ["answers 503", ({ response }) => json(response, 503, { error: { message: "draining" } })],
    ["answers 502", ({ response }) => json(response, 502, { error: { message: "hand-off" } })],
    [
      "sends an error as its first event",
      ({ response }) => {
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.end(`data: {"error":{"message":"lost"}}\n\n`);
      },
    ],
  ])("%s: another one serves the request", async (_, handler) => {
    const [bad, good] = [await worker({ id: "bad" }, handler), await worker({ id: "good" }, streamOf(2))];
    const gateway = await frontend([bad, good]);
    const response = await chat(gateway);
    expect(response.status).toBe(200);
    expect(said(await response.text())).toBe(" word0 word1");
    expect(response.headers.get("x-worker-id")).toBe("good");
    expect(response.headers.get("x-worker-attempts")).toBe("2");
    expect(bad.seen).toHaveLength(1);
    expect(bad.seen[0]!.headers["x-request-id"]).toBe(good.seen[0]!.headers["x-request-id"]);
    expect(
      await metric(gateway, 'dynamo_frontend_model_migration_total{model="mock",migration_type="new_request"}'),
    ).toBe(1);
  });

  it("is gone: it gets no more requests until it is back", async () => {
    const [bad, good] = [await worker({ id: "bad" }), await worker({ id: "good" })];
    const gateway = await frontend([bad, good], { healthIntervalMs: 60_000 });
    bad.kill();
    for (let i = 0; i < 4; i++) expect((await chat(gateway)).headers.get("x-worker-id")).toBe("good");
    expect(state(gateway, "bad")).toBe("ejected");
    await bad.revive();
    await until(() => state(gateway, "bad") === "ready");
    const served = new Set<string | null>();
    for (let i = 0; i < 2; i++) served.add((await chat(gateway)).headers.get("x-worker-id"));
    expect(served).toEqual(new Set(["bad", "good"]));
  });

  it("the attempts have an end", async () => {
    const workers = await Promise.all(["a", "b", "c"].map((id) => worker({ id }, breaksOff)));
    const gateway = await frontend(workers, { limits: { maxAttempts: 2 } });
    const response = await chat(gateway);
    expect(response.status).toBe(502);
    expect(response.headers.get("x-worker-attempts")).toBe("2");
    expect(await response.json()).toMatchObject({ error: { type: "server_error", code: "worker_failed" } });
    expect(workers.map(({ seen }) => seen.length).sort()).toEqual([0, 1, 1]);
  });

  it("a single worker is asked again", async () => {
    let asked = 0;
    const only = await worker({}, (seen) => (asked++ === 0 ? breaksOff(seen) : streamOf(1)(seen)));
    const gateway = await frontend([only]);
    expect(said(await (await chat(gateway)).text())).toBe(" word0");
    expect((await chat(gateway)).headers.get("x-worker-attempts")).toBeNull();
  });

  it("its 400 is the client's, and no other worker is asked", async () => {
    const refuses: Handler = ({ response }) => json(response, 400, { error: { message: "no" } });
    const workers = [await worker({ id: "a" }, refuses), await worker({ id: "b" }, refuses)];
    const gateway = await frontend(workers);
    expect((await chat(gateway)).status).toBe(400);
    expect(workers.map(({ seen }) => seen.length)).toEqual([1, 0]);
  });

  it("says nothing for too long: another one serves the request", async () => {
    const [slow, good] = [await worker({ id: "slow" }, () => {}), await worker({ id: "good" }, streamOf(1))];
    const gateway = await frontend([slow, good], { limits: { workerTimeoutMs: 100 } });
    expect(said(await (await chat(gateway)).text())).toBe(" word0");
  });
});

describe("a worker that fails after the first token", () => {
  it("ends the stream with an error event, and the request goes to no other", async () => {
    const [bad, good] = [await worker({ id: "bad" }, openStream), await worker({ id: "good" })];
    const gateway = await frontend([bad, good]);
    const arrived = bad.next();
    const answer = chat(gateway);
    const seen = await arrived;
    seen.response.write(`${tokenChunk(0)}${tokenChunk(1)}data: {"half`);
    const response = await answer;
    const reader = response.body!.getReader();
    let text = Buffer.from((await reader.read()).value!).toString();
    bad.kill();
    for (let part = await reader.read(); !part.done; part = await reader.read())
      text += Buffer.from(part.value).toString();
    expect(said(text)).toBe(" word0 word1");
    expect(text).not.toContain("half");
    expect(JSON.parse(values(text).at(-1)!)).toMatchObject({ error: { type: "server_error", code: "worker_failed" } });
    expect(good.seen).toHaveLength(0);
    await until(() => state(gateway, "bad") === "ejected");
    const events = (await (await fetch(`${gateway.url}/requests`)).text())
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ kind: "failed", status: 502, workerId: "bad" });
  });

  it("a stream that ends without its end mark has failed", async () => {
    const bad = await worker({}, openStream);
    const gateway = await frontend([bad]);
    const arrived = bad.next();
    const answer = chat(gateway);
    const { response } = await arrived;
    response.write(tokenChunk(0));
    const open = await answer;
    response.end();
    expect(values(await open.text()).at(-1)).toContain("worker_failed");
  });
});

describe("a hand-off that fails", () => {
  it("the decode worker is gone: another one gets the same blocks", async () => {
    const prefill = await worker({ id: "p", role: "prefill" }, held);
    const [d1, d2] = [
      await worker({ id: "d1", role: "decode" }),
      await worker({ id: "d2", role: "decode" }, streamOf(2)),
    ];
    const gateway = await frontend([prefill, d1, d2], { healthIntervalMs: 60_000 });
    d1.kill();
    const response = await chat(gateway);
    expect(said(await response.text())).toBe(" word0 word1");
    expect(response.headers.get("x-worker-id")).toBe("d2");
    expect(prefill.seen).toHaveLength(1);
    expect(prefill.log.filter((line) => line.startsWith("DELETE"))).toEqual([]);
  });

  it("the blocks are lost: the prompt is computed again, after the old ones were given up", async () => {
    const prefill = await worker({ id: "p", role: "prefill" }, held);
    let asked = 0;
    const decode = await worker({ id: "d", role: "decode" }, (seen) =>
      asked++ === 0
        ? json(seen.response, 502, { error: { message: "it holds them no more", code: "kv_transfer_failed" } })
        : streamOf(1)(seen),
    );
    const gateway = await frontend([prefill, decode]);
    const response = await chat(gateway, {}, { headers: { "x-request-id": "r" } });
    expect(said(await response.text())).toBe(" word0");
    expect(prefill.log.filter((line) => /kv_transfer|v1/.test(line))).toEqual([
      "POST /v1/chat/completions",
      "DELETE /kv_transfer/r",
      "POST /v1/chat/completions",
    ]);
  });

  it("the prefill worker fails: another one computes the prompt", async () => {
    const [p1, p2] = [
      await worker({ id: "p1", role: "prefill" }, breaksOff),
      await worker({ id: "p2", role: "prefill" }, held),
    ];
    const decode = await worker({ id: "d", role: "decode" }, streamOf(1));
    const gateway = await frontend([p1, p2, decode]);
    const response = await chat(gateway);
    expect(said(await response.text())).toBe(" word0");
    expect(response.headers.get("x-prefill-worker-id")).toBe("p2");
  });

  it("the client leaves in between: the blocks are given up", async () => {
    const prefill = await worker({ id: "p", role: "prefill" }, held);
    const decode = await worker({ id: "d", role: "decode" }, () => {});
    const gateway = await frontend([prefill, decode]);
    const arrived = decode.next();
    const leaves = new AbortController();
    const answer = chat(gateway, {}, { signal: leaves.signal, headers: { "x-request-id": "r" } }).catch(() => null);
    const seen = await arrived;
    leaves.abort();
    await answer;
    expect(await seen.closed).toBe("broken");
    await until(() => prefill.log.includes("DELETE /kv_transfer/r"));
  });

  it("a prefill worker's refusal is the client's", async () => {
    const prefill = await worker({ id: "p", role: "prefill" }, ({ response }) =>
      json(response, 400, { error: { message: "no" } }),
    );
    const decode = await worker({ id: "d", role: "decode" });
    const gateway = await frontend([prefill, decode]);
    const response = await chat(gateway);
    expect([response.status, await response.json()]).toEqual([400, { error: { message: "no" } }]);
    expect(decode.seen).toHaveLength(0);
  });
});

describe("a worker that is not ready", () => {
  it("gets requests as soon as it is", async () => {
    const fake = await worker({ state: "starting" });
    fake.healthy = false;
    const gateway = await frontend([], { discovery: { kind: "static", workers: [fake.url] } });
    await until(() => state(gateway, "worker") === "starting");
    const answer = chat(gateway);
    expect(fake.seen).toHaveLength(0);
    fake.card.state = "ready";
    fake.healthy = true;
    expect(said(await (await answer).text())).toBe(" word0 word1 word2");
  });

  it("drains: it gets no more, and ends what it has", async () => {
    const [a, b] = [await worker({ id: "a" }, openStream), await worker({ id: "b" })];
    const gateway = await frontend([a, b], { healthIntervalMs: 20 });
    const arrived = a.next();
    const answer = chat(gateway);
    const { response } = await arrived;
    response.write(tokenChunk(0));
    a.healthy = false;
    a.card.state = "draining";
    await until(() => state(gateway, "a") === "draining");
    for (let i = 0; i < 3; i++) expect((await chat(gateway)).headers.get("x-worker-id")).toBe("b");
    response.end(DONE);
    expect(said(await (await answer).text())).toBe(" word0");
  });

  it("comes up after the frontend", async () => {
    const fake = await worker();
    fake.kill();
    const gateway = await frontend([], { discovery: { kind: "static", workers: [fake.url] } });
    await until(() => gateway.workers()[0]!.lastError !== null);
    await fake.revive();
    await gateway.whenReady(1);
    expect((await chat(gateway)).status).toBe(200);
  });

  it("is another one after a restart: the card is read again", async () => {
    const fake = await worker({ id: "old", model: "mock" });
    const gateway = await frontend([fake], { healthIntervalMs: 20 });
    fake.kill();
    await until(() => gateway.workers()[0]!.state === "ejected");
    Object.assign(fake.card, { id: "new", model: "other" });
    await fake.revive();
    await until(() => state(gateway, "new") === "ready");
    expect((await chat(gateway, { model: "other" })).status).toBe(200);
    expect(gateway.workers()).toHaveLength(1);
  });
});
