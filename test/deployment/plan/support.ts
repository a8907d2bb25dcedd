import { UserError } from "#common";
import { type PlanOptions, planDeployments, readManifests } from "#src/deployment";

export type Plan = ReturnType<typeof planDeployments>[number];
export type Template = Plan["components"][number]["template"];

export function plansOf(text: string, options: Partial<PlanOptions> = {}): Plan[] {
  return planDeployments(readManifests(text, "dgd.yaml"), { store: "local", ...options });
}

/** A v1beta1 deployment of one component, `main`'s fields as YAML flow or JSON. */
export function oneComponent(
  container: object,
  more: { pod?: object; component?: object; spec?: object } = {},
): string {
  return JSON.stringify({
    apiVersion: "nvidia.com/v1beta1",
    kind: "DynamoGraphDeployment",
    metadata: { name: "one" },
    spec: {
      ...more.spec,
      components: [
        {
          name: "decode",
          type: "decode",
          ...more.component,
          podTemplate: { spec: { ...more.pod, containers: [{ name: "main", image: "i", ...container }] } },
        },
      ],
    },
  });
}

/** The plan of the one component of `oneComponent`, and the notes. */
export function planned(container: object, more: Parameters<typeof oneComponent>[1] = {}, beside: object[] = []) {
  const text = [oneComponent(container, more), ...beside.map((object) => JSON.stringify(object))].join("\n---\n");
  const [plan] = plansOf(text);
  return { ...plan!.components[0]!, notes: plan!.notes, model: plan!.model };
}

export function mocker(...args: string[]): object {
  return { command: ["python3", "-m", "dynamo.mocker"], args };
}

/** The one UserError that it ends with. */
export function refusal(run: () => unknown): UserError {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

export function configMap(name: string, data: Record<string, string>, more: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data, ...more };
}

export function text(content: Uint8Array): string {
  return new TextDecoder().decode(content);
}
