import type { Workload } from "#scenarios";
import { RequestStatus } from "#src/record";
import type { AdmissionRecord, SimulationResult } from "#src/simulator";
import type { DynosimAdmission, DynosimRecord } from "./case.ts";

const STATUS_NAMES: Record<number, string> = {
  [RequestStatus.completed]: "completed",
  [RequestStatus.rejected]: "rejected",
  [RequestStatus.failed]: "failed",
  [RequestStatus.unfinished]: "unfinished",
};

/**
 * One record per request, as DynoSim's `per_request` has them; the result must have been captured.
 * The uuid is the request's number as DynoSim numbers plain synthetic requests (from 1, twelve hexadecimal digits).
 */
export function dynosimRecords(result: SimulationResult, workload: Workload): DynosimRecord[] {
  const admissions = admissionsByRequest(result);
  return Array.from({ length: result.requests.count }, (_, i) => record(result, workload, i, admissions[i]!));
}

/** Admissions of each request in order of time. */
export function admissionsByRequest(result: SimulationResult): AdmissionRecord[][] {
  const lists: AdmissionRecord[][] = Array.from({ length: result.requests.count }, () => []);
  for (const admission of result.admissions) lists[admission.request]!.push(admission);
  return lists;
}

function record(result: SimulationResult, workload: Workload, i: number, admissions: AdmissionRecord[]): DynosimRecord {
  const { requests, transfers, ranks } = result;
  const arrival = requests.arrivalMs[i]!;
  const first = known(requests.firstTokenMs[i]!);
  const second = known(requests.secondTokenMs[i]!);
  const last = known(requests.lastTokenMs[i]!);
  const tokens = requests.outputTokens[i]!;
  const label = workload.sessionIds?.[i] ?? "";
  const reused = (pools: AdmissionRecord["pool"][]) =>
    admissions.reduce((most, a) => (pools.includes(a.pool) ? Math.max(most, a.reusedTokens) : most), 0);
  const at = (times: Float64Array | undefined) => (times === undefined ? null : known(times[i]!));
  return {
    session_id: label === "" ? null : label,
    turn_index: label === "" || workload.dependencies !== undefined ? null : (workload.turnIndex?.[i] ?? 0),
    uuid: `00000000-0000-0000-0000-${(i + 1).toString(16).padStart(12, "0")}`,
    arrival_time_ms: arrival,
    first_admit_ms: admissions[0]?.atMs ?? null,
    // A request is refused where it arrives.
    terminal_time_ms: requests.status[i] === RequestStatus.rejected ? arrival : last,
    first_token_ms: first,
    last_token_ms: last,
    ttft_ms: first === null ? null : first - arrival,
    ttst_ms: first === null || second === null ? null : second - first,
    e2e_latency_ms: last === null ? null : last - arrival,
    itl_ms: first === null || last === null || tokens < 2 ? null : (last - first) / (tokens - 1),
    input_length: requests.isl[i]!,
    requested_output_length: requests.requestedOsl[i]!,
    output_length: tokens,
    reused_input_tokens: reused(["agg", "prefill"]),
    prefill_worker_idx: transfers === null ? null : rank(ranks?.prefill[i]),
    decode_worker_idx: rank(ranks?.decode[i]),
    prefill_admit_ms: at(transfers?.prefillAdmitMs),
    source_held_ms: at(transfers?.sourceHeldMs),
    destination_reserved_ms: at(transfers?.destinationReservedMs),
    destination_activated_ms: at(transfers?.destinationActivatedMs),
    decode_admit_ms: at(transfers?.decodeAdmitMs),
    source_released_ms: at(transfers?.sourceReleasedMs),
    decode_reused_input_tokens: transfers === null || rank(ranks?.decode[i]) === null ? null : reused(["decode"]),
    routing_history: [],
    admission_history: admissions.map(admissionEntry),
    admission_count: admissions.length,
    readmission_count: admissions.filter((a) => a.readmission).length,
    terminal_status: STATUS_NAMES[requests.status[i]!] ?? "unfinished",
  };
}

function admissionEntry(a: AdmissionRecord): DynosimAdmission {
  return { pool: a.pool, at_ms: a.atMs, reused_input_tokens: a.reusedTokens, is_readmission: a.readmission };
}

function known(ms: number): number | null {
  return Number.isNaN(ms) ? null : ms;
}

function rank(index: number | undefined): number | null {
  return index === undefined || index < 0 ? null : index;
}
