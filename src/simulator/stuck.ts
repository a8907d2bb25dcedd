import { engineStuck } from "#mocker/engine";
import { RequestStatus, type RequestTable } from "#src/record";
import type { SimulationSpec } from "./types.ts";

/**
 * Nothing will ever happen again, and requests are left. With `abortOnStuck` that is an error where a decode worker has one: it waits for
 * blocks that nobody will free. @throws UserError ENGINE_STUCK
 */
export function refuseStuck({ prefill, decode }: SimulationSpec, table: RequestTable): void {
  if (prefill === null || !decode.engine.quirks.abortOnStuck) return;
  for (let request = 0; request < table.count; request++) {
    const isLeft = table.status[request] === RequestStatus.unfinished && !Number.isNaN(table.arrivalMs[request]!);
    if (isLeft && table.decodeWorker[request]! >= 0) throw engineStuck(request);
  }
}
