import { engineStuck } from "#mocker/engine";
import { RequestStatus } from "#src/record";
import type { RequestPages } from "./request-pages.ts";
import type { SimulationSpec } from "./types.ts";

/**
 * Nothing will ever happen again, and requests are left. With `abortOnStuck` that is an error where a decode worker has one: it waits for
 * blocks that nobody will free. @throws UserError ENGINE_STUCK
 */
export function refuseStuck({ prefill, decode }: SimulationSpec, pages: RequestPages): void {
  if (prefill === null || !decode.engine.quirks.abortOnStuck) return;
  for (const { first, table } of pages.inMemory()) {
    for (let row = 0; row < table.count; row++) {
      const isLeft = table.status[row] === RequestStatus.unfinished && !Number.isNaN(table.arrivalMs[row]!);
      if (isLeft && table.decodeWorker[row]! >= 0) throw engineStuck(first + row);
    }
  }
}
