import { readFileSync } from "node:fs";
import { load } from "js-yaml";
import { waitFor } from "../integration/processes.ts";
import { referencePath } from "../reference.ts";
import type { KubeApiServer, KubeObject } from "./api-server.ts";

interface Definition extends KubeObject {
  metadata: { name: string };
  spec: { versions: { name: string; storage: boolean; served: boolean }[]; conversion?: unknown };
}

const FILES = {
  v1alpha1: ["dynamographdeployments"],
  v1beta1: ["dynamographdeployments", "dynamographdeploymentscalingadapters"],
} as const;

/**
 * Dynamo's own definitions of its graphs, of one version. Those of v1beta1 hold v1alpha1, too, which only the operator's webhook can
 * convert: that is taken out.
 */
export async function installGraphCrds(server: KubeApiServer, version: keyof typeof FILES): Promise<void> {
  for (const plural of FILES[version]) {
    const file = referencePath("crds", version, `nvidia.com_${plural}.yaml`);
    const definition = load(readFileSync(file, "utf8")) as Definition;
    definition.spec.versions = definition.spec.versions.filter(({ name }) => name === version);
    definition.spec.conversion = { strategy: "None" };
    await server.json("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition);
    await waitFor(`${plural} to be known`, async () => {
      const { status } = await server.call("GET", `/apis/nvidia.com/${version}/${plural}`);
      return status === 200;
    });
  }
}
