import { backendImage } from "../images.ts";
import { renderDeployment } from "../render.ts";
import type { KubernetesObject } from "../types.ts";
import { DEFAULT_MODEL, isPlaceholder, type ManifestOptions, REGISTRY, RELEASES } from "./options.ts";

const ONE_GPU = { tp: 1, pp: 1, attentionDp: 1, moeTp: 1, moeEp: 1, gpus: 1 };

/** A deployment to start from: engines of one GPU, one replica each. */
export function baseDgd(options: ManifestOptions): KubernetesObject[] {
  const { backend, dialect, mode, model = DEFAULT_MODEL, namespace } = options;
  const engine = { layout: ONE_GPU, replicas: 1 };
  return renderDeployment({
    version: dialect === "1.0" ? "v1beta1" : "v1alpha1",
    dialect,
    name: `${backend}-${mode}`,
    ...(isPlaceholder(namespace) ? {} : { namespace }),
    backend,
    model,
    mode,
    ...(mode === "agg" ? { agg: engine } : { prefill: engine, decode: engine }),
    gpusPerNode: 8,
    image: isPlaceholder(options.image)
      ? `${REGISTRY}/${backendImage("runtime", backend)}:${RELEASES[dialect]}`
      : options.image,
    suffix: { plannerConfig: "0000", profileData: "0000" },
  });
}
