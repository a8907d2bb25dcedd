import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { KubernetesConnector } from "#planner/connectors";
import { temporaryFolder } from "./stores.ts";

/** Ports that nobody listens on: which one was asked tells which file was read. */
const GIVEN = "http://127.0.0.1:1";
const VARIABLE = "http://127.0.0.1:2";
const HOME = "http://127.0.0.1:3";

describe("the kubeconfig that is taken", () => {
  let folder: ReturnType<typeof temporaryFolder>;

  beforeEach(() => {
    folder = temporaryFolder();
    mkdirSync(join(folder.path, ".kube"));
    vi.stubEnv("HOME", folder.path);
    vi.stubEnv("KUBECONFIG", undefined);
    vi.stubEnv("KUBERNETES_SERVICE_HOST", undefined);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    folder.remove();
  });

  function write(name: string, server: string, context = "here"): string {
    const path = join(folder.path, name);
    const config = {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "here", cluster: { server } }],
      users: [{ name: "me", user: {} }],
      contexts: [{ name: context, context: { cluster: "here", user: "me", namespace: "llm" } }],
      "current-context": context,
    };
    writeFileSync(path, JSON.stringify(config));
    return path;
  }

  /** What comes of opening: nobody answers anywhere. */
  async function opened(cluster: { kubeconfig?: string; context?: string } = {}) {
    const connector = new KubernetesConnector({
      graphDeploymentName: "vllm-disagg",
      roles: ["decode"],
      cluster: { ...cluster, retry: { deadlineMs: 0 } },
    });
    return connector.open().catch((error: unknown) => error as Error & { code: string; where: string });
  }

  it("is the one given, else $KUBECONFIG's, else the one at home", async () => {
    write(".kube/config", HOME);
    expect(await opened()).toMatchObject({ code: "PLANNER_KUBERNETES_UNREACHABLE", where: HOME });
    vi.stubEnv("KUBECONFIG", write("variable", VARIABLE));
    expect(await opened()).toMatchObject({ where: VARIABLE });
    expect(await opened({ kubeconfig: write("given", GIVEN) })).toMatchObject({ where: GIVEN });
  });

  it("is refused where it is not there or no kubeconfig, and where there is none at all", async () => {
    expect(await opened()).toMatchObject({ code: "PLANNER_KUBERNETES_NO_CLUSTER" });
    const absent = join(folder.path, "absent");
    expect(await opened({ kubeconfig: absent })).toMatchObject({
      code: "PLANNER_KUBERNETES_NO_CLUSTER",
      where: absent,
    });
    vi.stubEnv("KUBECONFIG", absent);
    expect(await opened()).toMatchObject({ code: "PLANNER_KUBERNETES_NO_CLUSTER" });
    const broken = join(folder.path, "broken");
    writeFileSync(broken, "{{{");
    expect(await opened({ kubeconfig: broken })).toMatchObject({ code: "PLANNER_KUBERNETES_NO_CLUSTER" });
  });

  it("has the context that is asked for", async () => {
    const kubeconfig = write("given", GIVEN, "blue");
    expect(await opened({ kubeconfig, context: "blue" })).toMatchObject({ where: GIVEN });
    const refused = await opened({ kubeconfig, context: "green" });
    expect(refused).toMatchObject({ code: "PLANNER_KUBERNETES_NO_CLUSTER" });
    expect((refused as Error).message).toContain('found no context "green", expected one of blue');
  });
});
