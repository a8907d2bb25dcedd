import { thinkingTokens } from "#mocker/engine";
import { RequestStatus, type RoleName, type RowFile } from "#src/record";
import { AdmissionLog } from "./admission-log.ts";
import { RequestPages } from "./request-pages.ts";
import type { AdmissionRecord, ServingRanks, SimulationSpec, TransferTimes } from "./types.ts";

function times(count: number): Float64Array {
  return new Float64Array(count).fill(Number.NaN);
}

/** Where the simulator writes down what happens to each request. */
export class Outcomes {
  readonly pages: RequestPages;
  readonly transfers: TransferTimes | null;
  readonly ranks: ServingRanks | null;
  readonly admissions = new AdmissionLog();
  /** When the attempt under way was sent; null where clients try once: it is the arrival. */
  readonly #sentMs: Float64Array | null;
  readonly #thinkingRatio: number;
  readonly #captures: boolean;
  readonly #admittedIn: Uint8Array | null;

  /** @param file where rows go; null: they stay in memory */
  constructor(
    {
      workload,
      prefill,
      decode,
      capture,
      clients,
    }: Pick<SimulationSpec, "workload" | "prefill" | "decode" | "capture" | "clients">,
    file: RowFile | null = null,
  ) {
    const captures = capture === true;
    const { count } = workload;
    this.#thinkingRatio = decode.engine.thinkingRatio;
    this.pages = new RequestPages(workload, file, this.#thinkingRatio > 0);
    this.#sentMs = clients ? times(count) : null;
    this.#captures = captures;
    this.#admittedIn = captures ? new Uint8Array(count) : null;
    const unserved = () => new Int32Array(count).fill(-1);
    this.ranks = captures ? { prefill: unserved(), decode: unserved() } : null;
    this.transfers =
      captures && prefill !== null
        ? {
            prefillAdmitMs: times(count),
            sourceHeldMs: times(count),
            destinationReservedMs: times(count),
            destinationActivatedMs: times(count),
            decodeAdmitMs: times(count),
            sourceReleasedMs: times(count),
          }
        : null;
  }

  /** @returns whether it was sent for the first time */
  sent(request: number, atMs: number): boolean {
    const { arrivalMs } = this.pages.page(request);
    const row = this.pages.row(request);
    const isFirst = Number.isNaN(arrivalMs[row]!);
    if (this.#sentMs !== null) this.#sentMs[request] = atMs;
    if (isFirst) arrivalMs[row] = atMs;
    return isFirst;
  }

  /** When the attempt under way was sent, ms. */
  sentMs(request: number): number {
    return this.#sentMs === null
      ? this.pages.page(request).arrivalMs[this.pages.row(request)]!
      : this.#sentMs[request]!;
  }

  routed(role: RoleName, request: number, worker: number, rank: number, ranks: number): void {
    const table = this.pages.page(request);
    (role === "prefill" ? table.prefillWorker : table.decodeWorker)[this.pages.row(request)] = worker;
    if (this.ranks !== null)
      (role === "prefill" ? this.ranks.prefill : this.ranks.decode)[request] = worker * ranks + rank;
  }

  /** The worker of a role that it was last sent to, −1 for none. */
  workerOf(role: RoleName, request: number): number {
    const table = this.pages.page(request);
    return (role === "prefill" ? table.prefillWorker : table.decodeWorker)[this.pages.row(request)]!;
  }

  admitted(pool: AdmissionRecord["pool"], request: number, atMs: number, reusedTokens: number): void {
    const { admitMs, cachedTokens } = this.pages.page(request);
    const row = this.pages.row(request);
    if (Number.isNaN(admitMs[row]!)) admitMs[row] = atMs;
    if (pool !== "decode" && reusedTokens > cachedTokens[row]!) cachedTokens[row] = reusedTokens;
    if (!this.#captures) return;
    const bit = pool === "decode" ? 2 : 1;
    const readmission = (this.#admittedIn![request]! & bit) !== 0;
    this.#admittedIn![request]! |= bit;
    this.admissions.add(request, pool, atMs, reusedTokens, readmission);
    const column = pool === "decode" ? this.transfers?.decodeAdmitMs : this.transfers?.prefillAdmitMs;
    if (column !== undefined && Number.isNaN(column[request]!)) column[request] = atMs;
  }

  cachedTokens(request: number): number {
    return this.pages.page(request).cachedTokens[this.pages.row(request)]!;
  }

  firstToken(request: number, atMs: number): void {
    this.pages.page(request).firstTokenMs[this.pages.row(request)] = atMs;
  }

  hasFirstToken(request: number): boolean {
    return !Number.isNaN(this.pages.page(request).firstTokenMs[this.pages.row(request)]!);
  }

  secondToken(request: number, atMs: number): void {
    this.pages.page(request).secondTokenMs[this.pages.row(request)] = atMs;
  }

  firstOutputToken(request: number, atMs: number): void {
    this.pages.page(request).firstOutputTokenMs![this.pages.row(request)] = atMs;
  }

  /** Tokens after the first that were still under way then never come. */
  dropTokensAfter(request: number, nowMs: number): void {
    const { secondTokenMs, firstOutputTokenMs } = this.pages.page(request);
    const row = this.pages.row(request);
    for (const times of [secondTokenMs, firstOutputTokenMs]) {
      if (times !== null && times[row]! > nowMs) times[row] = Number.NaN;
    }
  }

  /** What came of an attempt before counts no more. */
  forgetTokens(request: number): void {
    const { firstTokenMs, secondTokenMs, firstOutputTokenMs } = this.pages.page(request);
    const row = this.pages.row(request);
    firstTokenMs[row] = Number.NaN;
    secondTokenMs[row] = Number.NaN;
    if (firstOutputTokenMs !== null) firstOutputTokenMs[row] = Number.NaN;
  }

  preempted(request: number): void {
    this.pages.page(request).preemptions[this.pages.row(request)]!++;
  }

  attempts(request: number): number {
    return this.pages.page(request).attempts[this.pages.row(request)]!;
  }

  triedAgain(request: number): void {
    this.pages.page(request).attempts[this.pages.row(request)]!++;
  }

  finished(request: number, atMs: number, outputTokens: number): void {
    const table = this.pages.page(request);
    const row = this.pages.row(request);
    table.lastTokenMs[row] = atMs;
    table.outputTokens[row] = outputTokens;
    if (table.reasoningTokens !== null) table.reasoningTokens[row] = thinkingTokens(outputTokens, this.#thinkingRatio);
    table.status[row] = RequestStatus.completed;
  }

  rejected(request: number): void {
    const table = this.pages.page(request);
    const row = this.pages.row(request);
    table.status[row] = RequestStatus.rejected;
    table.outputTokens[row] = 0;
  }

  failed(request: number): void {
    this.pages.page(request).status[this.pages.row(request)] = RequestStatus.failed;
  }
}
