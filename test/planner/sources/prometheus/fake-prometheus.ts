import { FakeServer } from "../fake-deployment.ts";

export interface FakeSample {
  labels?: Record<string, string>;
  value: number;
}

/** What is answered to an expression: series, a refusal, or nothing at all. */
export type FakeAnswer = readonly FakeSample[] | { status: number; error: string } | "never";

export const LABELS = { model: "llama", dynamo_namespace: "dynamo", job: "frontends", instance: "10.0.0.1:8000" };

/** An expression and the label that its series get. */
const LABELLED = /label_replace\((.+?), "(\w+)", "(\w+)", "", ""\)(?: or |$)/y;

/** Speaks Prometheus' API on a real socket; expressions that it does not know have no series. */
export class FakePrometheus {
  readonly answers = new Map<string, FakeAnswer>();
  /** Expressions in the order in which they were asked. */
  readonly asked: string[] = [];
  readonly #server = new FakeServer();

  async listen(): Promise<this> {
    await this.#server.listen();
    this.#server.answer = (url) => {
      const expression = url.searchParams.get("query")!;
      this.asked.push(expression);
      const answer = this.#valueOf(expression);
      if (answer === "never") return answer;
      if ("error" in answer) {
        return {
          status: answer.status,
          body: JSON.stringify({ status: "error", errorType: "execution", error: answer.error }),
        };
      }
      const result = answer.map(({ labels = {}, value }) => ({ metric: labels, value: [1, numberText(value)] }));
      return { body: JSON.stringify({ status: "success", data: { resultType: "vector", result } }) };
    };
    return this;
  }

  /** Of an expression that is known, or of such ones with a label each, joined by "or". */
  #valueOf(expression: string): FakeAnswer {
    const known = this.answers.get(expression);
    if (known !== undefined) return known;
    const union: FakeSample[] = [];
    for (LABELLED.lastIndex = 0; LABELLED.lastIndex < expression.length; ) {
      const found = LABELLED.exec(expression);
      if (found === null) return [];
      const part = this.answers.get(found[1]!) ?? [];
      if (!isSeries(part)) return part;
      union.push(...part.map(({ labels, value }) => ({ labels: { ...labels, [found[2]!]: found[3]! }, value })));
    }
    return union;
  }

  get url(): string {
    return this.#server.url;
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  set(expression: string, ...answer: FakeSample[] | [Exclude<FakeAnswer, readonly FakeSample[]>]): void {
    const [first] = answer;
    this.answers.set(expression, first === "never" || (first && "error" in first) ? first : (answer as FakeSample[]));
  }
}

function isSeries(answer: FakeAnswer): answer is readonly FakeSample[] {
  return Array.isArray(answer);
}

function numberText(value: number): string {
  return Number.isNaN(value) ? "NaN" : value === Number.POSITIVE_INFINITY ? "+Inf" : String(value);
}

/** What one frontend did within the range; means in Prometheus' units. */
export interface FrontendTraffic {
  labels?: Record<string, string>;
  started: number;
  completed: number;
  isl: number;
  osl: number;
  ttftS: number;
  itlS: number;
  durationS: number;
}

export const BUSY: FrontendTraffic = {
  started: 120,
  completed: 110,
  isl: 3000,
  osl: 200,
  ttftS: 0.15,
  itlS: 0.008,
  durationS: 1.75,
};

const HISTOGRAMS = {
  input_sequence_tokens: "isl",
  output_sequence_tokens: "osl",
  time_to_first_token_seconds: "ttftS",
  inter_token_latency_seconds: "itlS",
  request_duration_seconds: "durationS",
} as const;

/** Answers to all that is asked of frontends, as a Prometheus has them that scraped them a second ago. */
export function setFrontends(fake: FakePrometheus, rangeS: number, frontends: readonly FrontendTraffic[]): void {
  const range = `[${rangeS}s]`;
  const all = (value: (frontend: FrontendTraffic) => number) =>
    frontends.map((frontend) => ({ labels: { ...LABELS, ...frontend.labels }, value: value(frontend) }));
  const set = (expression: string, value: (frontend: FrontendTraffic) => number) => fake.set(expression, ...all(value));
  set(`increase(dynamo_frontend_requests_started_total${range})`, ({ started }) => started);
  set(`increase(dynamo_frontend_requests_total${range})`, ({ completed }) => completed);
  for (const [metric, key] of Object.entries(HISTOGRAMS)) {
    const [sum, count] = [
      `increase(dynamo_frontend_${metric}_sum${range})`,
      `increase(dynamo_frontend_${metric}_count${range})`,
    ];
    set(sum, (frontend) => frontend[key] * frontend.completed);
    set(count, ({ completed }) => completed);
    set(`${sum}/${count}`, (frontend) => (frontend.completed === 0 ? Number.NaN : frontend[key]));
  }
  set("time() - timestamp(dynamo_frontend_requests_started_total)", () => 1);
  set("time() - timestamp(dynamo_frontend_requests_total)", () => 1);
  set('count by (model, dynamo_namespace) ({__name__=~"dynamo_frontend_.+"})', () => 40);
}
