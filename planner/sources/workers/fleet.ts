import { z } from "zod";
import type { Role } from "#planner/core";
import { HttpClient, reasonOf } from "../http-client.ts";
import type { SourceWorkers } from "../types.ts";
import { Roster } from "./roster.ts";

export interface FleetOptions {
  /** Frontends, which know their workers (`GET /workers`); addresses without a path. */
  frontends: readonly string[];
  /** Workers that are asked themselves (`GET /worker`). */
  workers: readonly string[];
  /** What workers are that do not say it themselves, as vLLM's; null or absent: they may be either, so nobody knows. */
  role?: Role | null;
  headers?: Readonly<Record<string, string>>;
  timeoutMs?: number;
  /** How long the workers of a frontend that does not answer are still taken to be there, real ms. Default 60 000. */
  keepMs?: number;
  /** Real ms; default: the process's own. */
  nowMs?: () => number;
}

/** A worker as frontends and workers describe it; only what is read here. */
const cardSchema = z.object({
  url: z.string(),
  role: z.enum(["aggregated", "prefill", "decode"]),
  state: z.string(),
});
type Card = z.output<typeof cardSchema>;
const ABSENT = Symbol("there is no such path");
const listSchema = z.object({ workers: z.array(z.unknown()) });

/**
 * The workers of a deployment, as frontends and workers themselves tell. A worker keeps its number for as long as it is there; one that
 * comes later gets another.
 */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #client: HttpClient;
  readonly #roster = new Roster();
  /** What went wrong the last time, one line each. */
  problems: readonly string[] = [];
  /** What each address told last, and when. */
  readonly #told = new Map<string, { cards: Card[]; atMs: number }>();

  constructor(options: FleetOptions) {
    this.#options = options;
    const { headers = {}, timeoutMs = 2000 } = options;
    this.#client = new HttpClient({ headers, timeoutMs, concurrency: 32 });
  }

  /** Null where nobody answered: then nothing is known, which is not the same as no workers. */
  async read(): Promise<SourceWorkers | null> {
    const { frontends, workers } = this.#options;
    const problems: string[] = [];
    const asked = [
      ...frontends.map((url) => this.#listed(url, problems)),
      ...workers.map((url) => this.#described(url, problems)),
    ];
    const answers = await Promise.all(asked);
    const known = [...frontends, ...workers].map((address, i) => this.#orLast(address, answers[i]!));
    this.problems = problems;
    if (known.every((cards) => cards === null)) return null;
    return this.#roster.of(
      known.flatMap((cards) => cards ?? []),
      problems,
    );
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** A frontend that is down for a moment takes no workers with it; a worker that is down is. */
  #orLast(address: string, answer: Card[] | null): Card[] | null {
    const { keepMs = 60_000, nowMs = () => performance.now(), frontends } = this.#options;
    if (answer !== null) {
      this.#told.set(address, { cards: answer, atMs: nowMs() });
      return answer;
    }
    const last = this.#told.get(address);
    return last !== undefined && frontends.includes(address) && nowMs() - last.atMs <= keepMs ? last.cards : null;
  }

  async #listed(frontend: string, problems: string[]): Promise<Card[] | null> {
    const body = await this.#get(`${frontend}/workers`, `frontend ${frontend}`, problems);
    if (body === null) return null;
    if (body === ABSENT) {
      // Dynamo's own frontend has no such list.
      if (this.#options.workers.length === 0) {
        problems.push(
          `frontend ${frontend}: it lists no workers (no /workers): worker_urls can name those whose load counts`,
        );
      }
      return null;
    }
    const list = listSchema.safeParse(body);
    if (!list.success) {
      problems.push(`frontend ${frontend}: /workers is no list of workers`);
      return null;
    }
    return list.data.workers.flatMap((worker) => {
      const card = cardSchema.safeParse(worker);
      if (!card.success) problems.push(`frontend ${frontend}: a worker without address, role or state`);
      return card.success ? [card.data] : [];
    });
  }

  async #described(worker: string, problems: string[]): Promise<Card[] | null> {
    const body = await this.#get(`${worker}/worker`, `worker ${worker}`, problems);
    if (body === null) return null;
    if (body === ABSENT) return this.#undescribed(worker, problems);
    const card = cardSchema.safeParse(body);
    if (!card.success) problems.push(`worker ${worker}: /worker is no description of a worker`);
    return card.success ? [{ ...card.data, url: worker }] : null;
  }

  /** A server of somebody else's: it is ready when its `/health` says so. */
  async #undescribed(worker: string, problems: string[]): Promise<Card[] | null> {
    const { role = null } = this.#options;
    if (role === null) {
      problems.push(`worker ${worker}: it does not say whether it does prefill or decode (no /worker)`);
      return null;
    }
    try {
      const { status } = await this.#client.get(`${worker}/health`);
      return [{ url: worker, role, state: status === 200 ? "ready" : "starting" }];
    } catch (error) {
      problems.push(`worker ${worker}: ${reasonOf(error)}`);
      return null;
    }
  }

  /** Null where it can't be had; `ABSENT` where the server has no such thing. */
  async #get(url: string, who: string, problems: string[]): Promise<unknown> {
    try {
      const { status, text } = await this.#client.get(url);
      if (status === 404) return ABSENT;
      if (status !== 200) throw new Error(`${new URL(url).pathname} answered ${status}`);
      return JSON.parse(text);
    } catch (error) {
      problems.push(`${who}: ${reasonOf(error)}`);
      return null;
    }
  }
}
