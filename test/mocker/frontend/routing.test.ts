import { describe, expect, it } from "vitest";
import { CHAT, chat, frontend, post, said, until, worker } from "./ask.ts";
import { DONE, type FakeWorker, type Handler, json, openStream, streamOf, tokenChunk } from "./fake-worker.ts";

/** Answers a prefill as a worker does that holds the blocks. */
const prefills =
  (cached = 0): Handler =>
  ({ response, headers }) => {
    const id = String(headers["x-request-id"]);
    json(response, 200, {
      choices: [{ finish_reason: "length" }],
      usage: { prompt_tokens: 3, completion_tokens: 1 },
      kv_transfer_params: {
        do_remote_prefill: true,
        remote_host: "127.0.0.1",
        remote_port: 1,
        remote_request_id: id,
        held_at: 1_700_000_000,
        cached_tokens: cached,
      },
    });
  };

describe("which worker a request goes to", () => {
  it("round-robin: one after the other, in the order of their discovery", async () => {
    const workers = await Promise.all(["a", "b", "c"].map((id) => worker({ id })));
    const gateway = await frontend(workers);
    const order: (string | null)[] = [];
    for (let i = 0; i < 6; i++) {
      const response = await chat(gateway);
      await response.text();
      order.push(response.headers.get("x-worker-id"));
    }
    expect(order).toEqual(["a", "b", "c", "a", "b", "c"]);
  });

  it("least-loaded: a waiting request weighs four running ones", async () => {
    const [a, b] = [await worker({ id: "a" }, openStream), await worker({ id: "b" }, openStream)];
    const gateway = await frontend([a, b], { router: "least-loaded" });
    const outstanding = () => gateway.workers().map((view) => view.outstanding);
    const asked: Promise<Response>[] = [];
    const ask = async (at: FakeWorker) => {
      const arrived = at.next();
      asked.push(chat(gateway));
      return await arrived;
    };
    const first = await ask(a);
    expect(outstanding()).toEqual([4, 0]);
    await ask(b);
    first.response.write(tokenChunk(0));
    await until(() => outstanding()[0] === 1);
    // 1 against 4: three more requests would still not weigh as much as the one that waits at b.
    const second = await ask(a);
    expect(outstanding()).toEqual([5, 4]);
    second.response.write(tokenChunk(0));
    await until(() => outstanding()[0] === 2);
    first.response.end(DONE);
    await until(() => outstanding()[0] === 1);
    second.response.end(DONE);
    await until(() => outstanding()[0] === 0);
    b.seen[0]!.response.end(tokenChunk(0) + DONE);
    await Promise.all(asked.map(async (response) => (await response).text()));
    expect(outstanding()).toEqual([0, 0]);
  });

  it("least-loaded: requests of the same instant count each other", async () => {
    const workers = await Promise.all(["a", "b", "c"].map((id) => worker({ id }, openStream)));
    const gateway = await frontend(workers, { router: "least-loaded" });
    const answers = Array.from({ length: 12 }, () => chat(gateway));
    await until(() => workers.reduce((sum, { seen }) => sum + seen.length, 0) === 12);
    expect(workers.map(({ seen }) => seen.length)).toEqual([4, 4, 4]);
    expect(gateway.workers().map(({ outstanding }) => outstanding)).toEqual([16, 16, 16]);
    for (const { seen } of workers) for (const { response } of seen) response.end(tokenChunk(0) + DONE);
    for (const answer of answers) await (await answer).text();
  });

  it("kv: workers are asked for the events of their caches where the router goes by them", async () => {
    const told = await worker({ id: "a", kvEvents: true });
    const asked = () => told.log.filter((line) => line.startsWith("GET /kv_events")).length;
    const deaf = await frontend([told], { router: { mode: "kv", kvEvents: false } });
    await (await chat(deaf)).text();
    expect(asked()).toBe(0);
    await frontend([told], { router: { mode: "kv" } });
    await until(() => asked() > 0);
  });

  it("random: the same seed chooses the same workers", async () => {
    const workers = await Promise.all(["a", "b", "c"].map((id) => worker({ id })));
    const orders: string[] = [];
    for (const seed of [7, 7, 8]) {
      const gateway = await frontend(workers, { router: "random", seed });
      let order = "";
      for (let i = 0; i < 20; i++) {
        const response = await chat(gateway);
        await response.text();
        order += response.headers.get("x-worker-id");
      }
      orders.push(order);
    }
    expect(orders[0]).toBe(orders[1]);
    expect(orders[0]).not.toBe(orders[2]);
    expect(new Set(orders[0])).toEqual(new Set("abc"));
  });

  it("a request for another model finds its own workers", async () => {
    const [a, b] = [await worker({ id: "a", model: "alpha" }), await worker({ id: "b", model: "beta" })];
    const gateway = await frontend([a, b]);
    for (const [model, id] of [
      ["alpha", "a"],
      ["beta", "b"],
      ["alpha", "a"],
    ]) {
      const response = await chat(gateway, { model });
      await response.text();
      expect(response.headers.get("x-worker-id")).toBe(id);
    }
    const models = (await (await fetch(`${gateway.url}/v1/models`)).json()) as { data: { id: string }[] };
    expect(models.data.map(({ id }) => id)).toEqual(["alpha", "beta"]);
  });
});

describe("prefill, then decode", () => {
  it("asks a prefill worker for one token, then a decode worker with what it answered", async () => {
    const prefill = await worker({ id: "p", role: "prefill" }, prefills(2));
    const decode = await worker({ id: "d", role: "decode" }, streamOf(3));
    const gateway = await frontend([prefill, decode]);
    const body = { max_completion_tokens: 3, n: 1, stream_options: { include_usage: true }, seed: 5, min_tokens: 2 };
    const response = await chat(gateway, body, { headers: { "x-request-id": "r-1" } });
    expect(said(await response.text())).toBe(" word0 word1 word2");
    expect(response.headers.get("x-worker-id")).toBe("d");
    expect(response.headers.get("x-prefill-worker-id")).toBe("p");
    expect(prefill.seen[0]!.body).toEqual({
      ...CHAT,
      ...body,
      stream: false,
      stream_options: null,
      max_tokens: 1,
      max_completion_tokens: 1,
      min_tokens: 0,
      kv_transfer_params: {
        do_remote_decode: true,
        do_remote_prefill: false,
        remote_engine_id: null,
        remote_block_ids: null,
        remote_host: null,
        remote_port: null,
      },
    });
    expect(prefill.seen[0]!.headers["x-request-id"]).toBe("r-1");
    expect(decode.seen[0]!.body).toMatchObject({
      ...CHAT,
      ...body,
      stream: true,
      kv_transfer_params: { do_remote_prefill: true, remote_request_id: "r-1", held_at: 1_700_000_000 },
    });
    const events = (await (await fetch(`${gateway.url}/requests`)).text())
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ kind }) => kind)).toEqual(["started", "prefilled", "first_token", "finished"]);
    expect(events.at(-1)).toMatchObject({ workerId: "d", prefillWorkerId: "p" });
  });

  it("weighs prefill workers by prompt tokens, decode workers by requests", async () => {
    const prefill = await worker({ id: "p", role: "prefill" }, () => {});
    const decode = await worker({ id: "d", role: "decode" }, openStream);
    const gateway = await frontend([prefill, decode], { router: "least-loaded" });
    const outstanding = () => gateway.workers().map((view) => view.outstanding);
    const arrived = prefill.next();
    const answer = chat(gateway, { messages: [{ role: "user", content: "one two three four five" }] });
    const seen = await arrived;
    expect(outstanding()).toEqual([5, 0]);
    const decoding = decode.next();
    void prefills()(seen);
    const { response } = await decoding;
    expect(outstanding()).toEqual([0, 1]);
    response.end(tokenChunk(0) + DONE);
    await (await answer).text();
    expect(outstanding()).toEqual([0, 0]);
  });

  it("refuses at once what never fits on the decode side", async () => {
    const prefill = await worker({ id: "p", role: "prefill" });
    const decode = await worker({ id: "d", role: "decode", totalKvBlocks: 2, blockSize: 4 });
    const gateway = await frontend([prefill, decode]);
    // 3 + 6 tokens, of which the last is not computed: 2 blocks of 4. One more does not fit.
    const refused = await chat(gateway, { max_tokens: 7 });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      error: { code: "context_length_exceeded", type: "invalid_request_error" },
    });
    expect(prefill.seen).toHaveLength(0);
  });

  it("refuses a prompt that leaves no room in the context", async () => {
    const fake = await worker({ contextLength: 3 });
    const gateway = await frontend([fake]);
    expect((await chat(gateway)).status).toBe(400);
    expect((await chat(gateway, { messages: [{ role: "user", content: "hello there" }] })).status).toBe(200);
  });

  it("waits for a decode worker where there is a prefill worker alone", async () => {
    const prefill = await worker({ id: "p", role: "prefill" }, prefills());
    const decode = await worker({ id: "d", role: "decode" });
    const gateway = await frontend([], { discovery: { kind: "manual" } });
    gateway.discovery.add(prefill.url);
    await gateway.whenReady(1);
    const arrived = prefill.next();
    const answer = chat(gateway);
    await arrived;
    gateway.discovery.add(decode.url);
    expect(said(await (await answer).text())).toBe(" word0 word1 word2");
  });

  it("names a prefill worker that forgot the hand-off", async () => {
    const prefill = await worker({ id: "p", role: "prefill" }, ({ response }) => json(response, 200, { choices: [] }));
    const decode = await worker({ id: "d", role: "decode" });
    const gateway = await frontend([prefill, decode]);
    const response = await chat(gateway);
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining("worker p") } });
  });
});

describe("what a request says of itself", () => {
  it("no model is the first there is; an unknown one is refused with the known ones", async () => {
    const gateway = await frontend([await worker({ model: "alpha" })]);
    expect((await chat(gateway, { model: undefined })).status).toBe(200);
    const response = await chat(gateway, { model: "alhpa" });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      error: { code: "model_not_found", param: "model", message: expect.stringContaining("alpha") },
    });
  });

  it("is checked before any worker is asked", async () => {
    const fake = await worker();
    const gateway = await frontend([fake]);
    const bad = async (body: unknown) => {
      const response = await post(`${gateway.url}/v1/chat/completions`, body);
      return [response.status, ((await response.json()) as { error: { param: string } }).error.param];
    };
    expect(await bad("{")).toEqual([400, null]);
    expect(await bad("[1]")).toEqual([400, null]);
    expect(await bad({ model: "mock" })).toEqual([400, "messages"]);
    expect(await bad({ ...CHAT, max_tokens: -1 })).toEqual([400, "max_tokens"]);
    expect(fake.seen).toHaveLength(0);
  });
});
