import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { prometheusFile } from "../errors.ts";
import { HttpClient, reasonOf } from "../http-client.ts";

export interface PrometheusOptions {
  /** Address without `/api/v1`. */
  endpoint: string;
  token?: string | null;
  /** Read anew for every query, since tokens are exchanged. */
  tokenFile?: string | null;
  /** Check its certificate; with a CA bundle it always is. */
  sslVerify?: boolean;
  /** File of authorities that its certificate may be signed by, PEM. */
  caBundle?: string | null;
  /** Added to every query. */
  extraQueryParams?: Readonly<Record<string, string>>;
  /** Real ms for a query. Default 5000. */
  timeoutMs?: number;
  /** Queries under way at once. Default 8. */
  concurrency?: number;
  /** Longest answer, bytes. Default 32 MiB. */
  maxBytes?: number;
}

/** A series' value; Prometheus' NaN and infinities are JavaScript's. */
export interface PrometheusSample {
  labels: Readonly<Record<string, string>>;
  value: number;
}

/** Prometheus takes longer queries, but what stands before it may not. */
const LONGEST_URL = 2000;
/** As much of a body that is no answer as an error says. */
const QUOTED = 120;

const pointSchema = z.tuple([z.number(), z.string()]);
const answerSchema = z.discriminatedUnion("status", [
  z.object({
    status: z.literal("success"),
    data: z.discriminatedUnion("resultType", [
      z.object({
        resultType: z.literal("vector"),
        result: z.array(z.object({ metric: z.record(z.string(), z.string()), value: pointSchema })),
      }),
      z.object({ resultType: z.literal("scalar"), result: pointSchema }),
    ]),
  }),
  z.object({ status: z.literal("error"), errorType: z.string().default("error"), error: z.string() }),
]);

/** Asks a Prometheus (or what speaks its HTTP API) for the value of expressions at this moment. */
export class PrometheusClient {
  readonly #client: HttpClient;
  readonly #options: PrometheusOptions;
  readonly #url: URL;

  /** @throws UserError PLANNER_PROMETHEUS_FILE for a CA bundle that can't be read */
  constructor(options: PrometheusOptions) {
    this.#options = options;
    const { endpoint, caBundle = null, sslVerify = false, timeoutMs = 5000, concurrency = 8, maxBytes } = options;
    this.#url = new URL(`${endpoint.replace(/\/+$/, "")}/api/v1/query`);
    for (const [name, value] of Object.entries(options.extraQueryParams ?? {})) {
      this.#url.searchParams.append(name, value);
    }
    this.#client = new HttpClient({
      headers: { accept: "application/json" },
      timeoutMs,
      concurrency,
      connections: concurrency,
      maxBytes: maxBytes ?? 32 * 2 ** 20,
      tls: caBundle === null ? { verify: sslVerify } : { verify: true, ca: bundle(caBundle) },
    });
  }

  /** @throws Error in few words: no answer, none in time, a refusal, or something that is none */
  async query(expression: string): Promise<PrometheusSample[]> {
    const headers = await this.#authorization();
    const url = new URL(this.#url);
    url.searchParams.set("query", expression);
    const { status, text } = await (url.href.length <= LONGEST_URL
      ? this.#client.get(url.href, headers)
      : this.#client.post(this.#url.href, new URLSearchParams({ query: expression }), headers));
    return samplesOf(status, text);
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  async #authorization(): Promise<Record<string, string>> {
    const { token = null, tokenFile = null } = this.#options;
    if (tokenFile === null) return token === null ? {} : { authorization: `Bearer ${token}` };
    try {
      return { authorization: `Bearer ${(await readFile(tokenFile, "utf8")).trim()}` };
    } catch (error) {
      throw new Error(`its token can't be read: ${reasonOf(error)}`);
    }
  }
}

function bundle(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw prometheusFile("metric_pulling_prometheus_ca_bundle", file, error);
  }
}

/** An answer's samples. A refusal is JSON, too, unless something before Prometheus refused. */
function samplesOf(status: number, text: string): PrometheusSample[] {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    const quoted = text.trim().slice(0, QUOTED).replaceAll(/\s+/g, " ");
    throw new Error(`answered ${status}${quoted === "" ? "" : `: ${quoted}`}`);
  }
  const parsed = answerSchema.safeParse(body);
  if (parsed.success && parsed.data.status === "error") {
    throw new Error(`answered ${status}, ${parsed.data.errorType}: ${parsed.data.error}`);
  }
  if (status !== 200) throw new Error(`answered ${status}`);
  if (!parsed.success || parsed.data.status === "error") throw new Error("answered with something that is no vector");
  const { data } = parsed.data;
  if (data.resultType === "scalar") return [{ labels: {}, value: numberOf(data.result[1]) }];
  return data.result.map(({ metric, value }) => ({ labels: metric, value: numberOf(value[1]) }));
}

function numberOf(text: string): number {
  if (text === "+Inf") return Number.POSITIVE_INFINITY;
  if (text === "-Inf") return Number.NEGATIVE_INFINITY;
  return text.trim() === "" ? Number.NaN : Number(text);
}
