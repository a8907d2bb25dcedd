import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Role } from "#planner/core";
import type { TickSnapshot } from "#planner/service";
import { LiveEnvironment } from "./live-environment.ts";
import { waitFor } from "./processes.ts";
import { RunningPlanner } from "./running-planner.ts";

const MODEL = "llama";
const NAMESPACE = "rehearsal";
const WAIT_MS = 60_000;
const DELAY_S = 2;

const CASES: { mode: string; roles: readonly Role[] }[] = [
  { mode: "agg", roles: ["decode"] },
  { mode: "disagg", roles: ["prefill", "decode"] },
];

describe.each(CASES)("a planner that may take everything away, mode $mode", ({ mode, roles }) => {
  let folder: string;
  let live: LiveEnvironment;
  let planner: RunningPlanner;

  const counts = (count: number) => Object.fromEntries(roles.map((role) => [role, count]));

  /** HTTP status and output tokens of a request, as its client sees them. */
  async function ask(): Promise<[status: number, tokens: number | undefined]> {
    const response = await fetch(`${live.frontend.url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: MODEL, prompt: "tell me", max_tokens: 5, ignore_eos: true }),
    });
    const body = (await response.json()) as { usage?: { completion_tokens: number } };
    return [response.status, body.usage?.completion_tokens];
  }

  /** The first tick of this planner that was carried out so. */
  function carriedOut(matches: (snapshot: TickSnapshot) => boolean): Promise<TickSnapshot> {
    const find = async () =>
      (await planner.snapshots()).find((snapshot) => snapshot.action.status === "applied" && matches(snapshot));
    return waitFor("the tick that asked for it", find, WAIT_MS);
  }

  async function allGone(): Promise<void> {
    const isNone = () => live.replicas.length > 0 && Object.values(live.replicas.at(-1)!).every((count) => count === 0);
    await waitFor("all workers to be gone", isNone, WAIT_MS);
    expect(live.urls).toEqual([]);
  }

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "understudy-store-"));
    live = await LiveEnvironment.start({ model: MODEL, roles, folder, namespace: NAMESPACE });
    live.run();
    planner = await RunningPlanner.start({
      mode,
      environment: "virtual",
      virtual_store: `file:${folder}`,
      namespace: NAMESPACE,
      model_name: MODEL,
      frontend_urls: [live.frontend.url],
      strategy: "default",
      ttft_ms: 2000,
      itl_ms: 100,
      max_gpu_budget: 4,
      min_endpoint: 0,
      ...(mode === "agg" ? {} : { prefill_startup_seconds: 0 }),
      decode_startup_seconds: 0,
      scale_down_delay_seconds: 1,
      scale_to_zero_delay_seconds: DELAY_S,
      load_adjustment_interval_seconds: 0.5,
      scheduling: { scale_interval_seconds: 0.5 },
    });
    await planner.tick("a tick", ({ observed }) => observed?.startedRequests === 0);
  });

  afterAll(async () => {
    await planner?.end("SIGTERM");
    await live?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("leaves a deployment as it was started that never saw a request", async () => {
    await planner.tick("some ticks", ({ tick, decision }) => tick > 2 && decision !== null);
    expect(live.workers).toEqual(counts(1));
    expect(live.replicas).toEqual([]);
  });

  it("takes its workers away once nothing has come for the delay, and not before", async () => {
    expect(await ask()).toEqual([200, 5]);
    await allGone();
    const gone = await carriedOut(({ action }) => action.inForce.decode === 0);
    const busy = (await planner.snapshots()).findLast(
      ({ observed }) => (observed?.startedRequests ?? 0) + (observed?.completedRequests ?? 0) > 0,
    )!;
    expect(gone.atMs - busy.atMs).toBeGreaterThanOrEqual(1000 * DELAY_S);
    expect(gone.decision!.reasons.map(({ code }) => code)).toContain("scale-to-zero");
  });

  it("stays there as long as nothing comes, and sees that nothing comes", async () => {
    const [before] = (await planner.snapshots()).slice(-1);
    const { observed, decision, problems, state } = await planner.tick(
      "further ticks",
      ({ tick, state: seen }) =>
        tick > before!.tick + 1 && Object.values(seen?.roles ?? {}).every(({ ready }) => ready === 0),
    );
    expect(problems).toEqual([]);
    expect(observed).toMatchObject({ startedRequests: 0, completedRequests: 0 });
    expect(decision).not.toBeNull();
    for (const role of roles) expect(state!.roles[role]).toMatchObject({ desired: 0, ready: 0, stable: true });
    expect(live.workers).toEqual(counts(0));
  });

  it("calls workers for the first requests, which wait and are answered, and takes them away again", async () => {
    const asked = live.replicas.length;
    const answers = await Promise.all([ask(), ask(), ask()]);
    expect(answers).toEqual([
      [200, 5],
      [200, 5],
      [200, 5],
    ]);
    for (const role of roles) expect(live.replicas[asked]![role]).toBeGreaterThanOrEqual(1);
    await allGone();
    const seen = (await planner.snapshots()).map(({ observed }) => observed?.startedRequests ?? 0);
    expect(seen.reduce((sum, count) => sum + count, 0)).toBe(4);
  });

  it("wakes at the first request after a restart, when it knows nothing of requests yet", async () => {
    expect(await planner.end("SIGTERM")).toBe(0);
    planner = await RunningPlanner.start(planner.config);
    await planner.tick("a tick", ({ observed, state }) => observed?.startedRequests === 0 && state !== null);
    expect(live.workers).toEqual(counts(0));
    expect(await ask()).toEqual([200, 5]);
    expect(live.workers).toEqual(counts(1));
    const woken = await carriedOut(() => true);
    expect(woken.decision!.reasons.map(({ code }) => code)).toContain("wake-up");
  });
});
