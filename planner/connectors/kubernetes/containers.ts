/** A pod's container, as far as it tells what a worker is. */
export interface Container {
  name?: string;
  command?: string[];
  args?: string[];
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> };
}

/** Which of a pod's containers is the worker: Dynamo's `main`, else the first that asks for GPUs, else the first. */
export function mainContainer(containers: readonly Container[] = []): Container | undefined {
  return (
    containers.find(({ name }) => name === "main") ??
    containers.find((container) => containerGpus(container) !== undefined) ??
    containers[0]
  );
}

/** Of its limits, else its requests; undefined where they don't say. */
export function containerGpus(container: Container | undefined): string | undefined {
  const { limits, requests } = container?.resources ?? {};
  return gpuResource(limits) ?? gpuResource(requests);
}

/** `nvidia.com/gpu`, or another vendor's: the first that ends so. */
function gpuResource(resources: Record<string, string> | undefined): string | undefined {
  const name = Object.keys(resources ?? {}).find((key) => /(^|\/)gpu$/.test(key));
  return name === undefined ? undefined : resources![name];
}

/** GPUs of all nodes of a replica; null where nobody says. @param text of one node */
export function gpusOf(text: string | number | undefined, nodes: number): number | null {
  const gpus = Number(text);
  return text === undefined || text === "" || !Number.isFinite(gpus) ? null : gpus * nodes;
}

/** Words of its command line, a shell's script among them. */
export function argumentsOf(container: Container | undefined): string[] {
  return [...(container?.command ?? []), ...(container?.args ?? [])].flatMap((text) => text.split(/\s+/));
}
