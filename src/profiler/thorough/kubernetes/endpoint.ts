import { UserError } from "#common";
import type { Pace } from "#planner/connectors";
import { frontendPort, type KubernetesObject } from "#src/deployment";
import { servedModels } from "#src/loadgen";
import { endpointUnreachable } from "./errors.ts";
import { mainContainer, mainStatus, type PodObject } from "./objects.ts";
import { filledTemplate } from "./template.ts";

/** A service's address leads to a frontend that is ready a moment later; real ms. */
const UNREACHABLE_MS = 30_000;
const LOOK_MS = 500;

export interface EndpointPlace {
  dgd: KubernetesObject;
  name: string;
  namespace: string;
  /** URL with `{name}`, `{namespace}`, `{port}`; absent: the service within the cluster, the frontend's pod outside. */
  template: string | undefined;
  isInCluster: boolean;
  /** Service of the deployment that answers; `frontend` where absent. */
  service: string | undefined;
  frontends: readonly PodObject[];
}

/** Base URL of the deployment's endpoint; null where no pod has an address. @throws UserError PROFILER_BAD_URL_TEMPLATE */
export function endpointUrl(place: EndpointPlace): string | null {
  const { dgd, name, namespace, template, isInCluster, service, frontends } = place;
  const port = frontendPort(dgd);
  if (template !== undefined) return filledTemplate(template, { name, namespace, port });
  if (isInCluster) {
    return `http://${name}-${(service || "frontend").toLowerCase()}.${namespace}.svc.cluster.local:${port}`;
  }
  const pod = frontends.find((one) => one.status?.podIP && mainStatus(one)?.ready !== false);
  if (pod === undefined) return null;
  const ports = mainContainer(pod)?.ports ?? [];
  const own = ports.find((one) => one.name === "http") ?? ports[0];
  const ip = pod.status!.podIP!;
  return `http://${ip.includes(":") ? `[${ip}]` : ip}:${own?.containerPort ?? port}`;
}

/**
 * Resolves when the endpoint lists a model.
 * @throws UserError where it can't be reached at all; the signal's reason where that aborts
 */
export async function untilServed(
  url: string,
  { name, namespace }: { name: string; namespace: string },
  pace: Pace,
  signal: AbortSignal,
): Promise<void> {
  const startMs = pace.nowMs();
  let wasReached = false;
  for (;;) {
    signal.throwIfAborted();
    try {
      const models = await servedModels({ url });
      wasReached = true;
      // Servers without a list of models are taken at their word.
      if (models === null || models.length > 0) return;
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      if (!wasReached && pace.nowMs() - startMs >= UNREACHABLE_MS) {
        throw endpointUnreachable(url, name, namespace, error.message);
      }
    }
    await pace.sleep(LOOK_MS, signal);
  }
}
