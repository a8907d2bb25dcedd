import { wrongType } from "../errors.ts";
import type { Component } from "../graph/component.ts";
import { countAt, type JsonObject, objectAt, objectsAt } from "../graph/json.ts";
import { processEnvironment, variablesOf } from "./environment.ts";
import { realEngine } from "./errors.ts";
import { probesOf } from "./probes.ts";
import { programOf } from "./program.ts";
import { revisionOf } from "./revision.ts";
import type { Scope } from "./scope.ts";
import { translate } from "./translate/translate.ts";
import type { Translation } from "./translate/translation.ts";
import type { ComponentPlan, ReplicaTemplate } from "./types.ts";
import { mountsOf } from "./volumes.ts";

/** Kubernetes' own preset. */
const TERMINATION_GRACE_SECONDS = 30;

/**
 * One component as it is to be run, with what its worker says of itself; null where nothing of it needs to run here.
 * @throws UserError with the place in the manifest
 */
export function componentPlan(scope: Scope): { plan: ComponentPlan; model: string | null } | null {
  const { component, note } = scope;
  const variables = variablesOf(scope);
  const program = programOf(scope, variables);
  const { kind: programKind } = program;
  if (programKind === "prometheus") {
    note("not run: the planner scrapes frontend and workers itself");
    return null;
  }
  if (programKind === "engine" && scope.playEngines === null)
    throw realEngine(component.containerPath(), program.name, true);
  for (const [name, value] of program.assigned) variables.set(name, value);
  const mounts = mountsOf(scope, variables);
  const translation = translate({ scope, program: { ...program, kind: programKind }, variables, mounts });
  noteUnused(component, note);
  const env = processEnvironment(variables, scope);
  for (const name of translation.withoutEnv) delete env[name];
  const { kind, argv, workersPerReplica, port, prometheus } = translation;
  const template: ReplicaTemplate = {
    kind,
    argv,
    env,
    ...mounts,
    files: mounts.files.map((file) => translation.files?.find(({ mountPath }) => mountPath === file.mountPath) ?? file),
    workersPerReplica,
    port,
    prometheus,
    probes: probesOf(component, note),
    terminationGraceSeconds:
      countAt(component.podSpec(), "terminationGracePeriodSeconds", component.path) ?? TERMINATION_GRACE_SECONDS,
  };
  const gpus = gpusOf(component);
  const plan: ComponentPlan = {
    name: component.name,
    role: roleOf(component, translation, note),
    replicas: component.replicas(),
    gpusPerReplica: gpus === undefined ? null : gpus * component.nodeCount(),
    minAvailable: countAt(component.fields, "minAvailable", component.path) ?? null,
    hasScalingAdapter: component.isScalable(),
    template,
    revision: revisionOf(template),
  };
  return { plan, model: translation.worker?.model ?? null };
}

/** What the manifest declares; where it says no more than worker, what its command line says. */
function roleOf(
  component: Component,
  { kind, worker }: Translation,
  note: (text: string) => void,
): ComponentPlan["role"] {
  if (kind === "frontend" || kind === "planner") return kind;
  if (!worker) return "other";
  const declared = component.role();
  if (declared !== "prefill" && declared !== "decode") return worker.role;
  if (worker.role !== declared && worker.role !== "worker") {
    note(
      `it is declared as ${declared}, and its command line says ${worker.role}: the planner takes it for ${declared}`,
    );
  }
  return declared;
}

function gpusOf(component: Component): number | undefined {
  const gpus = component.gpus();
  if (gpus === undefined || (Number.isInteger(gpus) && gpus >= 0)) return gpus;
  throw wrongType(`${component.path}.resources`, "a whole number of GPUs", gpus);
}

/** What a cluster would do with the component, and nobody does here. */
function noteUnused(component: Component, note: (text: string) => void): void {
  const { fields, path } = component;
  const pod = component.podSpec();
  const names = (list: readonly JsonObject[]) => list.map(({ name }) => String(name)).join(", ");
  const init = objectsAt(pod, "initContainers", path);
  if (init.length > 0) note(`its init containers are not run: ${names(init)}`);
  const sidecars = objectsAt(pod, "containers", path).filter((container) => container.name !== "main");
  if (sidecars.length > 0) note(`only its main container is run, not ${names(sidecars)}`);
  if (objectAt(fields, "frontendSidecar", path)) note("its frontendSidecar is not run: give the deployment a frontend");
  if (objectAt(fields, "autoscaling", path)?.enabled === true)
    note("its autoscaling is left aside: a planner scales here");
  if (objectAt(fields, "ingress", path)?.enabled === true) note("its ingress is left aside: it serves on this machine");
}
