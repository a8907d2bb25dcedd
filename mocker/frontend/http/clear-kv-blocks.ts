import { callWhole, isCallError } from "../proxy/upstream.ts";
import type { FrontendContext } from "./context.ts";

/** Has every worker forget what its cache holds; tells which did, in the words of Dynamo's frontend. */
export async function clearKvBlocks({ fleet, workerHeaders }: FrontendContext) {
  const cleared: { worker_id: string; url: string }[] = [];
  const failed: { worker_id: string; url: string; error: string }[] = [];
  const backends = [...fleet.backends()].filter(({ state, foreign }) => state !== "unknown" && !foreign);
  await Promise.all(
    backends.map(async (backend) => {
      const { id, url } = backend;
      const outcome = await callWhole(backend.dispatcher, {
        method: "POST",
        path: "/clear_kv_blocks",
        headers: workerHeaders,
      });
      if (isCallError(outcome)) failed.push({ worker_id: id, url, error: outcome.message });
      else if (outcome.status !== 200) failed.push({ worker_id: id, url, error: `answers ${outcome.status}` });
      else cleared.push({ worker_id: id, url });
    }),
  );
  return { cleared_workers: cleared, failed_workers: failed };
}
