import type { AdmissionRecord } from "./types.ts";

const POOLS = ["agg", "prefill", "decode"] as const;

/** Admissions in the order they happened, kept in columns: a run of 100,000 requests makes no objects for them. */
export class AdmissionLog implements Iterable<AdmissionRecord> {
  #request = new Int32Array(64);
  #atMs = new Float64Array(64);
  #reusedTokens = new Int32Array(64);
  /** Pool · 2 + (1 for a re-admission). */
  #kind = new Uint8Array(64);
  #length = 0;
  #capacity = 64;

  get length(): number {
    return this.#length;
  }

  add(request: number, pool: AdmissionRecord["pool"], atMs: number, reusedTokens: number, readmission: boolean): void {
    if (this.#length === this.#capacity) this.#enlarge();
    const at = this.#length++;
    this.#request[at] = request;
    this.#atMs[at] = atMs;
    this.#reusedTokens[at] = reusedTokens;
    const place = pool === "agg" ? 0 : pool === "prefill" ? 1 : 2;
    this.#kind[at] = 2 * place + (readmission ? 1 : 0);
  }

  /** By hand, as a generator would be called back for each: who reads a hundred thousand of them notices. */
  [Symbol.iterator](): Iterator<AdmissionRecord, undefined> {
    let at = 0;
    return {
      next: () => (at < this.#length ? { done: false, value: this.#record(at++) } : { done: true, value: undefined }),
    };
  }

  #record(at: number): AdmissionRecord {
    return {
      request: this.#request[at]!,
      pool: POOLS[this.#kind[at]! >> 1]!,
      atMs: this.#atMs[at]!,
      reusedTokens: this.#reusedTokens[at]!,
      readmission: (this.#kind[at]! & 1) === 1,
    };
  }

  #enlarge(): void {
    const length = this.#length * 2;
    const request = new Int32Array(length);
    const atMs = new Float64Array(length);
    const reusedTokens = new Int32Array(length);
    const kind = new Uint8Array(length);
    request.set(this.#request);
    atMs.set(this.#atMs);
    reusedTokens.set(this.#reusedTokens);
    kind.set(this.#kind);
    this.#request = request;
    this.#atMs = atMs;
    this.#reusedTokens = reusedTokens;
    this.#kind = kind;
    this.#capacity = length;
  }
}
