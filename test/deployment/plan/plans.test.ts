import { describe, expect, it } from "vitest";
import { placeOf } from "../../../src/deployment/plan/read-manifests.ts";
import { configMap, mocker, oneComponent, planned, plansOf, refusal } from "./support.ts";

const worker = (name: string, mode: string, model = "m") => ({
  name,
  type: mode === "agg" ? "worker" : mode,
  podTemplate: {
    spec: { containers: [{ name: "main", ...mocker("--model-name", model, "--disaggregation-mode", mode) }] },
  },
});
const graph = (components: object[], metadata: object = { name: "d" }) =>
  JSON.stringify({ apiVersion: "nvidia.com/v1beta1", kind: "DynamoGraphDeployment", metadata, spec: { components } });
const PLANNER = {
  name: "Planner",
  type: "planner",
  podTemplate: {
    spec: { containers: [{ name: "main", command: ["python3", "-m", "dynamo.planner"], args: ["--mode=disagg"] }] },
  },
};

describe("the plan of a component", () => {
  it("has role, replicas, GPUs over all nodes, adapter, grace and probes of the manifest", () => {
    const plan = planned(
      {
        ...mocker("--disaggregation-mode", "decode"),
        resources: { limits: { "nvidia.com/gpu": "4" } },
        readinessProbe: { httpGet: { path: "/health", port: "system" }, periodSeconds: 5 },
        livenessProbe: { httpGet: { port: 9090 }, failureThreshold: 1, initialDelaySeconds: 7, timeoutSeconds: 4 },
        startupProbe: { exec: { command: ["true"] } },
      },
      {
        component: { replicas: 3, multinode: { nodeCount: 2 }, minAvailable: 2, scalingAdapter: {} },
        pod: { terminationGracePeriodSeconds: 60, initContainers: [{ name: "warm" }] },
      },
    );
    expect(plan).toMatchObject({
      name: "decode",
      role: "decode",
      replicas: 3,
      gpusPerReplica: 8,
      minAvailable: 2,
      hasScalingAdapter: true,
    });
    expect(plan.template.terminationGraceSeconds).toBe(60);
    expect(plan.template.probes).toEqual({
      readiness: {
        path: "/health",
        port: "system",
        initialDelaySeconds: 0,
        periodSeconds: 5,
        timeoutSeconds: 1,
        failureThreshold: 3,
        successThreshold: 1,
      },
      liveness: {
        path: "/",
        port: 9090,
        initialDelaySeconds: 7,
        periodSeconds: 10,
        timeoutSeconds: 4,
        failureThreshold: 1,
        successThreshold: 1,
      },
      startup: null,
    });
    expect(plan.notes).toEqual([
      "decode: its init containers are not run: warm",
      "decode: its startupProbe is left aside: only httpGet can be asked here, and its own health endpoint is asked instead",
    ]);
    expect(planned(mocker())).toMatchObject({
      replicas: 1,
      gpusPerReplica: null,
      minAvailable: null,
      hasScalingAdapter: false,
    });
  });

  it("of v1alpha1 reads the service's own fields", () => {
    const [plan] = plansOf(`apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: { name: old }
spec:
  services:
    VllmDecodeWorker:
      componentType: worker
      subComponentType: decode
      replicas: 2
      resources: { limits: { gpu: "2" } }
      scalingAdapter: { enabled: true }
      readinessProbe: { httpGet: { path: /ready, port: 1 } }
      autoscaling: { enabled: true }
      ingress: { enabled: true }
      extraPodSpec:
        terminationGracePeriodSeconds: 5
        containers: [{ name: side }]
        mainContainer: { command: [python3, -m, dynamo.mocker] }
`);
    expect(plan!.components[0]).toMatchObject({
      ...{ role: "decode", replicas: 2, gpusPerReplica: 2, hasScalingAdapter: true },
      template: { terminationGraceSeconds: 5, probes: { readiness: { path: "/ready" } } },
    });
    expect(plan!.notes).toHaveLength(3);
  });

  it("takes its role from the command line where the manifest says no more than worker", () => {
    const roleOf = (type: string | undefined, ...args: string[]) =>
      planned(mocker(...args), { component: { type } }).role;
    expect(roleOf("worker", "--disaggregation-mode", "prefill")).toBe("prefill");
    expect(roleOf("worker", "--is-decode-worker")).toBe("decode");
    expect(roleOf("worker")).toBe("worker");
    expect(roleOf(undefined, "--is-prefill-worker")).toBe("prefill");
    expect(roleOf("decode")).toBe("decode");
    const torn = planned(mocker("--is-prefill-worker"), { component: { type: "decode" } });
    expect([torn.role, torn.notes[0]]).toEqual(["decode", expect.stringContaining("declared as decode")]);
  });

  it("has a revision that tells templates apart, and nothing else", () => {
    const at = (container: object, more = {}, beside: object[] = []) => planned(container, more, beside).revision;
    const base = at(mocker("--model-name", "m"));
    expect(base).toMatch(/^[0-9a-f]{10}$/);
    expect(at(mocker("--model-name", "m"), { component: { replicas: 7, scalingAdapter: {} } })).toBe(base);
    expect(at({ ...mocker("--model-name", "m"), image: "other" })).toBe(base);
    expect(at(mocker("--model-name", "n"))).not.toBe(base);
    expect(at({ ...mocker("--model-name", "m"), env: [{ name: "A", value: "1" }] })).not.toBe(base);
    const mount = (data: string) =>
      at(
        { ...mocker("--model-name", "m"), volumeMounts: [{ name: "v", mountPath: "/m" }] },
        { pod: { volumes: [{ name: "v", configMap: { name: "c" } }] } },
        [configMap("c", { k: data })],
      );
    expect(mount("a")).toBe(mount("a"));
    expect(mount("a")).not.toBe(mount("b"));
  });
});

describe("the plan of a deployment", () => {
  it("is one for each deployment of a stream or a list, with its namespace", () => {
    const list = JSON.stringify({
      kind: "List",
      items: [JSON.parse(graph([worker("decode", "decode")], { name: "b", namespace: "n" }))],
    });
    const plans = plansOf(
      `${graph([worker("decode", "decode")])}\n---\n${list}\n---\n---\nkind: PersistentVolumeClaim\n`,
      { namespace: "mine" },
    );
    expect(plans.map(({ namespace, name }) => `${namespace}/${name}`)).toEqual(["mine/d", "n/b"]);
    expect(plans[0]!.notes).toEqual(["beside the deployment left aside: PersistentVolumeClaim"]);
  });

  it("takes a namespace that nothing has filled in for none, in ConfigMaps beside it, too", () => {
    const namespace = "$" + "{NAMESPACE}";
    const mounting = {
      ...mocker("--model-name", "m"),
      volumeMounts: [{ name: "v", mountPath: "/m" }],
    };
    const pod = { volumes: [{ name: "v", configMap: { name: "c" } }] };
    const unfilled = JSON.parse(oneComponent(mounting, { pod })) as { metadata: object };
    const beside = configMap("c", { k: "data" }) as { metadata: object };
    const text = [unfilled, beside]
      .map((object) => JSON.stringify({ ...object, metadata: { ...object.metadata, namespace } }))
      .join("\n---\n");
    expect(plansOf(text)[0]!.namespace).toBe("default");
    expect(plansOf(text, { namespace: "mine" })[0]!.namespace).toBe("mine");
  });

  it("serves one model", () => {
    expect(plansOf(graph([worker("prefill", "prefill"), worker("decode", "decode")]))[0]!.model).toBe("m");
    expect(plansOf(graph([PLANNER]))[0]!.model).toBeNull();
    const error = refusal(() => plansOf(graph([worker("prefill", "prefill", "a"), worker("decode", "decode", "b")])));
    expect([error.code, error.message]).toEqual([
      "DEPLOYMENT_MODEL_MISMATCH",
      'found workers of different models: prefill serves "a", decode serves "b"',
    ]);
  });

  it("goes without the Prometheus of its own that deployments until 0.5 have", () => {
    const prometheus = { command: ["/bin/sh", "-c"], args: ["python3 -m dynamo.planner.prometheus"] };
    const components = [
      worker("decode", "decode"),
      { name: "Prometheus", podTemplate: { spec: { containers: [{ name: "main", ...prometheus }] } } },
    ];
    const [plan] = plansOf(graph(components));
    expect(plan!.components.map(({ name }) => name)).toEqual(["decode"]);
    expect(plan!.notes).toEqual(["Prometheus: not run: the planner scrapes frontend and workers itself"]);
  });

  it("has one component of each role where a planner scales", () => {
    const two = [worker("decode", "decode"), worker("more", "decode")];
    expect(plansOf(graph(two))[0]!.components).toHaveLength(2);
    expect(refusal(() => plansOf(graph([...two, PLANNER]))).code).toBe("DEPLOYMENT_AMBIGUOUS_COMPONENT");
  });

  it.each([
    ["kind: DynamoGraphDeploymentRequest", "DEPLOYMENT_NOTHING_TO_RUN", "dgd.yaml"],
    ["", "DEPLOYMENT_NOTHING_TO_RUN", undefined],
    ["a: [1", "DEPLOYMENT_INVALID_YAML", "dgd.yaml:1:"],
    ["kind: ConfigMap\n---\n- 1", "DEPLOYMENT_NOT_AN_OBJECT", "dgd.yaml:3:1"],
    [graph([], {}), "DEPLOYMENT_NO_NAME", "dgd.yaml:1:"],
    [`${graph([])}\n---\n${graph([])}`, "DEPLOYMENT_TWICE", "dgd.yaml:3:"],
    [graph([worker("a", "decode"), worker("A", "decode")]), "DEPLOYMENT_DUPLICATE_COMPONENT", "dgd.yaml:1:"],
  ])("is refused: %s", (text, code, where) => {
    const error = refusal(() => plansOf(text));
    expect(error.code).toBe(code);
    if (where === undefined) expect(error.where).toBe("");
    else expect(error.where!.startsWith(where)).toBe(true);
  });

  it("places errors by file and line where nothing better is known", () => {
    expect(placeOf({ value: {}, file: "f", line: 3 }, "spec.a: --flag")).toBe("f:3: spec.a: --flag");
    expect(placeOf({ value: {}, file: "f" }, "")).toBe("f");
  });
});
