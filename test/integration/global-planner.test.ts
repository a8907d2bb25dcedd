import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FileStore, VirtualEnvironment } from "#planner/connectors";
import type { DecisionRecord } from "#planner/global";
import { temporaryFolder } from "../planner/connectors/stores.ts";
import { CliProcess, freePort, waitFor } from "./processes.ts";

/** A global planner, planners that ask it, and environments that carry out what it grants: each a process, or as one. */
class Site {
  readonly folder: string;
  readonly store: FileStore;
  readonly #ended = new AbortController();
  url = "";
  /** GPUs that stood asked for at any look. */
  most = 0;

  constructor() {
    const folder = temporaryFolder();
    this.folder = folder.path;
    this.store = new FileStore(join(folder.path, "store"), { pollMs: 20 });
    onTestFinished(() => {
      this.#ended.abort();
      folder.remove();
    });
  }

  /** An environment that carries out every decision at once. */
  async environment(namespace: string, decode: number): Promise<void> {
    const environment = new VirtualEnvironment(this.store, namespace);
    await environment.announce({ decode });
    const { signal } = this.#ended;
    const run = async () => {
      for (;;) {
        const decision = await environment.wait(signal);
        if (decision === null) return;
        await this.asked();
        await environment.complete(decision);
      }
    };
    run().catch((error) => {
      if (!signal.aborted) throw error;
    });
  }

  /** Decode workers by namespace. */
  async asked(): Promise<Record<string, number>> {
    const { values } = await this.store.read("v1/");
    const found: Record<string, number> = {};
    for (const [key, { value }] of values) {
      const namespace = /^v1\/([^/]+)\/planner\/num_decode_workers$/.exec(key)?.[1];
      if (namespace !== undefined) found[namespace] = Number(value);
    }
    this.most = Math.max(
      this.most,
      Object.values(found).reduce((sum, count) => sum + count, 0),
    );
    return found;
  }

  async globalPlanner(port: number, ...flags: string[]): Promise<CliProcess> {
    const process = this.#run([
      "global-planner",
      ...["--environment", "virtual", "--virtual-store", this.store.place, "--decode-engine-num-gpu", "1"],
      ...["--state-dir", join(this.folder, "state"), "--port", String(port), "--json", "--no-leader-election"],
      ...flags,
    ]);
    const line = await waitFor("the global planner to listen", () => this.#lines(process)[0]);
    this.url = (JSON.parse(line) as { url: string }).url;
    return process;
  }

  /** A planner that always wants so many workers. */
  planner(namespace: string, decode: number): CliProcess {
    const config = {
      strategy: "static",
      mode: "agg",
      static_decode_replicas: decode,
      namespace,
      environment: "global-planner",
      global_planner_namespace: "site",
      global_planner_url: this.url,
      profile_results_dir: "h200-llama-3.1-8b-fp8-tp1-estimate",
      metric_pulling_prometheus_endpoint: "http://127.0.0.1:1",
      load_adjustment_interval_seconds: 0.2,
      max_gpu_budget: -1,
      live_dashboard_port: 0,
      control_api_port: 0,
      report_output_dir: join(this.folder, `reports-${namespace}`),
    };
    return this.#run(["planner", "--config", JSON.stringify(config)]);
  }

  decisions(process: CliProcess): DecisionRecord[] {
    return this.#lines(process)
      .slice(1)
      .map((line) => JSON.parse(line) as DecisionRecord);
  }

  #run(args: string[]): CliProcess {
    const process = new CliProcess(args);
    onTestFinished(() => process.end());
    return process;
  }

  #lines(process: CliProcess): string[] {
    if (!process.running && process.child.signalCode === null) throw new Error(`it ended:\n${process.output}`);
    return process.stdout.split("\n").slice(0, -1);
  }
}

describe("planners behind a global planner, each a process", () => {
  it("share a budget: the second waits, and gets what the first gives back, a restart of the global planner between", async () => {
    const site = new Site();
    const port = await freePort();
    await site.environment("chat", 2);
    await site.environment("code", 2);
    const first = await site.globalPlanner(port, "--max-total-gpus", "6");
    const chat = site.planner("chat", 4);
    await waitFor("chat to have four workers", async () => (await site.asked()).chat === 4);
    site.planner("code", 4);
    const denied = await waitFor("code to be denied", () =>
      site.decisions(first).find(({ deployment, decision }) => deployment === "code" && decision?.verdict === "denied"),
    );
    expect(denied.answer).toMatchObject({
      status: "rejected",
      message: "GPU budget breach: total 8 exceeds ceiling (6); no feasible pair packing",
    });
    expect(await site.asked()).toEqual({ chat: 4, code: 2 });

    first.kill("SIGKILL");
    await first.exited;
    const second = await site.globalPlanner(port, "--max-total-gpus", "6");
    await waitFor("code to ask again", () => site.decisions(second).length > 0);
    expect(await site.asked()).toEqual({ chat: 4, code: 2 });

    chat.kill("SIGTERM");
    expect(await chat.exited).toMatchObject({ code: 0 });
    site.planner("chat", 1);
    await waitFor("code to have what chat gave back", async () => {
      const { chat: left, code } = await site.asked();
      return left === 1 && code === 4;
    });
    expect(site.most).toBeLessThanOrEqual(6);
    for (const { decision } of site.decisions(second)) expect(decision?.totals.after ?? 0).toBeLessThanOrEqual(6);
  });

  it("wishes that were denied outlive a kill, and a floor holds", async () => {
    const site = new Site();
    await site.environment("chat", 3);
    await site.environment("code", 3);
    const ask = async (name: string, decode: number) => {
      const response = await fetch(`${site.url}/v1/scale`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          caller_namespace: name,
          graph_deployment_name: name,
          k8s_namespace: "default",
          target_replicas: [{ sub_component_type: "decode", desired_replicas: decode }],
          blocking: true,
        }),
      });
      return (await response.json()) as { status: string; message: string };
    };
    const flags = ["--min-total-gpus", "6", "--max-total-gpus", "6"];
    const first = await site.globalPlanner(0, ...flags);
    expect(await ask("chat", 2)).toMatchObject({
      status: "rejected",
      message: "GPU budget breach: total 5 below floor (6); no feasible pair packing",
    });
    const state = join(site.folder, "state", "global-planner.json");
    await waitFor(
      "the wish to be written",
      () => existsSync(state) && readFileSync(state, "utf8").includes('"replicas": 2'),
    );
    first.kill("SIGKILL");
    await first.exited;

    const second = await site.globalPlanner(0, ...flags);
    expect(second.output).toContain("taken up: 2 deployments, 1 wishes");
    const granted = await ask("code", 4);
    expect(granted).toMatchObject({
      status: "success",
      message: expect.stringMatching(/along with chat: decode to 2/),
    });
    expect(granted.message).toContain("the workers are there");
    expect(await site.asked()).toEqual({ chat: 2, code: 4 });
    second.kill("SIGTERM");
    expect(await second.exited).toMatchObject({ code: 0 });
  });

  it("refuses a budget that can't be kept, before it listens", async () => {
    const process = new CliProcess([
      ...["global-planner", "--environment", "none", "--min-total-gpus", "9", "--max-total-gpus", "8"],
    ]);
    expect(await process.exited).toMatchObject({ code: 2 });
    expect(process.output).toContain("found a floor of 9 GPUs above the ceiling of 8");
  });
});
