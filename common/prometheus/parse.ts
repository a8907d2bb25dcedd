import { UserError } from "#common";
import { isMetricName } from "./format.ts";

export type MetricType = "counter" | "gauge" | "histogram" | "summary" | "untyped";

export interface MetricSample {
  /** With suffix: `x_bucket`, `x_sum`, … */
  name: string;
  labels: Record<string, string>;
  value: number;
  timestampMs: number | null;
}

export interface MetricFamily {
  name: string;
  type: MetricType;
  help: string | null;
  samples: MetricSample[];
}

const TYPES: readonly string[] = ["counter", "gauge", "histogram", "summary", "untyped"];
const SUFFIXES: Partial<Record<MetricType, readonly string[]>> = {
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["_sum", "_count"],
};
const NUMBER = /^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?)$/;
const INFINITE = /^([+-]?)inf(inity)?$/i;

/**
 * Reads Prometheus' text format 0.0.4 into families by name; samples without a TYPE line are `untyped` families.
 * @param where names the source in errors
 * @throws UserError COMMON_BAD_METRICS with line and column
 */
export function parsePrometheus(text: string, where = "metrics"): Map<string, MetricFamily> {
  const families = new Map<string, MetricFamily>();
  let lineStart = 0;
  for (let line = 1; lineStart < text.length; line++) {
    let end = text.indexOf("\n", lineStart);
    if (end < 0) end = text.length;
    const content = text.slice(lineStart, text[end - 1] === "\r" ? end - 1 : end);
    new LineReader(content, families, `${where}:${line}`).read();
    lineStart = end + 1;
  }
  return families;
}

function familyOf(families: Map<string, MetricFamily>, name: string): MetricFamily {
  let family = families.get(name);
  if (family === undefined) {
    family = { name, type: "untyped", help: null, samples: [] };
    families.set(name, family);
  }
  return family;
}

/** `x_sum` belongs to `x` where `x` is a histogram or summary. */
function familyOfSample(families: Map<string, MetricFamily>, name: string): MetricFamily {
  const exact = families.get(name);
  if (exact !== undefined) return exact;
  const cut = name.lastIndexOf("_");
  const base = cut > 0 ? families.get(name.slice(0, cut)) : undefined;
  return base !== undefined && SUFFIXES[base.type]?.includes(name.slice(cut)) ? base : familyOf(families, name);
}

class LineReader {
  readonly #line: string;
  readonly #families: Map<string, MetricFamily>;
  readonly #where: string;
  #at = 0;

  constructor(line: string, families: Map<string, MetricFamily>, where: string) {
    this.#line = line;
    this.#families = families;
    this.#where = where;
  }

  read(): void {
    this.#skipBlanks();
    if (this.#at === this.#line.length) return;
    if (this.#line[this.#at] === "#") this.#comment();
    else this.#sample();
  }

  #comment(): void {
    this.#at++;
    this.#skipBlanks();
    const keyword = this.#word();
    if (keyword !== "HELP" && keyword !== "TYPE") return;
    this.#skipBlanks();
    const start = this.#at;
    const name = this.#word();
    if (!isMetricName(name)) throw this.#error(start, `found ${quote(name)} after ${keyword}, expected a metric name`);
    this.#skipBlanks();
    if (keyword === "HELP") {
      familyOf(this.#families, name).help = unescaped(this.#line.slice(this.#at));
      return;
    }
    const typeStart = this.#at;
    const type = this.#line.slice(this.#at).trimEnd();
    if (!TYPES.includes(type)) {
      throw this.#error(typeStart, `found type ${quote(type)}, expected one of ${TYPES.join(", ")}`);
    }
    const family = familyOf(this.#families, name);
    if (family.samples.length > 0) throw this.#error(start, `found the TYPE of ${name} after its samples`);
    family.type = type as MetricType;
  }

  #sample(): void {
    const start = this.#at;
    while (this.#at < this.#line.length && !"{ \t".includes(this.#line[this.#at]!)) this.#at++;
    const name = this.#line.slice(start, this.#at);
    if (!isMetricName(name)) throw this.#error(start, `found ${quote(name)}, expected a metric name`);
    this.#skipBlanks();
    const labels = this.#line[this.#at] === "{" ? this.#labels() : {};
    this.#skipBlanks();
    const value = this.#value();
    this.#skipBlanks();
    const timestampMs = this.#at < this.#line.length ? this.#timestamp() : null;
    this.#skipBlanks();
    if (this.#at < this.#line.length) {
      throw this.#error(
        this.#at,
        `found ${quote(this.#line.slice(this.#at))} after the sample, expected the end of line`,
      );
    }
    familyOfSample(this.#families, name).samples.push({ name, labels, value, timestampMs });
  }

  #labels(): Record<string, string> {
    const labels: Record<string, string> = {};
    this.#at++;
    for (;;) {
      this.#skipBlanks();
      if (this.#line[this.#at] === "}") {
        this.#at++;
        return labels;
      }
      const start = this.#at;
      while (/[a-zA-Z0-9_]/.test(this.#line[this.#at] ?? "")) this.#at++;
      const name = this.#line.slice(start, this.#at);
      if (!/^[a-zA-Z_]/.test(name))
        throw this.#error(start, `found ${this.#found(start)}, expected a label name or "}"`);
      if (Object.hasOwn(labels, name)) throw this.#error(start, `found label ${name} twice`);
      this.#expect("=");
      this.#expect('"');
      labels[name] = this.#quoted();
      this.#skipBlanks();
      if (this.#line[this.#at] === ",") this.#at++;
      else if (this.#line[this.#at] !== "}") {
        throw this.#error(this.#at, `found ${this.#found(this.#at)}, expected "," or "}"`);
      }
    }
  }

  #quoted(): string {
    const start = this.#at;
    for (;;) {
      const character = this.#line[this.#at];
      if (character === undefined) throw this.#error(start - 1, "found no end of the label's value");
      if (character === '"') break;
      this.#at += character === "\\" ? 2 : 1;
    }
    return unescaped(this.#line.slice(start, this.#at++));
  }

  #value(): number {
    const start = this.#at;
    const word = this.#word();
    if (NUMBER.test(word)) return Number(word);
    if (/^[+-]?nan$/i.test(word)) return Number.NaN;
    const infinite = INFINITE.exec(word);
    if (infinite) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    throw this.#error(start, `found ${word === "" ? "no value" : quote(word)}, expected a number, NaN or +Inf`);
  }

  #timestamp(): number {
    const start = this.#at;
    const word = this.#word();
    if (!/^-?\d+$/.test(word)) throw this.#error(start, `found ${quote(word)}, expected a timestamp in whole ms`);
    return Number(word);
  }

  #word(): string {
    const start = this.#at;
    while (this.#at < this.#line.length && !" \t".includes(this.#line[this.#at]!)) this.#at++;
    return this.#line.slice(start, this.#at);
  }

  #expect(character: string): void {
    this.#skipBlanks();
    if (this.#line[this.#at] !== character) {
      throw this.#error(this.#at, `found ${this.#found(this.#at)}, expected ${JSON.stringify(character)}`);
    }
    this.#at++;
  }

  #skipBlanks(): void {
    while (this.#line[this.#at] === " " || this.#line[this.#at] === "\t") this.#at++;
  }

  #found(at: number): string {
    return at < this.#line.length ? quote(this.#line[at]!) : "the end of line";
  }

  #error(at: number, message: string): UserError {
    return new UserError({ code: "COMMON_BAD_METRICS", where: `${this.#where}:${at + 1}`, message });
  }
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

/** `\\`, `\n` and `\"`; any other escaped character stands for itself with its backslash, as Prometheus reads it. */
function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\([\\n"])/g, (_, character: string) => (character === "n" ? "\n" : character));
}
