import type { DeploymentKey, LocalDeployment } from "#planner/connectors";
import type { GraphRunner } from "../../src/deployment/cluster/types.ts";
import type { DeploymentPlan } from "../../src/deployment/plan/types.ts";

type Listener = Parameters<GraphRunner["subscribe"]>[0];

/** A runner without processes: its replicas are what a test says. */
export class ScriptedRunner implements GraphRunner {
  readonly plans = new Map<string, DeploymentPlan>();
  readonly removed: string[] = [];
  /** Whether replicas serve as soon as they are asked for. */
  atOnce = true;
  /** By `deployment/component`: replicas that serve, where not all do. */
  readonly ready = new Map<string, number>();
  readonly #listeners = new Set<Listener>();
  #version = 0;

  async apply(plan: DeploymentPlan): Promise<void> {
    const known = this.plans.get(plan.name);
    this.plans.set(plan.name, plan);
    if (JSON.stringify(known) !== JSON.stringify(plan)) this.tell(plan.name);
  }

  async remove({ name }: DeploymentKey): Promise<void> {
    this.plans.delete(name);
    this.removed.push(name);
  }

  setReady(deployment: string, component: string, count: number): void {
    this.ready.set(`${deployment}/${component}`, count);
    this.tell(deployment);
  }

  tell(name: string, event?: { type: "Normal" | "Warning"; reason: string; object: string; message: string }): void {
    const deployment = this.view({ namespace: "", name });
    if (deployment === null) return;
    const full = event === undefined ? {} : { event: { seq: 1, time: new Date().toISOString(), count: 1, ...event } };
    for (const listener of this.#listeners) listener({ deployment, ...full });
  }

  /** Nothing runs that could write one. */
  logOf(): null {
    return null;
  }

  view({ name }: DeploymentKey): LocalDeployment | null {
    const plan = this.plans.get(name);
    if (plan === undefined) return null;
    const components = plan.components.map(({ name: component, role, replicas, gpusPerReplica }) => {
      const ready = this.ready.get(`${name}/${component}`) ?? (this.atOnce ? replicas : 0);
      const serving = Math.min(ready, replicas);
      return {
        name: component,
        role,
        replicas,
        readyReplicas: serving,
        availableReplicas: serving,
        updatedReplicas: replicas,
        gpusPerReplica,
      };
    });
    const waiting = components.filter((component) => component.availableReplicas < component.replicas);
    const replicas = components.flatMap((component, at) =>
      Array.from({ length: component.replicas }, (_, index) => ({
        name: `${component.name}-${index}`,
        component: component.name,
        state: index < component.readyReplicas ? ("ready" as const) : ("starting" as const),
        url: `http://127.0.0.1:${9000 + 100 * at + index}`,
        pid: 1,
        restarts: 0,
        startedAt: "2026-01-01T00:00:00.000Z",
        message: null,
      })),
    );
    return {
      namespace: plan.namespace,
      name,
      apiVersion: plan.apiVersion,
      resourceVersion: ++this.#version,
      generation: 1,
      observedGeneration: 1,
      state: waiting.length === 0 ? "successful" : "pending",
      ready: waiting.length === 0,
      message: waiting.length === 0 ? "" : `Resources not ready: [${waiting.map((part) => part.name).join(", ")}]`,
      model: plan.model,
      frontendUrl: null,
      components,
      replicas,
      notes: [],
    };
  }

  views(): LocalDeployment[] {
    return [...this.plans.keys()].map((name) => this.view({ namespace: "", name })!);
  }

  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
