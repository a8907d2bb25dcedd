import type { Workload } from "#scenarios";
import { RequestStatus } from "#src/record";
import type { LoadColumns } from "./columns.ts";
import type { LoadCounts } from "./types.ts";

/** Requests of which something is not as it was asked for. Sums of whole numbers: the order of requests does not matter. */
class Deviation {
  count = 0;
  of = 0;
  #found = 0;
  #asked = 0;

  note(found: number, asked: number): void {
    this.of++;
    if (found === asked) return;
    this.count++;
    this.#found += found;
    this.#asked += asked;
  }

  /** Means over the requests that deviate. */
  get mean(): number {
    return this.#found / this.count;
  }

  get asked(): number {
    return this.#asked / this.count;
  }
}

/** What is told of all requests of a load run; counts columns once each, in any order. */
export class LoadTally {
  readonly counts: LoadCounts = { sent: 0, completed: 0, rejected: 0, failed: 0, unfinished: 0, cancelled: 0 };
  /** Output tokens, and prompt tokens by the server's count, that are not those asked for. */
  readonly osl = new Deviation();
  readonly isl = new Deviation();
  /** Responses without usage, and those that were not streamed. */
  untold = 0;
  whole = 0;
  /** When the last request ended, ms from the start. */
  endMs = 0;
  /** Some response that was not cancelled had tokens of reasoning. */
  reasons = false;
  readonly #workload: Workload;

  constructor(workload: Workload) {
    this.#workload = workload;
  }

  /** @param first number of the request in the first row */
  add({ requests, details }: LoadColumns, first: number): void {
    const { counts } = this;
    for (let i = 0; i < requests.count; i++) {
      const endedMs = details.endedMs[i]!;
      if (endedMs > this.endMs) this.endMs = endedMs;
      if (requests.reasoningTokens[i]! > 0 && details.cancelled[i] === 0) this.reasons = true;
      if (Number.isNaN(requests.arrivalMs[i]!)) continue;
      counts.sent++;
      const status = requests.status[i];
      if (details.cancelled[i] === 1) counts.cancelled++;
      else if (status === RequestStatus.completed) counts.completed++;
      else if (status === RequestStatus.rejected) counts.rejected++;
      else if (status === RequestStatus.failed) counts.failed++;
      else counts.unfinished++;
      if (status !== RequestStatus.completed) continue;
      this.osl.note(requests.outputTokens[i]!, this.#workload.osl[first + i]!);
      const serverIsl = details.serverIsl[i]!;
      if (serverIsl >= 0) this.isl.note(serverIsl, this.#workload.isl[first + i]!);
      else this.untold++;
      if (Number.isNaN(requests.firstTokenMs[i]!)) this.whole++;
    }
  }
}
