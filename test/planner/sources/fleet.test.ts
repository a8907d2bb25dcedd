import { describe, expect, it, onTestFinished } from "vitest";
import { Fleet } from "#planner/sources";
import { fakeServer } from "./fake-deployment.ts";

const card = (url: string, role: string, state = "ready") => ({ url, role, state });
const listing = (...cards: object[]) => ({ body: JSON.stringify({ workers: cards }) });

describe("the fleet", () => {
  it("is what frontends list and what workers say of themselves, each with a number that stays its own", async () => {
    let cards = [card("http://w1", "prefill"), card("http://w2", "decode"), card("http://w3", "decode", "starting")];
    const frontend = await fakeServer(() => listing(...cards));
    const worker = await fakeServer(() => ({
      body: JSON.stringify(card("http://elsewhere", "aggregated", "draining")),
    }));
    const fleet = new Fleet({ frontends: [frontend.url], workers: [worker.url] });
    onTestFinished(() => fleet.close());
    expect(await fleet.read()).toEqual({
      counts: {
        prefill: { active: 1, starting: 0, draining: 0 },
        decode: { active: 1, starting: 1, draining: 1 },
      },
      workers: [
        { workerId: 0, role: "prefill", state: "active", url: "http://w1" },
        { workerId: 0, role: "decode", state: "active", url: "http://w2" },
        { workerId: 1, role: "decode", state: "starting", url: "http://w3" },
        { workerId: 2, role: "decode", state: "draining", url: worker.url },
      ],
      problems: [],
    });
    cards = [card("http://w3", "decode"), card("http://w4", "decode")];
    const { workers } = (await fleet.read())!;
    expect(workers.map(({ workerId, url }) => [workerId, url])).toEqual([
      [1, "http://w3"],
      [3, "http://w4"],
      [2, worker.url],
    ]);
  });

  it("keeps the workers of a frontend that does not answer for a while, and says so; not those of a worker", async () => {
    const up = { frontend: true, worker: true };
    const frontend = await fakeServer(() =>
      up.frontend ? listing(card("http://w1", "decode")) : { status: 500, body: "" },
    );
    const worker = await fakeServer(() => (up.worker ? { body: JSON.stringify(card("", "decode")) } : null));
    let nowMs = 0;
    const fleet = new Fleet({ frontends: [frontend.url], workers: [worker.url], keepMs: 1000, nowMs: () => nowMs });
    onTestFinished(() => fleet.close());
    const urls = async () => (await fleet.read())?.workers.map(({ url }) => url) ?? null;
    expect(await urls()).toEqual(["http://w1", worker.url]);
    up.frontend = false;
    nowMs = 1000;
    expect(await urls()).toEqual(["http://w1", worker.url]);
    expect(fleet.problems).toEqual([`frontend ${frontend.url}: /workers answered 500`]);
    nowMs = 1001;
    expect(await urls()).toEqual([worker.url]);
    up.worker = false;
    expect(await urls()).toBeNull();
    expect(fleet.problems).toHaveLength(2);
    up.frontend = true;
    expect(await urls()).toEqual(["http://w1"]);
  });

  it("says what to do where a frontend lists no workers, and nothing where they are named", async () => {
    const frontend = await fakeServer(() => ({ status: 404, body: "" }));
    const alone = new Fleet({ frontends: [frontend.url], workers: [] });
    onTestFinished(() => alone.close());
    expect(await alone.read()).toBeNull();
    expect(alone.problems).toEqual([
      `frontend ${frontend.url}: it lists no workers (no /workers): worker_urls can name those whose load counts`,
    ]);
    const worker = await fakeServer(() => ({ body: JSON.stringify(card("", "decode")) }));
    const named = new Fleet({ frontends: [frontend.url], workers: [worker.url] });
    onTestFinished(() => named.close());
    expect((await named.read())!.counts.decode.active).toBe(1);
    expect(named.problems).toEqual([]);
  });

  it("takes servers that don't say what they are for workers of the one role that there is, ready by their health", async () => {
    let health = 503;
    const vllm = await fakeServer(({ pathname }) => ({ status: pathname === "/health" ? health : 404, body: "" }));
    const fleet = new Fleet({ frontends: [], workers: [vllm.url], role: "decode" });
    onTestFinished(() => fleet.close());
    expect((await fleet.read())!.counts.decode).toEqual({ active: 0, starting: 1, draining: 0 });
    health = 200;
    expect((await fleet.read())!.workers).toEqual([{ workerId: 0, role: "decode", state: "active", url: vllm.url }]);
    expect(fleet.problems).toEqual([]);
    const either = new Fleet({ frontends: [], workers: [vllm.url], role: null });
    onTestFinished(() => either.close());
    expect(await either.read()).toBeNull();
    expect(either.problems).toEqual([
      `worker ${vllm.url}: it does not say whether it does prefill or decode (no /worker)`,
    ]);
  });

  it("is not known where nobody is asked", async () => {
    const fleet = new Fleet({ frontends: [], workers: [] });
    onTestFinished(() => fleet.close());
    expect(await fleet.read()).toBeNull();
    expect(fleet.problems).toEqual([]);
  });
});
