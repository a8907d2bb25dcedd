import type { DeploymentPlan } from "./types.ts";

/** A plan as JSON, which knows no bytes: contents of files are `{ "base64": … }`. */
export function planToJson(plan: DeploymentPlan): object {
  const components = plan.components.map((component) => {
    const files = component.template.files.map(({ mountPath, content }) => ({
      mountPath,
      content: { base64: Buffer.from(content).toString("base64") },
    }));
    return { ...component, template: { ...component.template, files } };
  });
  return { ...plan, components };
}

/** What `planToJson` made; null where it is none. */
export function planFromJson(value: unknown): DeploymentPlan | null {
  const plan = value as DeploymentPlan | null;
  if (typeof plan !== "object" || plan === null) return null;
  const isPlan = typeof plan.namespace === "string" && typeof plan.name === "string" && Array.isArray(plan.components);
  if (!isPlan || !plan.components.every(isComponent)) return null;
  const components = plan.components.map((component) => {
    const files = component.template.files.map(({ mountPath, content }) => {
      const { base64 } = content as unknown as { base64: string };
      return { mountPath, content: new Uint8Array(Buffer.from(base64, "base64")) };
    });
    return { ...component, template: { ...component.template, files } };
  });
  return { ...plan, components };
}

function isComponent(value: unknown): boolean {
  const { name, role, replicas, revision, template } = (value ?? {}) as Partial<DeploymentPlan["components"][number]>;
  return (
    typeof name === "string" &&
    typeof role === "string" &&
    Number.isInteger(replicas) &&
    typeof revision === "string" &&
    typeof template === "object" &&
    [template.argv, template.mounts, template.files, template.folders].every(Array.isArray) &&
    template.files.every(({ content }) => typeof (content as unknown as { base64?: unknown }).base64 === "string")
  );
}
