import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TickSnapshot } from "#planner/service";
import { CliProcess, freePort, getJson, waitFor } from "./processes.ts";

export interface PlannerStatus {
  leader: boolean;
  ticks: number;
  last: TickSnapshot | null;
}

/** `understudy planner` in a process of its own, asked through its control API. */
export class RunningPlanner {
  readonly process: CliProcess;
  readonly url: string;
  /** As it was told; another planner begins with the same. */
  readonly config: Record<string, unknown>;
  readonly #folder: string;

  private constructor(process: CliProcess, url: string, folder: string, config: Record<string, unknown>) {
    this.process = process;
    this.url = url;
    this.config = config;
    this.#folder = folder;
  }

  /**
   * Started, not yet listening.
   * @param config the planner's, on top of what makes it quick and leaves nothing behind
   */
  static async start(config: Record<string, unknown>, env: Record<string, string> = {}): Promise<RunningPlanner> {
    const folder = mkdtempSync(join(tmpdir(), "understudy-planner-"));
    const port = await freePort();
    const whole = {
      profile_results_dir: "h200-llama-3.1-8b-fp8-tp1-estimate",
      live_dashboard_port: 0,
      control_api_port: port,
      report_output_dir: folder,
      scheduling: { scale_interval_seconds: 1 },
      ...config,
    };
    const process = new CliProcess(["planner", "--config", JSON.stringify(whole)], env);
    return new RunningPlanner(process, `http://127.0.0.1:${port}`, folder, config);
  }

  /** Its log. @throws Error where it has ended */
  get log(): string {
    if (!this.process.running) throw new Error(`it ended:\n${this.process.output}`);
    return this.process.output;
  }

  /** Null until it listens. @throws Error where it has ended */
  async status(): Promise<PlannerStatus | null> {
    if (!this.process.running) throw new Error(`it ended:\n${this.process.output}`);
    return getJson<PlannerStatus>(`${this.url}/v1/status`).catch(() => null);
  }

  snapshots(): Promise<TickSnapshot[]> {
    return getJson<{ snapshots: TickSnapshot[] }>(`${this.url}/v1/snapshots?limit=1000`).then(
      ({ snapshots }) => snapshots,
    );
  }

  /** Waits for a tick of which `matches` is true. */
  tick(what: string, matches: (last: TickSnapshot, status: PlannerStatus) => boolean): Promise<TickSnapshot> {
    return waitFor(
      what,
      async () => {
        const status = await this.status();
        return status?.last && matches(status.last, status) ? status.last : null;
      },
      120_000,
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.process.output.slice(-3000)}`);
    });
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    if (this.process.running) this.process.kill(signal);
    const { code } = await this.process.exited;
    rmSync(this.#folder, { recursive: true, force: true });
    return code;
  }
}
