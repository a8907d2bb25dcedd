import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import { endDeployment, leftBehind, StateFolder } from "#src/deployment";
import { ensureKubeApiserver, ensureKubectl } from "../../scripts/kube-apiserver.ts";
import { ensureEtcd } from "../../scripts/test-tools.ts";
import { plannerRules } from "../../src/deployment/manifests/serving/access.ts";
import { DEPLOYMENT_VARIABLE } from "../../src/deployment/runner/command.ts";
import { processesWith } from "../../src/deployment/runner/identity.ts";
import { CliProcess } from "../integration/processes.ts";
import { STORY_SCALE, storyRequest, tellScalingStory, until } from "../integration/scaling-story.ts";
import { describeWithTool } from "../tools.ts";
import { KubeApiServer } from "./api-server.ts";
import { installGraphCrds, installRequestCrd } from "./crds.ts";
import { expectExactly } from "./witness.ts";

const NAMESPACE = "chain";
const NAME = "wish";
const GRAPH = `${NAME}-dgd`;
interface GraphObject {
  status?: { state?: string; components?: Record<string, { replicas: number; readyReplicas?: number }> };
}

const tools = async () => ({
  etcd: await ensureEtcd(),
  kubeApiserver: await ensureKubeApiserver(),
  kubectl: await ensureKubectl(),
});

await describeWithTool("a request applied with kubectl", tools, (found) => {
  let server: KubeApiServer;

  beforeAll(async () => {
    server = await KubeApiServer.start(found);
    await installGraphCrds(server, "v1beta1");
    await installRequestCrd(server, "v1beta1");
    await server.namespace(NAMESPACE);
  });
  afterAll(() => server?.stop());

  /** As a user, who has nothing but kubectl. */
  const kubectl = (...args: string[]) =>
    execFileSync(found.kubectl, ["--kubeconfig", server.kubeconfig("admin", NAMESPACE), "-n", NAMESPACE, ...args], {
      encoding: "utf8",
    });
  const graph = () => JSON.parse(kubectl("get", "dgd", GRAPH, "-o", "json")) as GraphObject;
  const serving = ({ status }: GraphObject) => ({
    prefill: status?.components?.prefill?.readyReplicas ?? 0,
    decode: status?.components?.decode?.readyReplicas ?? 0,
  });

  it("becomes a deployment that its planner scales with the load, and goes without a trace", async () => {
    const folder = mkdtempSync(join(tmpdir(), "understudy-chain-"));
    const state = new StateFolder(join(folder, "state"));
    const up = new CliProcess([
      ...["up", "--kubeconfig", server.kubeconfig("admin", NAMESPACE), "--namespace", NAMESPACE],
      ...["--state-dir", state.path, "--time-scale", String(STORY_SCALE), "--port", "0", "--json"],
    ]);
    onTestFinished(async () => {
      await up.end();
      for (const left of state.deployments()) await endDeployment(left, leftBehind(left), 0);
      rmSync(folder, { recursive: true, force: true });
    });
    const manifest = join(folder, "dgdr.yaml");
    writeFileSync(manifest, stringify(storyRequest(NAME)));
    kubectl("apply", "-f", manifest);

    const phase = () => kubectl("get", "dgdr", NAME, "-o", "jsonpath={.status.phase}");
    await until("the request to be deployed", () => {
      const now = phase();
      if (now === "Failed") throw new Error(kubectl("get", "dgdr", NAME, "-o", "yaml"));
      return now === "Deployed";
    });
    const port = kubectl(
      ...["get", "pods", "-l", "nvidia.com/dynamo-component=frontend"],
      ...["-o", "jsonpath={.items[0].spec.containers[0].ports[0].containerPort}"],
    );
    await tellScalingStory(`http://127.0.0.1:${port}`, () => serving(graph()));

    // The API server's own record: what the planner asked for, in what order, and by what right.
    const planner = `system:serviceaccount:${NAMESPACE}:${GRAPH}-planner`;
    const asked = server
      .audit(planner)
      .filter(({ verb, objectRef }) => verb === "patch" && objectRef?.subresource === "scale")
      .map(({ objectRef, requestObject }) => [
        objectRef!.name!.replace(`${GRAPH}-`, ""),
        (requestObject as { spec: { replicas: number } }).spec.replicas,
      ]);
    expect(asked).toEqual([
      ["prefill", 2],
      ["prefill", 1],
    ]);
    // All that it asked for was allowed; the rights for deployments without adapters, and for events that repeat, had no use here.
    const taken = plannerRules(GRAPH, "1.0").map((rule) => ({
      ...rule,
      verbs: rule.verbs.filter((verb) => verb !== "patch" || rule.resources[0]!.endsWith("/scale")),
    }));
    expectExactly(server, planner, NAMESPACE, taken, `${GRAPH}-planner`);

    kubectl("delete", "dgdr", NAME, "--timeout=60s");
    kubectl("delete", "dgd", GRAPH, "--timeout=120s");
    expect(kubectl("get", "pods,dgdsa,jobs,roles,rolebindings", "-o", "name").trim()).toBe("");
    expect(processesWith(DEPLOYMENT_VARIABLE, state.deployment({ namespace: NAMESPACE, name: GRAPH }).path)).toEqual(
      [],
    );
    up.kill("SIGINT");
    expect((await up.exited).code, up.output).toBe(0);
  }, 300_000);
});
