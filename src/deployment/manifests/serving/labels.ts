import { DYNAMO_LABELS } from "#planner/connectors";
import type { ServingPlan } from "./plan.ts";

/** Names of the components, and the roles by which Dynamo's operator labels their pods. */
export type ComponentName = "Frontend" | "Planner" | "prefill" | "decode";
export type ComponentType = "frontend" | "planner" | "prefill" | "decode" | "worker";

/** Asks the operator's monitors to scrape a pod. */
const METRICS_LABEL = "nvidia.com/metrics-enabled";

/** Types of workers, by whichever version of the operator labelled them. */
export const WORKER_TYPES: readonly ComponentType[] = ["worker", "prefill", "decode"];

export interface Selector {
  matchLabels: Record<string, string>;
  matchExpressions?: { key: string; operator: "In"; values: string[] }[];
}

/** Labels of a component's pods, and of what stands around them. */
export function componentLabels(
  { name }: Pick<ServingPlan, "name">,
  component: ComponentName,
  type: ComponentType,
): Record<string, string> {
  return {
    ...ownLabels(name, component.toLowerCase()),
    [DYNAMO_LABELS.graph]: name,
    [DYNAMO_LABELS.component]: component,
    [DYNAMO_LABELS.type]: type,
    ...(type === "prefill" || type === "decode" ? { [DYNAMO_LABELS.subType]: type } : {}),
    [DYNAMO_LABELS.namespace]: name,
    [METRICS_LABEL]: "true",
  };
}

/** Kubernetes' recommended labels. */
export function ownLabels(name: string, component?: string): Record<string, string> {
  return {
    "app.kubernetes.io/name": "understudy",
    "app.kubernetes.io/instance": name,
    ...(component === undefined ? {} : { "app.kubernetes.io/component": component }),
    "app.kubernetes.io/part-of": name,
  };
}

/** All pods of a deployment. */
export function allPods(name: string): Selector {
  return { matchLabels: { [DYNAMO_LABELS.graph]: name } };
}

/** Its pods of these types. */
export function podsOf(name: string, types: readonly ComponentType[]): Selector {
  const [first, ...others] = types;
  if (others.length === 0) return { matchLabels: { [DYNAMO_LABELS.graph]: name, [DYNAMO_LABELS.type]: first! } };
  return { ...allPods(name), matchExpressions: [{ key: DYNAMO_LABELS.type, operator: "In", values: [...types] }] };
}

/** A selector as a command line has it. */
export function selectorText({ matchLabels, matchExpressions = [] }: Selector): string {
  return [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, values }) => `${key} in (${values.join(",")})`),
  ].join(",");
}
