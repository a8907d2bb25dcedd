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
    expect(fleet.problems).toEqual([`frontend ${frontend.url}: answered 500`]);
    nowMs = 1001;
    expect(await urls()).toEqual([worker.url]);
    up.worker = false;
    expect(await urls()).toBeNull();
    expect(fleet.problems).toHaveLength(2);
    up.frontend = true;
    expect(await urls()).toEqual(["http://w1"]);
  });

  it("is not known where nobody is asked", async () => {
    const fleet = new Fleet({ frontends: [], workers: [] });
    onTestFinished(() => fleet.close());
    expect(await fleet.read()).toBeNull();
    expect(fleet.problems).toEqual([]);
  });
});
