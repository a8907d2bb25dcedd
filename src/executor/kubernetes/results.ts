import { createHash } from "node:crypto";
import type { KubernetesObject } from "#src/deployment";
import { piecesOf } from "../pack.ts";
import { COMPONENTS, type JobOwner, owned } from "./objects.ts";

/** A ConfigMap as the API gives it back. */
export interface ResultObject {
  metadata?: { name?: string };
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

const PART = "part";

/**
 * A shard's result as ConfigMaps. Names hold the pod's: a pod that is tried again makes others, so that creating is all that a
 * shard has to do, and what half a result is stays visible.
 */
export function resultMaps(owner: JobOwner, index: number, pod: string, result: Uint8Array): KubernetesObject[] {
  const pieces = piecesOf(result);
  const sha256 = digest(result);
  return pieces.map((bytes, i) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: owned(owner, `${owner.name}-result-${index}-${pod.slice(0, 8)}-${i}`, COMPONENTS.result),
    immutable: true,
    data: { index: String(index), pod, piece: String(i), pieces: String(pieces.length), sha256 },
    binaryData: { [PART]: Buffer.from(bytes).toString("base64") },
  }));
}

/** The whole result of a shard among ConfigMaps; null where no pod's is whole. */
export function resultOf(objects: readonly ResultObject[], index: number): Uint8Array | null {
  const own = objects.filter(({ data }) => data?.index === String(index));
  for (const pod of new Set(own.map(({ data }) => data!.pod))) {
    const pieces = own
      .filter(({ data }) => data!.pod === pod)
      .sort((a, b) => Number(a.data!.piece) - Number(b.data!.piece));
    if (pieces.length !== Number(pieces[0]!.data!.pieces)) continue;
    const bytes = Buffer.concat(pieces.map(({ binaryData }) => Buffer.from(binaryData?.[PART] ?? "", "base64")));
    if (digest(bytes) === pieces[0]!.data!.sha256) return bytes;
  }
  return null;
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
