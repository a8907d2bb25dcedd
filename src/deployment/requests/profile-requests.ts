import { createHash } from "node:crypto";
import { requestFailed } from "../errors.ts";
import { isObject } from "../graph/json.ts";
import { namedNamespace } from "../plan/namespace.ts";
import { type ManifestDocument, placeOf } from "../plan/read-manifests.ts";
import { generatedDeployment } from "./generated.ts";
import { ProfilingRuns } from "./profiling-runs.ts";
import type { ProfiledRequest, RunFacts } from "./types.ts";

export interface ProfileRequestsOptions {
  /** Where runs keep what they find: a request that has not changed is not profiled again. */
  folder: string;
  /** This program: Node, and what follows it. */
  program: readonly [string, ...string[]];
  /** Of requests that name none. */
  namespace: string;
  progress: (request: string, run: RunFacts) => void;
  signal?: AbortSignal;
}

/** Whether there is a DynamoGraphDeploymentRequest among the documents. */
export function hasRequests(documents: readonly ManifestDocument[]): boolean {
  return documents.some(({ value }) => isRequest(value));
}

/**
 * The documents with the deployments that were asked for in the place of the requests for them: profiled one after the other, and made of mock
 * workers, as nothing else can run here.
 * @throws UserError DEPLOYMENT_REQUEST_FAILED with the profiler's words; the signal's reason
 */
export async function profileRequests(
  documents: readonly ManifestDocument[],
  options: ProfileRequestsOptions,
): Promise<ManifestDocument[]> {
  const others = documents.filter(({ value }) => !isRequest(value));
  const configMaps = others.map(({ value }) => value).filter((value) => isObject(value) && value.kind === "ConfigMap");
  const result = [...others];
  for (const document of documents) {
    if (!isRequest(document.value)) continue;
    const request = requestOf(document.value as Record<string, unknown>, options.namespace);
    const run = await profiled(request, configMaps as object[], options);
    if (run.state === "failed") throw requestFailed(placeOf(document, ""), request.metadata.name, run.message);
    const { namespace, name } = request.metadata;
    const graph = generatedDeployment(request, run.graph);
    for (const object of [...run.beside, { ...graph, metadata: { ...graph.metadata, namespace } }]) {
      result.push({ value: object, file: `${document.file}: ${name}` });
    }
  }
  return result;
}

async function profiled(
  request: ProfiledRequest,
  beside: readonly object[],
  { folder, program, progress, signal }: ProfileRequestsOptions,
): Promise<Exclude<RunFacts, { state: "running" }>> {
  const { promise: ended, resolve, reject } = Promise.withResolvers<Exclude<RunFacts, { state: "running" }>>();
  const changed = () => {
    const run = runs.facts(request);
    if (run === null) return;
    progress(request.metadata.name, run);
    if (run.state !== "running") resolve(run);
  };
  const runs = new ProfilingRuns({ folder, program, changed });
  const aborted = () => reject(signal!.reason as Error);
  signal?.addEventListener("abort", aborted, { once: true });
  try {
    signal?.throwIfAborted();
    runs.begin(request, beside);
    return await ended;
  } finally {
    signal?.removeEventListener("abort", aborted);
    await runs.close();
  }
}

function isRequest(value: unknown): boolean {
  return isObject(value) && value.kind === "DynamoGraphDeploymentRequest";
}

/** What an API server would add: a name of its own, which is that of its contents here. */
function requestOf(value: Record<string, unknown>, preset: string): ProfiledRequest {
  const { name = "request" } = (value.metadata ?? {}) as { name?: string };
  const namespace = namedNamespace(value.metadata) ?? preset;
  const uid = createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 12);
  return { ...value, metadata: { name, namespace, uid } };
}
