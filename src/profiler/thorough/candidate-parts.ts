import type { KubernetesObject } from "#src/deployment";
import { badCandidate } from "./errors.ts";

/** A component of a deployment as far as it takes to run it on this machine. */
export interface CandidatePart {
  name: string;
  role: "frontend" | "worker";
  replicas: number;
  /** Command and arguments, word by word. */
  words: readonly string[];
}

type Json = Record<string, unknown>;

/** Frontend and workers of a DynamoGraphDeployment, v1alpha1 or v1beta1. @throws UserError where it has none, or not enough */
export function candidateParts(dgd: KubernetesObject): CandidatePart[] {
  const spec = asObject(dgd.spec);
  const named: [string, Json][] = Array.isArray(spec.components)
    ? spec.components.map((one) => [String(asObject(one).name), asObject(one)])
    : Object.entries(asObject(spec.services)).map(([name, service]) => [name, asObject(service)]);
  const parts = named.flatMap(([name, component]) => {
    const role = roleOf(name, component);
    if (role === null) return [];
    const replicas = typeof component.replicas === "number" ? component.replicas : 1;
    return replicas === 0 ? [] : [{ name, role, replicas, words: wordsOf(component) }];
  });
  const deployment = dgd.metadata?.name ?? "(no name)";
  if (!parts.some(({ role }) => role === "frontend")) throw badCandidate(deployment, "no frontend");
  if (!parts.some(({ role }) => role === "worker")) throw badCandidate(deployment, "no worker");
  return parts;
}

function roleOf(name: string, component: Json): CandidatePart["role"] | null {
  const type = component.type ?? component.componentType;
  if (type === "frontend" || (type === undefined && /^frontend$/i.test(name))) return "frontend";
  if (type === "planner" || type === "epp" || (type === undefined && /planner/i.test(name))) return null;
  return "worker";
}

/** Of the main container, wherever the API version keeps it. A shell's script is split into its words. */
function wordsOf(component: Json): string[] {
  const containers = asObject(asObject(component.podTemplate).spec).containers;
  const main = Array.isArray(containers)
    ? asObject(containers.find((one) => asObject(one).name === "main") ?? containers[0])
    : asObject(asObject(component.extraPodSpec).mainContainer);
  const words = [main.command, main.args].flatMap((list) => (Array.isArray(list) ? list.map(String) : []));
  return words.flatMap((word) =>
    /^-/.test(word) || !/\s/.test(word) || /^[[{]/.test(word) ? [word] : splitWords(word),
  );
}

/** At blanks outside quotes, which it drops. */
function splitWords(script: string): string[] {
  return [...script.matchAll(/(?:[^\s"']|"[^"]*"|'[^']*')+/g)].map(([word]) =>
    word.replaceAll(/"([^"]*)"|'([^']*)'/g, "$1$2"),
  );
}

function asObject(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
