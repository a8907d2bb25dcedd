import { join } from "node:path";
import { makeFolder, writeFileAtomically } from "#common";
import { DYNAMO_LABELS, isStatus, type KubernetesClient } from "#planner/connectors";
import {
  byName,
  MAIN_CONTAINER,
  mainContainer,
  mainStatus,
  type PodObject,
  podsPath,
  SELECTOR_LABEL,
} from "./objects.ts";

/** Of one log: what says the KV capacity stands at its beginning. */
const LOG_LIMIT_BYTES = 64 * 2 ** 20;

/** Pods of one deployment, by component in lower case, in the order of their names. */
export async function podsByComponent(
  client: KubernetesClient,
  namespace: string,
  deployment: string,
  components: readonly string[],
): Promise<Map<string, PodObject[]>> {
  const list = async (labelSelector: string) =>
    (await client.request<{ items?: PodObject[] }>({ path: podsPath(namespace), query: { labelSelector } })).items ??
    [];
  const lower = components.map((name) => name.toLowerCase());
  const all = await list(`${DYNAMO_LABELS.graph}=${deployment}`);
  const found = new Map<string, PodObject[]>();
  for (const name of lower) {
    const own = all.filter(({ metadata }) => metadata.labels?.[DYNAMO_LABELS.component]?.toLowerCase() === name);
    const pods = own.length > 0 ? own : await list(`${SELECTOR_LABEL}=${deployment}-${name}`);
    found.set(name, pods.sort(byName));
  }
  return found;
}

/**
 * Saves what the containers wrote to `<folder>/<component>/<replica>.log`, and of those that were restarted what the one before wrote to
 * `<replica>.previous.log`. What can't be had is left as an earlier call had it.
 * @returns the files by component, and why some could not be had
 */
export async function savePodLogs(
  client: KubernetesClient,
  namespace: string,
  pods: ReadonlyMap<string, readonly PodObject[]>,
  folder: string,
): Promise<{ files: Map<string, string[]>; troubles: string[] }> {
  const files = new Map<string, string[]>();
  const troubles: string[] = [];
  for (const [component, replicas] of pods) {
    makeFolder(join(folder, component));
    const saved = replicas.map(async (pod, i) => {
      const file = join(folder, component, `${i}.log`);
      try {
        writeFileAtomically(file, await logOf(client, namespace, pod, false));
        if ((mainStatus(pod)?.restartCount ?? 0) > 0) {
          writeFileAtomically(file.replace(/\.log$/, ".previous.log"), await logOf(client, namespace, pod, true));
        }
      } catch (error) {
        // A container that has not started has none, one that was never restarted has none before.
        const isEarly = isStatus(error, 400) || isStatus(error, 404);
        if (!isEarly) troubles.push(`${pod.metadata.name}: ${(error as Error).message}`);
      }
      return file;
    });
    files.set(component, await Promise.all(saved));
  }
  return { files, troubles };
}

function logOf(client: KubernetesClient, namespace: string, pod: PodObject, previous: boolean): Promise<string> {
  return client.text({
    path: `${podsPath(namespace, pod.metadata.name)}/log`,
    query: {
      container: mainContainer(pod)?.name ?? MAIN_CONTAINER,
      limitBytes: String(LOG_LIMIT_BYTES),
      ...(previous ? { previous: "true" } : {}),
    },
    // Where the node can't be asked now, it can't in twenty seconds either.
    retry: { deadlineMs: 5_000 },
  });
}
