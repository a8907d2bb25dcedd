import { wrongType } from "../errors.ts";
import { type JsonObject, objectAt, objectsAt, textAt } from "../graph/json.ts";
import { keyMissing } from "./errors.ts";
import type { DataKind } from "./objects.ts";
import type { Scope } from "./scope.ts";
import { expandReferences, POD_NAME, POD_UID } from "./variables.ts";

/** What belongs to the container's file system and programs, not to ours. */
const OF_THE_IMAGE = /^(PATH|HOME|PWD|SHELL|USER|VIRTUAL_ENV|CONDA_.*|NODE_OPTIONS|NODE_PATH|PYTHON.*|LD_.*|DYLD_.*)$/;

/**
 * Every variable that the component's container would have: Dynamo's operator's own, then those of Secrets and ConfigMaps, of the
 * deployment, of the component and of the container, later ones over earlier ones; `$(NAME)` means what has been defined before.
 * @throws UserError for references to what must be there and is not
 */
export function variablesOf(scope: Scope): Map<string, string> {
  const { graph, component } = scope;
  const variables = new Map(operatorVariables(scope));
  for (const secret of component.envSecrets()) addAll(scope, variables, "Secret", { name: secret }, component.path);
  const container = component.findContainer();
  const containerPath = component.containerPath();
  for (const [i, source] of objectsAt(container ?? {}, "envFrom", containerPath).entries()) {
    const path = `${containerPath}.envFrom[${i}]`;
    const prefix = textAt(source, "prefix", path) ?? "";
    for (const [field, kind] of [
      ["secretRef", "Secret"],
      ["configMapRef", "ConfigMap"],
    ] as const) {
      const reference = objectAt(source, field, path);
      if (reference) addAll(scope, variables, kind, reference, `${path}.${field}`, prefix);
    }
  }
  for (const { list, path } of [graph.sharedEnv(), ...component.envLists()]) {
    for (const [i, entry] of list.entries()) {
      const where = `${path}[${i}]`;
      const name = textAt(entry, "name", where);
      if (!name) throw wrongType(`${where}.name`, "the name of a variable", entry.name);
      const value = valueIn(scope, entry, where, variables);
      if (value !== undefined) variables.set(name, value);
    }
  }
  return variables;
}

/** The variables that our own processes get: not those of the image's file system and programs. */
export function processEnvironment(variables: ReadonlyMap<string, string>, { note }: Scope): Record<string, string> {
  const left = [...variables.keys()].filter((name) => OF_THE_IMAGE.test(name));
  if (left.length > 0) note(`${left.join(", ")} of its environment left aside: they are about the image's own files`);
  return Object.fromEntries([...variables].filter(([name]) => !OF_THE_IMAGE.test(name)));
}

function operatorVariables({ graph, component, namespace }: Scope): [string, string][] {
  const dynamoNamespace = textAt(component.fields, "dynamoNamespace", component.path);
  return [
    ["DYN_NAMESPACE", dynamoNamespace ?? `${namespace}-${graph.name()}`],
    ["DYN_COMPONENT", component.role() === "other" ? component.name : component.role()],
    ["DYN_PARENT_DGD_K8S_NAME", graph.name()],
    ["DYN_PARENT_DGD_K8S_NAMESPACE", namespace],
    ["POD_NAME", POD_NAME],
    ["POD_NAMESPACE", namespace],
    ["POD_UID", POD_UID],
  ];
}

function addAll(
  scope: Scope,
  variables: Map<string, string>,
  kind: DataKind,
  reference: JsonObject,
  where: string,
  prefix = "",
): void {
  const name = textAt(reference, "name", where);
  if (!name) throw wrongType(`${where}.name`, `the name of a ${kind}`, reference.name);
  const found = scope.objects.find(kind, name);
  if (!found) {
    // A token for downloads is all that such Secrets hold as a rule, and nothing is downloaded here.
    if (kind === "ConfigMap" && reference.optional !== true) scope.objects.get(kind, name, where);
    if (reference.optional !== true) scope.note(`${kind} ${name} is not there: its variables are not set`);
    return;
  }
  for (const [key, bytes] of found) variables.set(prefix + key, text(bytes));
}

function valueIn(
  scope: Scope,
  entry: JsonObject,
  where: string,
  variables: ReadonlyMap<string, string>,
): string | undefined {
  const { value } = entry;
  if (typeof value === "string") return expandReferences(value, variables);
  // YAML without quotes; an API server would refuse it.
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (value !== undefined && value !== null) throw wrongType(`${where}.value`, "a text", value);
  const from = objectAt(entry, "valueFrom", where);
  if (!from) return "";
  for (const [field, kind] of [
    ["configMapKeyRef", "ConfigMap"],
    ["secretKeyRef", "Secret"],
  ] as const) {
    const reference = objectAt(from, field, `${where}.valueFrom`);
    if (reference) return keyOf(scope, kind, reference, `${where}.valueFrom.${field}`);
  }
  const fieldRef = objectAt(from, "fieldRef", `${where}.valueFrom`);
  if (fieldRef) return fieldOf(scope, fieldRef, `${where}.valueFrom.fieldRef`);
  scope.note(
    `variable ${String(entry.name)} is not set: ${Object.keys(from).join(", ") || "nothing"} can't be read here`,
  );
  return undefined;
}

function keyOf(scope: Scope, kind: DataKind, reference: JsonObject, where: string): string | undefined {
  const name = textAt(reference, "name", where);
  const key = textAt(reference, "key", where);
  if (!name) throw wrongType(`${where}.name`, `the name of a ${kind}`, reference.name);
  if (!key) throw wrongType(`${where}.key`, "a key", reference.key);
  const isOptional = reference.optional === true;
  const found = kind === "Secret" || isOptional ? scope.objects.find(kind, name) : scope.objects.get(kind, name, where);
  if (!found) {
    if (!isOptional) scope.note(`${kind} ${name} is not there: the variable that its key ${key} gives is not set`);
    return undefined;
  }
  const bytes = found.get(key);
  if (bytes) return text(bytes);
  if (isOptional) return undefined;
  throw keyMissing(where, `${kind} ${name}`, key, [...found.keys()]);
}

/** A pod here has the machine's loopback for its address. */
function fieldOf({ namespace, component, note }: Scope, reference: JsonObject, where: string): string | undefined {
  const path = textAt(reference, "fieldPath", where) ?? "";
  switch (path) {
    case "metadata.name":
      return POD_NAME;
    case "metadata.uid":
      return POD_UID;
    case "metadata.namespace":
      return namespace;
    case "status.podIP":
    case "status.podIPs":
    case "status.hostIP":
    case "status.hostIPs":
      return "127.0.0.1";
    case "spec.nodeName":
      return "localhost";
    case "spec.serviceAccountName":
      return textAt(component.podSpec(), "serviceAccountName", component.path) ?? "default";
  }
  note(`nothing is known here of the pod's ${path || "unnamed field"}: the variable is not set`);
  return undefined;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
