import { describe, expect, it } from "vitest";
import { chat, frontend, metric, said, until, worker } from "./ask.ts";
import { DONE, openStream, streamOf, tokenChunk } from "./fake-worker.ts";
import { manualClock } from "./manual-clock.ts";

const noWorkers = { discovery: { kind: "manual" } } as const;
const waiting = (gateway: Parameters<typeof metric>[0]) => metric(gateway, "understudy_frontend_waiting_requests");

describe("requests without a ready worker", () => {
  it("wait for one, and are served in their order", async () => {
    const fake = await worker({ state: "starting" }, streamOf(1));
    fake.healthy = false;
    const gateway = await frontend([], noWorkers);
    gateway.discovery.add(fake.url);
    await until(() => gateway.workers()[0]?.state === "starting");
    const answers: Promise<Response>[] = [];
    for (let i = 0; i < 3; i++) {
      answers.push(chat(gateway, {}, { headers: { "x-request-id": `r${i}` } }));
      await until(async () => (await waiting(gateway)) === i + 1);
    }
    expect(await metric(gateway, 'dynamo_frontend_queued_requests{model="mock"}')).toBe(3);
    fake.card.state = "ready";
    fake.healthy = true;
    for (const answer of answers) expect(said(await (await answer).text())).toBe(" word0");
    expect(fake.seen.map(({ headers }) => headers["x-request-id"])).toEqual(["r0", "r1", "r2"]);
    expect(await waiting(gateway)).toBe(0);
  });

  it("are told 503 after the time, in model time, and when to come again", async () => {
    const fake = await worker({ state: "starting" });
    fake.healthy = false;
    // A minute of model time lasts 60 ms.
    const gateway = await frontend([], { ...noWorkers, clock: manualClock(1000), limits: { queueTimeoutMs: 60_000 } });
    gateway.discovery.add(fake.url);
    await until(() => gateway.workers()[0]?.state === "starting");
    const response = await chat(gateway);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("5");
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining("60 s") } });
    expect(await waiting(gateway)).toBe(0);
  });

  it("are told 429 where too many wait", async () => {
    const fake = await worker({ state: "starting" });
    fake.healthy = false;
    const gateway = await frontend([], { ...noWorkers, limits: { maxQueued: 1 } });
    gateway.discovery.add(fake.url);
    await until(() => gateway.workers()[0]?.state === "starting");
    const first = chat(gateway);
    await until(async () => (await waiting(gateway)) === 1);
    const refused = await chat(gateway);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ error: { code: "rate_limit_exceeded" } });
    expect(
      await metric(gateway, 'dynamo_frontend_model_rejection_total{model="mock",endpoint="chat_completions"}'),
    ).toBe(1);
    fake.card.state = "ready";
    fake.healthy = true;
    expect((await first).status).toBe(200);
  });

  it("wait no more when their client leaves", async () => {
    const fake = await worker({ state: "starting" });
    fake.healthy = false;
    const gateway = await frontend([], noWorkers);
    gateway.discovery.add(fake.url);
    await until(() => gateway.workers()[0]?.state === "starting");
    const leaves = new AbortController();
    const answer = chat(gateway, {}, { signal: leaves.signal }).catch(() => null);
    await until(async () => (await waiting(gateway)) === 1);
    leaves.abort();
    await answer;
    await until(async () => (await waiting(gateway)) === 0);
  });

  it("of a model that nobody serves are refused, once all workers have said what they serve", async () => {
    const fake = await worker();
    fake.kill();
    const gateway = await frontend([], { discovery: { kind: "static", workers: [fake.url] } });
    const answer = chat(gateway, { model: "other" });
    await until(async () => (await waiting(gateway)) === 1);
    await fake.revive();
    expect((await answer).status).toBe(404);
  });

  it("of a model that nobody serves hold up nobody else", async () => {
    const [gone, here] = [await worker(), await worker({ id: "here" })];
    gone.kill();
    const gateway = await frontend([here], { discovery: { kind: "static", workers: [gone.url, here.url] } });
    const leaves = new AbortController();
    const stuck = chat(gateway, { model: "other" }, { signal: leaves.signal }).catch(() => null);
    await until(async () => (await waiting(gateway)) === 1);
    expect((await chat(gateway)).headers.get("x-worker-id")).toBe("here");
    leaves.abort();
    expect(await stuck).toBeNull();
  });

  it("wait for one with session affinity too, whatever the router", async () => {
    for (const mode of ["round-robin", "random", "least-loaded"] as const) {
      const fake = await worker({ state: "starting" });
      fake.healthy = false;
      const gateway = await frontend([], { ...noWorkers, router: { mode, sessionAffinityMs: 60_000 } });
      gateway.discovery.add(fake.url);
      await until(() => gateway.workers()[0]?.state === "starting");
      const answer = chat(gateway);
      await until(async () => (await waiting(gateway)) === 1);
      fake.card.state = "ready";
      fake.healthy = true;
      expect((await answer).status).toBe(200);
    }
  });

  it("don't wait for a less busy one where workers don't say how much is too much", async () => {
    const fake = await worker({ maxNumBatchedTokens: 0 }, openStream);
    const gateway = await frontend([fake], { router: { mode: "kv", queueThreshold: 0 } });
    const answers = [chat(gateway), chat(gateway)];
    await until(() => fake.seen.length === 2);
    for (const { response } of fake.seen) response.end(tokenChunk(0) + DONE);
    for (const answer of answers) expect((await answer).status).toBe(200);
  });

  it("wait for the workers of a model whose last worker has left", async () => {
    const [a, b] = [await worker({ id: "a" }), await worker({ id: "b" })];
    const gateway = await frontend([], noWorkers);
    gateway.discovery.add(a.url);
    await gateway.whenReady(1);
    gateway.discovery.remove(a.url);
    const answer = chat(gateway);
    await until(async () => (await waiting(gateway)) === 1);
    gateway.discovery.add(b.card);
    expect((await answer).headers.get("x-worker-id")).toBe("b");
  });
});

describe("requests that wait for a less busy worker", () => {
  const ask = (gateway: Parameters<typeof chat>[0], id: string, session?: string) =>
    chat(
      gateway,
      {},
      { headers: { "x-request-id": id, ...(session === undefined ? {} : { "x-session-id": session }) } },
    );
  const kv = { mode: "kv", queueThreshold: 0, sessionAffinityMs: 60_000 } as const;
  const ids = ({ seen }: { seen: { headers: Record<string, unknown> }[] }) =>
    seen.map(({ headers }) => headers["x-request-id"]);

  it("of a session hold up none but those of the same worker", async () => {
    const [a, b] = [await worker({ id: "a" }, openStream), await worker({ id: "b" }, openStream)];
    const gateway = await frontend([a, b], { router: kv });
    const answers = [ask(gateway, "s1", "s")];
    await until(() => a.seen.length + b.seen.length === 1);
    const [own, other] = a.seen.length === 1 ? [a, b] : [b, a];
    answers.push(ask(gateway, "s2", "s"));
    await until(async () => (await waiting(gateway)) === 1);
    // It comes later, and has a worker.
    answers.push(ask(gateway, "r"));
    await until(() => other.seen.length === 1);
    expect([ids(own), ids(other), await waiting(gateway)]).toEqual([["s1"], ["r"], 1]);
    own.seen[0]!.response.write(tokenChunk(0));
    await until(() => own.seen.length === 2);
    for (const { response } of [...own.seen, ...other.seen]) response.end(tokenChunk(0) + DONE);
    for (const answer of answers) expect((await answer).status).toBe(200);
  });

  it("of a session that is forgotten while they wait go anywhere, though nothing else happens", async () => {
    const [a, b] = [await worker({ id: "a" }, openStream), await worker({ id: "b" }, openStream)];
    const gateway = await frontend([a, b], { router: { ...kv, sessionAffinityMs: 1500 } });
    const first = ask(gateway, "s1", "s");
    await until(() => a.seen.length + b.seen.length === 1);
    const [own, other] = a.seen.length === 1 ? [a, b] : [b, a];
    own.seen[0]!.response.end(tokenChunk(0) + DONE);
    await (await first).text();
    const answers = [ask(gateway, "r1"), ask(gateway, "r2")];
    await until(() => own.seen.length === 2 && other.seen.length === 1);
    other.seen[0]!.response.end(tokenChunk(0) + DONE);
    await Promise.race(answers.map(async (answer) => (await answer).text()));
    answers.push(ask(gateway, "s2", "s"));
    await until(() => other.seen.length === 2);
    expect([ids(own).length, ids(other)[1]]).toEqual([2, "s2"]);
    for (const { response } of [own.seen[1]!, other.seen[1]!]) response.end(tokenChunk(0) + DONE);
    for (const answer of answers) expect((await answer).status).toBe(200);
  });

  it("wait once more where a worker has failed them, behind those that came before they came back", async () => {
    const [a, b] = [await worker({ id: "a" }, () => {}), await worker({ id: "b" }, openStream)];
    const gateway = await frontend([a, b], { router: kv });
    const answers = [ask(gateway, "r1"), ask(gateway, "r2")];
    await until(() => a.seen.length === 1 && b.seen.length === 1);
    for (const [i, id] of ["r3", "r4"].entries()) {
      answers.push(ask(gateway, id));
      await until(async () => (await waiting(gateway)) === i + 1);
    }
    const [failed] = ids(a);
    // It ends: what it has goes elsewhere, and it takes no more.
    a.card.state = "draining";
    a.healthy = false;
    a.seen[0]!.response.writeHead(503).end("{}");
    await until(async () => (await waiting(gateway)) === 3);
    expect(b.seen).toHaveLength(1);
    for (let answered = 0; answered < answers.length; answered++) {
      await until(() => b.seen.length > answered);
      expect(b.seen).toHaveLength(answered + 1);
      b.seen[answered]!.response.end(tokenChunk(0) + DONE);
    }
    for (const answer of answers) expect((await answer).status).toBe(200);
    expect(ids(b).slice(1)).toEqual(["r3", "r4", failed]);
  });
});

describe("requests of several policy classes", () => {
  const limits = { requests: 2, promptTokens: null, cachedTokens: null };
  const policyClass = (name: string, quantum: number) =>
    ({
      name,
      family: name,
      bucket: "all",
      queuePolicy: "fcfs",
      quantum,
      busyTokens: 0,
      busyBudgets: null,
      limits,
    }) as const;
  const root = {
    defaultFamily: "regular",
    buckets: [{ minTokens: 0, name: "all" }],
    classes: [policyClass("regular", 1), policyClass("premium", 1000)],
  };

  it("take turns by what they may, and are told 529 where too many of their class wait", async () => {
    const fake = await worker({}, openStream);
    const gateway = await frontend([fake], { router: { mode: "kv", policies: { root, models: {} } } });
    const ask = (id: string, headers: Record<string, string> = {}) =>
      chat(gateway, {}, { headers: { "x-request-id": id, ...headers } });
    const premium = { "x-dynamo-meta-policy-class": "premium" };
    const answers = [ask("first")];
    await until(() => fake.seen.length === 1);
    const then = async (id: string, headers?: Record<string, string>) => {
      const before = await waiting(gateway);
      answers.push(ask(id, headers));
      await until(async () => (await waiting(gateway)) === before! + 1);
    };
    await then("r1");
    await then("r2", { "x-dynamo-request-strict-priority": "1" });
    await then("p1", premium);
    await then("p2", { ...premium, "x-dynamo-request-priority": "3600" });
    const refused = await ask("p3", premium);
    expect([refused.status, await refused.json()]).toMatchObject([529, { error: { code: "policy_class_full" } }]);
    for (let served = 1; served <= 5; served++) {
      await until(() => fake.seen.length === served);
      fake.seen[served - 1]!.response.end(tokenChunk(0) + DONE);
    }
    for (const answer of answers) expect((await answer).status).toBe(200);
    // Regular ones can only pay when premium ones have nobody left.
    expect(fake.seen.map(({ headers }) => headers["x-request-id"])).toEqual(["first", "p2", "p1", "r2", "r1"]);
    expect((await ask("x", { "x-dynamo-request-priority": "much" })).status).toBe(400);
  });
});

describe("a limit of requests at workers", () => {
  it("lets the next in when one has ended, in their order", async () => {
    const fake = await worker({}, openStream);
    const gateway = await frontend([fake], { limits: { maxInFlight: 1 } });
    const first = fake.next();
    const answers = [chat(gateway)];
    const { response } = await first;
    for (const id of ["r1", "r2"]) {
      answers.push(chat(gateway, {}, { headers: { "x-request-id": id } }));
      await until(async () => (await waiting(gateway)) === answers.length - 1);
    }
    expect(fake.seen).toHaveLength(1);
    const second = fake.next();
    response.end(tokenChunk(0) + DONE);
    const next = await second;
    expect(next.headers["x-request-id"]).toBe("r1");
    expect(await waiting(gateway)).toBe(1);
    const third = fake.next();
    next.response.end(tokenChunk(0) + DONE);
    (await third).response.end(tokenChunk(0) + DONE);
    for (const answer of answers) expect((await answer).status).toBe(200);
  });
});
