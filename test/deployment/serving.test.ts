import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addPlannerOptions, plannerFlagsFrom, readPlannerConfig } from "#planner/config";
import { type KubernetesObject, MANIFEST_DEFAULTS, MANIFESTS, type ManifestOptions } from "#src/deployment";
import { flagValue } from "./plans.ts";

type Labels = Record<string, string>;

interface Container {
  command: string[];
  args: string[];
  env?: { name: string; value?: string }[];
  ports: { name: string; containerPort: number }[];
  livenessProbe: { httpGet: { path: string; port: string } };
  readinessProbe: { httpGet: { path: string; port: string } };
  volumeMounts: { name: string; mountPath: string }[];
}

interface Pod {
  labels: Labels;
  container: Container;
  automountServiceAccountToken?: boolean;
  serviceAccountName: string;
}

const build = (name: string, options: Partial<ManifestOptions> = {}) =>
  MANIFESTS.find((manifest) => manifest.name === name)!.build({
    ...MANIFEST_DEFAULTS,
    dialect: "1.0",
    namespace: "llm",
    image: "understudy:1",
    ...options,
  });
const ofKind = (objects: KubernetesObject[], kind: string) => objects.filter((object) => object.kind === kind);
const named = (objects: KubernetesObject[], kind: string, name: string) =>
  ofKind(objects, kind).find(({ metadata }) => metadata?.name === name)!;

function podOf(deployment: KubernetesObject): Pod {
  const { template } = deployment.spec as {
    template: { metadata: { labels: Labels }; spec: Omit<Pod, "labels" | "container"> & { containers: Container[] } };
  };
  return { ...template.spec, labels: template.metadata.labels, container: template.spec.containers[0]! };
}

describe("a deployment without an operator", () => {
  const objects = build("standalone");
  const pods = Object.fromEntries(
    ofKind(objects, "Deployment").map((deployment) => [
      deployment.metadata!.name!.replace("mocker-", ""),
      podOf(deployment),
    ]),
  );

  it("has a Deployment for each component, with the labels of Dynamo's operator", () => {
    expect(Object.keys(pods).sort()).toEqual(["decode", "frontend", "planner", "prefill"]);
    expect(pods.prefill!.labels).toMatchObject({
      "nvidia.com/dynamo-graph-deployment-name": "mocker",
      "nvidia.com/dynamo-component": "prefill",
      "nvidia.com/dynamo-component-type": "prefill",
      "nvidia.com/dynamo-sub-component-type": "prefill",
      "nvidia.com/metrics-enabled": "true",
    });
    for (const deployment of ofKind(objects, "Deployment")) {
      expect(deployment.metadata!.labels).toEqual(podOf(deployment).labels);
    }
  });

  it("leaves the number of workers to the planner where it is not said", () => {
    const replicas = (options: Partial<ManifestOptions>) =>
      (named(build("standalone", options), "Deployment", "mocker-prefill").spec as { replicas?: number }).replicas;
    expect(replicas({})).toBeUndefined();
    expect(replicas({ serving: { ...MANIFEST_DEFAULTS.serving, prefillReplicas: 3 } })).toBe(3);
  });

  it("has a frontend that selects the slices of the workers' Services", () => {
    const selector = flagValue(pods.frontend!.container.args, "--kube-selector")!;
    const services = ofKind(objects, "Service").filter(({ metadata }) => selects(selector, metadata!.labels!));
    expect(services.map(({ metadata }) => metadata!.name).sort()).toEqual(["mocker-decode", "mocker-prefill"]);
    for (const service of services) {
      const {
        selector: pod,
        ports,
        clusterIP,
      } = service.spec as {
        selector: Labels;
        ports: { port: number; targetPort: string }[];
        clusterIP: string;
      };
      const chosen = Object.values(pods).filter(({ labels }) => selects(textOf(pod), labels));
      expect(chosen).toHaveLength(1);
      expect(chosen[0]!.container.command).toEqual(["understudy", "mocker"]);
      expect([clusterIP, ports]).toEqual(["None", [{ name: "system", port: 9090, targetPort: "system" }]]);
    }
  });

  it("gives a token of the API to those alone who ask it", () => {
    const accounts = ofKind(objects, "ServiceAccount");
    expect(
      Object.fromEntries(accounts.map(({ metadata, automountServiceAccountToken: token }) => [metadata!.name, token])),
    ).toEqual({ "mocker-frontend": true, "mocker-planner": true, "mocker-worker": false });
    for (const [name, { serviceAccountName, automountServiceAccountToken }] of Object.entries(pods)) {
      const isWorker = name === "prefill" || name === "decode";
      expect([name, serviceAccountName, automountServiceAccountToken]).toEqual([
        name,
        isWorker ? "mocker-worker" : `mocker-${name}`,
        isWorker ? false : undefined,
      ]);
    }
  });

  it("asks for health where the servers listen", () => {
    for (const { container } of Object.values(pods)) {
      for (const { httpGet } of [container.livenessProbe, container.readinessProbe]) {
        const port = container.ports.find(({ name }) => name === httpGet.port)!.containerPort;
        const flag = flagValue(container.args, "--port");
        expect(flag ?? "9086").toBe(String(port));
      }
    }
  });

  it("of an aggregated kind has one pool of workers", () => {
    const agg = build("standalone", { mode: "agg" });
    const names = ofKind(agg, "Deployment").map(({ metadata }) => metadata!.name);
    expect(names).toEqual(["mocker-decode", "mocker-frontend", "mocker-planner"]);
    expect(podOf(named(agg, "Deployment", "mocker-decode")).container.args).not.toContain("--disaggregation-mode");
    const budgets = ofKind(agg, "PodDisruptionBudget").map(({ metadata }) => metadata!.name);
    expect(budgets).toEqual(["mocker-frontend", "mocker-decode", "mocker-planner"]);
  });
});

describe("a planner in a pod", () => {
  const settingsOf = (container: Container, config: string | undefined) => {
    const environment = Object.fromEntries(
      (container.env ?? []).flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])),
    );
    const command = addPlannerOptions(new Command()).parse(config === undefined ? container.args : [], {
      from: "user",
    });
    const sources = { flags: plannerFlagsFrom(command), environment };
    return readPlannerConfig({ ...sources, ...(config === undefined ? {} : { config }) }).config;
  };

  it.each(["0.8", "1.0"] as const)(
    "of a DynamoGraphDeployment (%s) can be started with what it is given",
    (dialect) => {
      const objects = build("deployment", { dialect, flavour: "understudy" });
      const dgd = objects.at(-1)!.spec as {
        services?: Record<string, { extraPodSpec: { mainContainer: Container } }>;
        components?: { name: string; podTemplate: { spec: { containers: Container[] } } }[];
      };
      const container =
        dgd.services?.Planner?.extraPodSpec.mainContainer ??
        dgd.components!.find(({ name }) => name === "Planner")!.podTemplate.spec.containers[0]!;
      const config = ofKind(objects, "ConfigMap").find(({ data }) => "planner_config.json" in (data as object));
      const text = (config?.data as Record<string, string> | undefined)?.["planner_config.json"];
      expect(settingsOf(container, dialect === "1.0" ? text : undefined)).toMatchObject({
        environment: "kubernetes",
        mode: "disagg",
        sla: { ttftMs: 200, itlMs: 20 },
        connector: { graphDeploymentName: "mocker" },
        metrics: { frontendUrls: ["http://mocker-frontend:8000"], reportingPort: 9085 },
        service: { listenHost: "0.0.0.0", controlPort: 9086, dashboardPort: 8080, report: { folder: "/tmp/reports" } },
      });
      const mount = container.volumeMounts.find(({ mountPath }) => mountPath === "/workspace/profiling_results");
      expect(mount).toBeDefined();
    },
  );
});

/** Whether labels are what a selector such as `a=b,c in (d,e)` asks for. */
function selects(selector: string, labels: Labels): boolean {
  const terms = selector.match(/[^,]+ in \([^)]*\)|[^,]+/g)!;
  return terms.every((term) => {
    const [, key, values] = /^(.+?)(?:=| in \()([^)]*)\)?$/.exec(term)!;
    return values!.split(",").includes(labels[key!] ?? "");
  });
}

function textOf(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(",");
}
