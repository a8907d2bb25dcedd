import { RequestStatus, type RequestTable, type RoleName, requestTable } from "#src/record";
import { AdmissionLog } from "./admission-log.ts";
import type { AdmissionRecord, ServingRanks, SimulationSpec, TransferTimes } from "./types.ts";

function times(count: number): Float64Array {
  return new Float64Array(count).fill(Number.NaN);
}

/** Where the simulator writes down what happens to each request. */
export class Outcomes {
  readonly table: RequestTable;
  /** When the attempt under way was sent; the arrival, where clients try once. */
  readonly sentMs: Float64Array;
  readonly transfers: TransferTimes | null;
  readonly ranks: ServingRanks | null;
  readonly admissions = new AdmissionLog();
  readonly #captures: boolean;
  readonly #admittedIn: Uint8Array | null;

  constructor({
    workload,
    prefill,
    capture,
    clients,
  }: Pick<SimulationSpec, "workload" | "prefill" | "capture" | "clients">) {
    const captures = capture === true;
    const { count } = workload;
    this.table = requestTable(count);
    this.sentMs = clients ? times(count) : this.table.arrivalMs;
    this.table.isl.set(workload.isl.subarray(0, count));
    this.table.requestedOsl.set(workload.osl.subarray(0, count));
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
    const isFirst = Number.isNaN(this.table.arrivalMs[request]!);
    this.sentMs[request] = atMs;
    if (isFirst) this.table.arrivalMs[request] = atMs;
    return isFirst;
  }

  routed(role: RoleName, request: number, worker: number, rank: number, ranks: number): void {
    const column = role === "prefill" ? this.table.prefillWorker : this.table.decodeWorker;
    column[request] = worker;
    if (this.ranks !== null) this.ranks[role][request] = worker * ranks + rank;
  }

  admitted(pool: AdmissionRecord["pool"], request: number, atMs: number, reusedTokens: number): void {
    const { table } = this;
    if (Number.isNaN(table.admitMs[request]!)) table.admitMs[request] = atMs;
    if (pool !== "decode" && reusedTokens > table.cachedTokens[request]!) table.cachedTokens[request] = reusedTokens;
    if (!this.#captures) return;
    const bit = pool === "decode" ? 2 : 1;
    const readmission = (this.#admittedIn![request]! & bit) !== 0;
    this.#admittedIn![request]! |= bit;
    this.admissions.add(request, pool, atMs, reusedTokens, readmission);
    const column = pool === "decode" ? this.transfers?.decodeAdmitMs : this.transfers?.prefillAdmitMs;
    if (column !== undefined && Number.isNaN(column[request]!)) column[request] = atMs;
  }

  transfer(station: keyof TransferTimes, request: number, atMs: number): void {
    if (this.transfers !== null) this.transfers[station][request] = atMs;
  }

  finished(request: number, atMs: number, outputTokens: number): void {
    this.table.lastTokenMs[request] = atMs;
    this.table.outputTokens[request] = outputTokens;
    this.table.status[request] = RequestStatus.completed;
  }
}
