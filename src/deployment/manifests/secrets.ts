import { HF_SECRET } from "../blueprints.ts";
import type { KubernetesObject } from "../types.ts";
import { type ManifestOptions, PULL_SECRET } from "./options.ts";

/** Host of Dynamo's images. */
const IMAGE_HOST = "nvcr.io";

/** Credentials to pull images with. The user's name opens with a dollar sign, written so that `envsubst` leaves it alone. */
export function imagePullSecret({ namespace }: ManifestOptions): KubernetesObject[] {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: for envsubst
  const credentials = `{"auths":{"${IMAGE_HOST}":{"username":"\\u0024oauthtoken","password":"${"${NGC_API_KEY}"}"}}}`;
  return [
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: PULL_SECRET, namespace },
      type: "kubernetes.io/dockerconfigjson",
      stringData: { ".dockerconfigjson": credentials },
    },
  ];
}

/** Token to download models with that ask for one. */
export function huggingFaceSecret({ namespace }: ManifestOptions): KubernetesObject[] {
  return [
    {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: HF_SECRET, namespace },
      type: "Opaque",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: for envsubst
      stringData: { HF_TOKEN: "${HF_TOKEN}" },
    },
  ];
}
