import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, statusOf, waitFor } from "./integration/processes.ts";

/** A real etcd on loopback, for tests: its data is gone when it is stopped. */
export class EtcdServer {
  readonly url: string;
  readonly #etcd: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "understudy-etcd-"));
  readonly #peerUrl: string;
  #process: ChildProcess | undefined;

  private constructor(etcd: string, port: number, peerPort: number) {
    this.#etcd = etcd;
    this.url = `http://127.0.0.1:${port}`;
    this.#peerUrl = `http://127.0.0.1:${peerPort}`;
  }

  static async start(etcd: string): Promise<EtcdServer> {
    const server = new EtcdServer(etcd, await freePort(), await freePort());
    await server.run();
    return server;
  }

  /** Begins, or goes on with the data that it had when it was killed. */
  async run(): Promise<void> {
    const { url } = this;
    const flags = ["--name=one", `--data-dir=${this.#folder}`, "--unsafe-no-fsync", "--log-level=error"];
    flags.push(`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`);
    flags.push(`--listen-peer-urls=${this.#peerUrl}`, `--initial-advertise-peer-urls=${this.#peerUrl}`);
    flags.push(`--initial-cluster=one=${this.#peerUrl}`);
    this.#process = spawn(this.#etcd, flags, { stdio: "ignore" });
    await waitFor("etcd", async () => (await statusOf(`${url}/health`)) === 200);
  }

  /** Ends it at once; the data stays. */
  async kill(): Promise<void> {
    if (this.#process === undefined) return;
    const ended = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await ended;
    this.#process = undefined;
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
