import type { ForwardPass, Role } from "#planner/core";
import type { HttpClient } from "../http-client.ts";
import type { SourceWorker } from "../types.ts";
import { passesOfLines } from "./forward-passes.ts";

export type PassBenchmarkReading = Partial<Record<Role, ForwardPass[]>>;

/** Asks one worker of each role for the passes that its engine was tried with: `GET /fpm/benchmark`, as they don't change. */
export class PassBenchmarks {
  readonly #client: HttpClient;
  readonly #told: PassBenchmarkReading = {};
  /** Workers that have no such thing, as vLLM's. */
  readonly #silent = new Set<string>();

  constructor(client: HttpClient) {
    this.#client = client;
  }

  /** What was told so far; never throws. */
  async read(workers: readonly SourceWorker[]): Promise<PassBenchmarkReading> {
    const isAsked = ({ state, url }: SourceWorker) => state === "active" && url !== null && !this.#silent.has(url);
    await Promise.all(
      (["prefill", "decode"] as const).map(async (role) => {
        const worker = workers.find((each) => each.role === role && isAsked(each));
        if (this.#told[role] !== undefined || worker === undefined) return;
        const passes = await this.#ask(worker.url!, String(worker.workerId));
        if (passes !== undefined) this.#told[role] = passes;
      }),
    );
    return { ...this.#told };
  }

  async #ask(url: string, workerId: string): Promise<ForwardPass[] | undefined> {
    let answer: { status: number; text: string };
    try {
      answer = await this.#client.get(`${url}/fpm/benchmark`);
    } catch {
      // One that can't be reached is asked again.
      return undefined;
    }
    if (answer.status >= 500) return undefined;
    try {
      if (answer.status === 200) return passesOfLines(workerId, answer.text);
    } catch {
      // What is no list of passes will be none the next time either.
    }
    this.#silent.add(url);
    return undefined;
  }
}
