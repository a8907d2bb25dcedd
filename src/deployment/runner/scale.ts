import { didYouMean } from "#common";
import { type LocalDeployment, NOT_READY, STALE_VERSION } from "#planner/connectors";

export interface ScaleRequest {
  /** By component, all or none. */
  replicas: Readonly<Record<string, number>>;
  reason: string;
  /** Refused where the deployment has changed since. */
  resourceVersion: number | undefined;
}

/** A scaling that is not carried out. */
export class ScaleRefused extends Error {
  override readonly name = "ScaleRefused";
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, hint?: string) {
    super(message);
    this.code = code;
    this.hint = hint;
  }
}

export const UNKNOWN_COMPONENT = "unknown-component";

/** Why a deployment takes no such scaling; null where it does. */
export function refused(
  deployment: LocalDeployment,
  { replicas, resourceVersion }: Pick<ScaleRequest, "replicas" | "resourceVersion">,
  { isEnding, isRolling }: { isEnding: boolean; isRolling: boolean },
): ScaleRefused | null {
  const names = deployment.components.map(({ name }) => name);
  const unknown = Object.keys(replicas).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    const hint = didYouMean(unknown, names) ?? `it has ${names.join(", ")}`;
    return new ScaleRefused(UNKNOWN_COMPONENT, `${deployment.name} has no component "${unknown}"`, hint);
  }
  if (isEnding) return new ScaleRefused(NOT_READY, `${deployment.name} is being removed`);
  if (isRolling) return new ScaleRefused(NOT_READY, `${deployment.name} is being rolled over to another revision`);
  if (resourceVersion !== undefined && resourceVersion !== deployment.resourceVersion) {
    return new ScaleRefused(
      STALE_VERSION,
      `${deployment.name} is at version ${deployment.resourceVersion}, not ${resourceVersion}`,
      "read it again",
    );
  }
  return null;
}
