import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, statusOf, waitFor } from "./processes.ts";

export interface ScrapeJob {
  name: string;
  /** Addresses of servers, without a path. */
  urls: readonly string[];
  labels?: Readonly<Record<string, string>>;
}

/** A real Prometheus that scrapes five times a second. */
export class PrometheusServer {
  readonly url: string;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, process: ChildProcess, folder: string) {
    this.url = url;
    this.#process = process;
    this.#folder = folder;
  }

  /** @param binary path of Prometheus; returns when it serves */
  static async start(binary: string, jobs: readonly ScrapeJob[]): Promise<PrometheusServer> {
    const folder = mkdtempSync(join(tmpdir(), "understudy-prometheus-"));
    const port = await freePort();
    writeFileSync(join(folder, "prometheus.yml"), configOf(folder, jobs));
    const process = spawn(
      binary,
      [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=error",
      ],
      { stdio: "ignore" },
    );
    const server = new PrometheusServer(`http://127.0.0.1:${port}`, process, folder);
    for (const job of jobs) server.target(job);
    await waitFor("Prometheus", async () => (await statusOf(`${server.url}/-/ready`)) === 200);
    return server;
  }

  /** Changes whom a job scrapes, from the next scrape on. */
  target({ name, urls, labels = {} }: ScrapeJob): void {
    const targets = urls.map((url) => new URL(url).host);
    writeFileSync(join(this.#folder, `${name}.json`), JSON.stringify([{ targets, labels }]));
  }

  async end(): Promise<void> {
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** JSON is YAML. */
function configOf(folder: string, jobs: readonly ScrapeJob[]): string {
  return JSON.stringify({
    global: { scrape_interval: "200ms", scrape_timeout: "200ms" },
    scrape_configs: jobs.map(({ name }) => ({
      job_name: name,
      file_sd_configs: [{ files: [join(folder, `${name}.json`)], refresh_interval: "1s" }],
    })),
  });
}
