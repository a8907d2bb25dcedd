import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  hasRequests,
  type ManifestDocument,
  planDeployments,
  profileRequests,
  type RunPlan,
  readManifests,
  type StateFolder,
} from "#src/deployment";
import { progress } from "../../progress.ts";

/** All files together: what one declares another may use. Requests are profiled, and the deployments that come of it planned. */
export async function readPlans(
  files: readonly string[],
  { namespace, playEngines }: { namespace?: string; playEngines?: string },
  state: StateFolder,
): Promise<{ plans: RunPlan[]; input: string }> {
  let input = "";
  const documents = files.flatMap((file) => {
    const text = readFileSync(file === "-" ? 0 : file, "utf8");
    if (file === "-") input = text;
    return readManifests(text, file === "-" ? "standard input" : file);
  });
  const options = {
    store: "local",
    ...(namespace === undefined ? {} : { namespace }),
    ...(playEngines === undefined ? {} : { playEngines }),
  } as const;
  if (!hasRequests(documents)) return { plans: planDeployments(documents, options), input };
  return { plans: planDeployments(await profiled(documents, namespace ?? "default", state), options), input };
}

async function profiled(
  documents: readonly ManifestDocument[],
  namespace: string,
  state: StateFolder,
): Promise<ManifestDocument[]> {
  state.make();
  const interrupted = new AbortController();
  const abort = () => interrupted.abort(new Error("interrupted"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, abort);
  const bar = progress();
  try {
    return await profileRequests(documents, {
      folder: join(state.path, "requests"),
      program: [process.execPath, process.argv[1]!],
      namespace,
      signal: interrupted.signal,
      progress: (request, run) =>
        bar.update(`profiling ${request}: ${run.state === "running" ? run.message : run.state}`),
    });
  } finally {
    bar.done();
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, abort);
  }
}
