import { afterEach, expect, it } from "vitest";
import { parseScenario } from "#scenarios";
import type { WorkerCalls } from "../../src/live/child/protocol.ts";
import { workerCalls } from "../../src/live/child/workers.ts";

let workers: WorkerCalls | null = null;
afterEach(async () => {
  await workers?.close(null);
  workers = null;
});

const nowUnixMs = () => performance.timeOrigin + performance.now();

/** The workers of an aggregated deployment, in this process. */
async function started(router: object = { mode: "round-robin" }, slowNetwork = false): Promise<WorkerCalls> {
  const scenario = {
    deployment: { profile: "l40s-qwen3-8b-bf16-tp1-estimate", mode: "agg", router, agg: { workers: 1 } },
    sla: { ttft: "1s", itl: "50ms" },
    traffic: [{ constant: { requestRate: 1, duration: "1s", isl: 10, osl: 1 } }],
  };
  workers = workerCalls(() => {});
  await workers.start({
    clock: { timeScale: 1, epochUnixMs: nowUnixMs() },
    deployment: parseScenario(JSON.stringify(scenario), "workers.yaml").deployment,
    role: "decode",
    model: "understudy",
    transfer: null,
    seed: 1,
    slowNetwork,
  });
  return workers;
}

const add = (to: WorkerCalls, name: string) => to.add({ name, readyUnixMs: nowUnixMs() });

it("a worker that is gone had nothing, and is not missed", async () => {
  const nothing = { withToken: 0, withoutToken: 0, taken: 0 };
  const made = await started();
  await add(made, "decode/0");
  await made.drain("decode/0");
  expect(await made.kill("decode/0")).toEqual(nothing);
  expect(made.setPace({ name: "decode/0", factor: 2 })).toEqual(nothing);
  await add(made, "decode/1");
  expect(await made.kill("decode/1")).toEqual(nothing);
  expect(await made.drain("decode/1")).toBeLessThanOrEqual(nowUnixMs());
  await made.cancel("decode/1");
  expect(made.loads(null)).toEqual([]);
});

it.each(["drain", "cancel", "kill"] as const)("%s closes the way to the worker, too", async (how) => {
  const made = await started(undefined, true);
  const { url } = await add(made, "decode/0");
  expect((await fetch(`${url}/health`)).status).toBe(200);
  await made[how]("decode/0");
  await expect(fetch(`${url}/health`)).rejects.toThrow("fetch failed");
});

it.each([
  ["a router that follows them", { mode: "kv" }, true],
  ["one that goes by what it routed", { mode: "kv", kvEvents: false }, false],
  ["one that does not look at caches", { mode: "round-robin" }, false],
])("workers tell of their caches to %s", async (_, router, tells) => {
  expect(await add(await started(router), "decode/0")).toMatchObject({ kvEvents: tells });
});
