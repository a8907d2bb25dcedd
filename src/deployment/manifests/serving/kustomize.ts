import { stringify } from "yaml";
import type { JsonObject } from "../../graph/json.ts";
import type { KubernetesObject } from "../../types.ts";
import { manifestYaml } from "../../yaml.ts";
import { monitoring } from "../monitoring/monitoring.ts";
import { isPlaceholder, type ManifestOptions } from "../options.ts";
import { servingPlan } from "./plan.ts";
import { configFiles, standalone } from "./standalone.ts";

/** Image name that overlays replace. */
const IMAGE = "understudy";
const LOCAL_TAG = "local";
/** Where no namespace is named. */
const DEFAULT_NAMESPACE = "understudy";

/** A file of the tree, with its path in it. */
export type TreeFile = readonly [path: string, text: string];

/**
 * The deployment without an operator as a Kustomize base and overlays: `kind` for a cluster on one machine with an image that was
 * loaded into it, `monitored` with pod monitors and the dashboard.
 */
export function kustomizeTree(given: ManifestOptions): TreeFile[] {
  const namespace = isPlaceholder(given.namespace) ? DEFAULT_NAMESPACE : given.namespace;
  const options = { ...given, namespace, image: isPlaceholder(given.image) ? IMAGE : given.image };
  const plan = servingPlan({ ...options, flavour: "understudy" });
  const { configMaps: _, ...parts } = standalone(options);
  const files = Object.entries(parts).map(([part, objects]) => [`${kebab(part)}.yaml`, objects] as const);
  const configs = Object.entries(configFiles(plan));
  const namespaceFile = "namespace.yaml";
  const base: TreeFile[] = [
    [namespaceFile, manifestYaml([restrictedNamespace(namespace)])],
    ...files.map(([name, objects]) => [name, manifestYaml(objects.map(withoutNamespace))] as const),
    ...configs.flatMap(([, data]) => Object.entries(data).map(([file, text]) => [`files/${file}`, text] as const)),
    [
      "kustomization.yaml",
      kustomization({
        namespace,
        resources: [namespaceFile, ...files.map(([name]) => name)],
        // Names with a hash of the contents, so that pods are rolled over when these change.
        configMapGenerator: configs.map(([name, data]) => ({
          name,
          files: Object.keys(data).map((file) => `files/${file}`),
        })),
      }),
    ],
  ];
  return [
    ...base.map(([path, text]) => [`base/${path}`, text] as const),
    ["overlays/kind/kustomization.yaml", kustomization(kindOverlay(plan.image))],
    ["overlays/monitored/monitoring.yaml", manifestYaml(monitoring(options))],
    [
      "overlays/monitored/kustomization.yaml",
      kustomization({ namespace, resources: ["../../base", "monitoring.yaml"] }),
    ],
  ];
}

/** One planner, small requests, and an image that no registry is asked for. */
function kindOverlay(image: string): JsonObject {
  const patch = (operations: object[], kind: string) => ({
    target: { kind, group: "apps" },
    patch: stringify(operations),
  });
  return {
    resources: ["../../base"],
    images: [{ name: imageName(image), newName: IMAGE, newTag: LOCAL_TAG }],
    patches: [
      patch(
        [
          { op: "add", path: "/spec/template/spec/containers/0/imagePullPolicy", value: "Never" },
          { op: "replace", path: "/spec/template/spec/containers/0/resources/requests/cpu", value: "50m" },
        ],
        "Deployment",
      ),
    ],
  };
}

function kustomization(fields: JsonObject): string {
  return stringify(
    { apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", ...fields },
    { lineWidth: 0 },
  );
}

/** Pods here satisfy Kubernetes' strictest level; others are refused. */
function restrictedNamespace(name: string): KubernetesObject {
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

/** Kustomize sets it, and with it that of the bindings' subjects. */
function withoutNamespace(object: KubernetesObject): KubernetesObject {
  const { namespace: _, ...metadata } = object.metadata ?? {};
  return { ...object, metadata };
}

function imageName(image: string): string {
  return image.replace(/@.*$/, "").replace(/:[^:/]*$/, "");
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
