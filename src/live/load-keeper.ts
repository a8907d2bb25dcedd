import {
  type LoadFacts,
  type LoadOptions,
  type LoadRecordOptions,
  type LoadTimes,
  loadRecord,
  runLoad,
  runLoadOntoDisk,
  storedLoadRecord,
} from "#src/loadgen";
import {
  type ReportedRun,
  type RequestTable,
  type RowFile,
  type RunRecord,
  StoredRows,
  type StoredRun,
} from "#src/record";

/** Sends a workload, and keeps the rows of its requests somewhere. */
export interface LoadKeeper<Run extends ReportedRun> {
  send(options: LoadOptions): Promise<KeptLoad<Run>>;
}

/** What came of a load run whose rows are kept somewhere. */
export interface KeptLoad<Run extends ReportedRun = ReportedRun> extends LoadFacts, LoadTimes {
  /** The rows of requests in blocks, in their order; rows without an arrival, where there are some, were never sent. */
  blocks(): Iterable<{ requests: RequestTable }>;
  /** @param endMs when the run was over, where that was later than the last request's end */
  record(options: LoadRecordOptions, endMs?: number): Run;
}

export const keepInMemory: LoadKeeper<RunRecord> = {
  send: async (options) => {
    const load = await runLoad(options);
    return {
      ...load,
      blocks: () => [load],
      record: (given, endMs = load.endMs) => loadRecord({ ...load, endMs }, given),
    };
  },
};

/** @param file is its owner's to close; runs can be read until then */
export function keepOntoDisk(file: RowFile): LoadKeeper<StoredRun> {
  return {
    send: async (options) => {
      const load = await runLoadOntoDisk(options, { rows: file, details: null });
      const feasible = new Uint8Array(options.workload.count);
      return {
        ...load,
        blocks: () => new StoredRows(file, { feasible, tenantOf: null, routing: null }, load.pages),
        record: (given, endMs = load.endMs) => storedLoadRecord({ ...load, endMs }, given),
      };
    },
  };
}
