import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { LocalConnector } from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import { type ControlledRunner, StateFolder, startControlledRunner } from "#src/deployment";
import { connectorConformance } from "../planner/connectors/conformance.ts";
import type { ConnectorFixture } from "../planner/connectors/conformance-claims.ts";
import { waitFor } from "./processes.ts";
import { disaggregated } from "./runner/plans.ts";

const ROLES = ["prefill", "decode"] as const;
const PLAN = withoutFrontend(disaggregated());
const KEY = { namespace: PLAN.namespace, name: PLAN.name };
const PATIENCE_MS = 60_000;

function withoutFrontend(plan: ReturnType<typeof disaggregated>): typeof plan {
  return { ...plan, components: plan.components.filter(({ role }) => role !== "frontend") };
}

/** Decode workers of another revision, which can't come up. */
function broken(): typeof PLAN {
  const components = PLAN.components.map((each) =>
    each.role === "decode"
      ? { ...each, revision: "broken", template: { ...each.template, argv: ["mocker", "--timing", "none"] } }
      : each,
  );
  return { ...PLAN, components };
}

/** One runner with real workers for all tests; a test begins with one worker a role. */
class RealRunner {
  readonly #folder = mkdtempSync(join(tmpdir(), "understudy-connector-"));
  #controlled: ControlledRunner | null = null;

  async begin(): Promise<void> {
    if (this.#controlled !== null) return;
    const state = new StateFolder(join(this.#folder, "state"));
    state.make();
    this.#controlled = await startControlledRunner({ state, timeScale: 1, frontendPort: null });
    await this.apply(PLAN);
  }

  get address() {
    return this.#controlled!.address;
  }

  async apply(plan: typeof PLAN): Promise<void> {
    await this.#controlled!.runner.apply(plan);
  }

  scale(replicas: Partial<Targets>): void {
    this.#controlled!.runner.scale(KEY, { replicas: { ...replicas }, reason: "by hand", resourceVersion: undefined });
  }

  asked(): Partial<Targets> {
    const { components } = this.#controlled!.runner.view(KEY)!;
    return Object.fromEntries(components.map(({ role, replicas }) => [role as Role, replicas]));
  }

  async ready(isReady = true): Promise<void> {
    const what = `the deployment to be ${isReady ? "" : "un"}ready`;
    await waitFor(what, () => this.#controlled!.runner.view(KEY)!.ready === isReady, PATIENCE_MS);
  }

  /** The runner goes; its workers live on. */
  async leave(): Promise<void> {
    await this.#controlled!.close("leave");
    this.#controlled = null;
  }

  async end(): Promise<void> {
    await this.#controlled?.close("kill");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const real = new RealRunner();
afterAll(() => real.end());

connectorConformance("local, of a real runner", async (): Promise<ConnectorFixture> => {
  await real.begin();
  await real.ready();
  real.scale({ prefill: 1, decode: 1 });
  await real.ready();
  const { url, tokenFile } = real.address;
  return {
    roles: ROLES,
    connect: () => {
      const control = { url, tokenFile, retry: { firstMs: 10, deadlineMs: 500 } };
      return new LocalConnector({ control, deployment: KEY, roles: ROLES });
    },
    asked: async () => real.asked(),
    settle: () => real.ready(),
    async editByHand(targets) {
      real.scale(targets);
    },
    async setReady(ready) {
      await real.apply(ready ? PLAN : broken());
      await real.ready(ready);
    },
    outage: {
      begin: () => real.leave(),
      async end() {
        await real.begin();
        await real.ready();
      },
    },
    close: () => real.ready(),
  };
});
