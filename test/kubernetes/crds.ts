import { readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";
import { waitFor } from "../integration/processes.ts";
import { referencePath } from "../reference.ts";
import type { KubeApiServer, KubeObject } from "./api-server.ts";

interface Definition extends KubeObject {
  metadata: { name: string };
  spec: { versions: { name: string; storage: boolean; served: boolean }[]; conversion?: unknown };
}

const GRAPHS = {
  v1alpha1: ["dynamographdeployments"],
  v1beta1: ["dynamographdeployments", "dynamographdeploymentscalingadapters"],
} as const;
const REQUESTS = "dynamographdeploymentrequests";

/**
 * Dynamo's own definitions of its graphs, of one version. Those of v1beta1 hold v1alpha1, too, which only the operator's webhook can
 * convert: that is taken out.
 */
export async function installGraphCrds(server: KubeApiServer, version: keyof typeof GRAPHS): Promise<void> {
  for (const plural of GRAPHS[version]) await installDynamoCrd(server, plural, version, [version]);
}

/** The same of requests for graphs. */
export async function installRequestCrd(server: KubeApiServer, version: keyof typeof GRAPHS): Promise<void> {
  await installDynamoCrd(server, REQUESTS, version, [version]);
}

/** All of Dynamo's definitions of a folder; of v1beta1 both versions, unconverted: good for dry runs alone. */
export async function installDynamoCrds(server: KubeApiServer, folder: keyof typeof GRAPHS): Promise<void> {
  const versions = folder === "v1beta1" ? ["v1alpha1", "v1beta1"] : [folder];
  for (const plural of [...GRAPHS[folder], REQUESTS]) await installDynamoCrd(server, plural, folder, versions);
}

async function installDynamoCrd(server: KubeApiServer, plural: string, folder: string, versions: string[]) {
  const file = referencePath("crds", folder, `nvidia.com_${plural}.yaml`);
  const definition = load(readFileSync(file, "utf8")) as Definition;
  definition.spec.versions = definition.spec.versions.filter(({ name }) => versions.includes(name));
  definition.spec.conversion = { strategy: "None" };
  await install(server, definition);
  for (const version of versions) await known(server, `nvidia.com/${version}/${plural}`);
}

/** The Prometheus operator's definitions of these kinds. @param folder of `ensureMonitoringCrds` */
export async function installMonitoringCrds(server: KubeApiServer, folder: string, plurals: string[]): Promise<void> {
  for (const plural of plurals) {
    const text = readFileSync(join(folder, `monitoring.coreos.com_${plural}.yaml`), "utf8");
    await install(server, load(text) as Definition);
    await known(server, `monitoring.coreos.com/v1/${plural}`);
  }
}

async function install(server: KubeApiServer, definition: Definition): Promise<void> {
  await server.json("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
}

/** The server answers for it, and its discovery, which may be behind, lists it. */
function known(server: KubeApiServer, resource: string) {
  const [group, version, plural] = resource.split("/");
  return waitFor(`${resource} to be known`, async () => {
    if ((await server.call("GET", `/apis/${resource}`)).status !== 200) return false;
    const { status, body } = await server.call("GET", `/apis/${group}/${version}`);
    return (
      status === 200 &&
      (JSON.parse(body) as { resources: { name: string }[] }).resources.some(({ name }) => name === plural)
    );
  });
}
