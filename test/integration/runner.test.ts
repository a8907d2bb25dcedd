import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { LocalDeployment } from "#planner/connectors";
import { waitFor } from "./processes.ts";
import { ask, Load, manifest, RunningDeployment } from "./runner/running.ts";

const TIMEOUT = 180_000;

const pids = (view: { replicas: { pid: number | null }[] }) => view.replicas.map(({ pid }) => pid);

describe("understudy up", { timeout: TIMEOUT }, () => {
  it("serves, scales under load without a lost request, and is gone after down", async () => {
    const running = RunningDeployment.start(manifest(), "--json");
    const first = await running.ready();
    expect(await ask(first.frontendUrl!)).toBe("answered");
    expect(first.components.map(({ role, replicas, readyReplicas }) => [role, replicas, readyReplicas])).toEqual([
      ["frontend", 1, 1],
      ["prefill", 1, 1],
      ["decode", 1, 1],
    ]);

    const load = new Load(() => first.frontendUrl!);
    await load.more(10);
    const up = await running.cli("scale", "prefill=2", "decode=3", "--wait", "--json");
    expect(JSON.parse(up)).toMatchObject({ ready: true, components: [{}, { readyReplicas: 2 }, { readyReplicas: 3 }] });
    await load.more(30);
    await running.cli("scale", "prefill=1", "decode=1");
    await running.until("the drained replicas to be gone", ({ replicas }) => replicas.length === 3);
    await load.more(10);
    await load.stop();
    expect(load.lost).toEqual([]);

    expect(await running.cli("logs", "decode")).toContain("KV of a token");
    expect(running.processes()).toHaveLength(3);
    expect(await running.cli("down")).toContain("mocker-disagg has ended");
    expect((await running.up.exited).code).toBe(0);
    expect(running.processes()).toEqual([]);
    expect(running.state.deployments()).toEqual([]);
    expect(await running.cli("status")).toBe("nothing runs\n");
  });

  it("starts again what is killed, and the next runner takes over what one that was killed has left", async () => {
    const running = RunningDeployment.start(manifest({ decode: 2 }));
    const first = await running.ready();
    const victim = first.replicas.find(({ name }) => name === "decode-1")!;
    process.kill(victim.pid!, "SIGKILL");
    const healed = await running.until(
      "the killed worker to be back",
      ({ ready, replicas }) => ready && replicas.some(({ name, pid }) => name === "decode-1" && pid !== victim.pid),
    );
    expect(healed.replicas.find(({ name }) => name === "decode-1")).toMatchObject({ restarts: 1 });
    await running.cli("scale", "decode=3", "--wait");
    const before = await running.ready();

    running.up.kill("SIGKILL");
    await running.up.exited;
    expect(running.processes()).toHaveLength(5);
    // Without a runner the deployment serves on.
    expect(await ask(before.frontendUrl!)).toBe("answered");
    running.again();
    const after = await running.ready();
    expect(pids(after)).toEqual(pids(before));
    expect(after.replicas.map(({ restarts }) => restarts)).toEqual(before.replicas.map(({ restarts }) => restarts));
    expect(after.replicas.find(({ name }) => name === "decode-1")).toMatchObject({ restarts: 1 });
    expect(after.frontendUrl).toBe(before.frontendUrl);
    expect(after.components.map(({ replicas }) => replicas)).toEqual([1, 1, 3]);
    expect(after.resourceVersion).toBeGreaterThan(before.resourceVersion);
    expect(await ask(after.frontendUrl!)).toBe("answered");

    // Whom another runner started ends as its own do.
    process.kill(after.replicas.find(({ name }) => name === "frontend-0")!.pid!, "SIGKILL");
    const again = await running.until(
      "the killed frontend to be back",
      ({ ready, replicas }) => ready && replicas[0]!.pid !== after.replicas[0]!.pid,
    );
    expect(again.frontendUrl).toBe(before.frontendUrl);
    await waitFor("an answer", async () => (await ask(again.frontendUrl!)) === "answered");

    running.up.kill("SIGINT");
    expect((await running.up.exited).code).toBe(0);
    expect(running.processes()).toEqual([]);
  });

  it("rolls a changed manifest over under load without a lost request", async () => {
    const running = RunningDeployment.start(manifest({ decode: 2 }));
    const first = await running.ready();
    const load = new Load(() => first.frontendUrl!);
    await load.more(10);
    const changed = running.changed(manifest({ decode: 2, timing: "fixed:10ms,4ms" }));
    expect(await running.cli("up", changed, "--wait-ready")).toMatch(/decode +decode +2\/2 +2/);
    await running.until("the old replicas to be gone", ({ replicas }) => replicas.length === 4);
    const after = await running.ready();
    const kept = pids(after).filter((pid) => pids(first).includes(pid));
    expect(kept).toEqual([first.replicas.find(({ name }) => name === "frontend-0")!.pid]);
    await load.more(10);
    await load.stop();
    expect(load.lost).toEqual([]);
    await expect(running.cli("up", changed, "--time-scale", "2")).rejects.toThrow(/keeps what it was started with/);
  });

  it("a planner of the deployment scales it through the runner, also after it was killed", async () => {
    const flags = ["--environment", "kubernetes", "--profile-results-dir", "h200-llama-3.1-8b-fp8-tp1-estimate"];
    const planner = [...flags, "--strategy", "default", "--min-endpoint", "2", "--max-gpu-budget", "8"];
    const running = RunningDeployment.start(manifest({ planner }), "--time-scale", "20");
    const { frontendUrl } = await running.ready();
    const load = new Load(() => frontendUrl!, 1);
    const isDoubled = ({ ready, components }: LocalDeployment) =>
      ready && components.slice(1, 3).every(({ replicas }) => replicas === 2);
    const scaled = await running.until("the planner to have its least workers", isDoubled);
    const found = scaled.replicas.find(({ component }) => component === "Planner")!;
    expect((await fetch(found.url!)).status).toBe(200);
    process.kill(found.pid!, "SIGKILL");
    await running.cli("scale", "decode=1");
    await running.until("another planner to have them again", isDoubled);
    expect(await running.cli("logs", "planner")).toContain("decode 1 → 2");
    await load.stop();
    expect(load.lost).toEqual([]);
  });

  it("down ends what a killed runner has left, without another one", async () => {
    const running = RunningDeployment.start(manifest());
    await running.ready();
    running.up.kill("SIGKILL");
    await running.up.exited;
    expect(running.processes()).toHaveLength(3);
    await expect(running.cli("scale", "decode=2")).rejects.toThrow(/has ended without ending it/);
    expect(await running.cli("down")).toBe("mocker-disagg has ended: 3 processes were left of it\n");
    expect(running.processes()).toEqual([]);
    expect(existsSync(running.state.controlFile)).toBe(false);
  });
});
