import { expect, it } from "vitest";
import type { UserError } from "#common";
import { readGraph } from "../../src/deployment/graph/graph.ts";
import { canonicalNames } from "../../src/deployment/graph/names.ts";

const service = (fields: object) => ({ extraPodSpec: { mainContainer: { image: "i" } }, ...fields });
const v1alpha1 = (services: object) => ({
  apiVersion: "nvidia.com/v1alpha1",
  kind: "DynamoGraphDeployment",
  metadata: { name: "d" },
  spec: { services },
});
const v1beta1 = (components: unknown) => ({
  apiVersion: "nvidia.com/v1beta1",
  kind: "DynamoGraphDeployment",
  metadata: { name: "d" },
  spec: { components },
});
const pod = (main: object = {}) => ({ spec: { containers: [{ name: "main", image: "i", ...main }] } });

function problem(object: unknown): { where: string | undefined; message: string; code: string } {
  try {
    readGraph(object, "dgd.yaml");
  } catch (error) {
    const { where, message, code } = error as UserError;
    return { where, message, code };
  }
  throw new Error("it was accepted");
}

it("a declared type beats the component's name", () => {
  const graph = readGraph(
    v1alpha1({
      VllmDecodeWorker: service({ componentType: "worker", subComponentType: "prefill" }),
      Other: service({ componentType: "worker", subComponentType: "decode" }),
    }),
  );
  expect([graph.worker("prefill", "vllm").name, graph.worker("decode", "vllm").name]).toEqual([
    "VllmDecodeWorker",
    "Other",
  ]);
});

it("without a declared type the backends' own names tell workers apart", () => {
  for (const backend of ["vllm", "sglang", "trtllm", "mocker"] as const) {
    for (const { name, role } of canonicalNames(backend)) {
      const graph = readGraph(v1alpha1({ Frontend: service({}), [name]: service({ componentType: "worker" }) }));
      expect(graph.worker(role === "worker" ? "agg" : role, backend).name).toBe(name);
    }
  }
});

it("the registered components of workers are those of Dynamo's discovery", () => {
  const component = (backend: "vllm" | "trtllm", name: string) =>
    canonicalNames(backend).find((entry) => entry.name === name)?.component;
  expect(component("vllm", "VllmPrefillWorker")).toBe("prefill");
  expect(component("vllm", "VllmDecodeWorker")).toBe("backend");
  expect(component("trtllm", "TRTLLMPrefillWorker")).toBe("tensorrt_llm_next");
  expect(component("trtllm", "TRTLLMDecodeWorker")).toBe("tensorrt_llm");
});

it("two workers of one role are ambiguous, none is missing", () => {
  const two = readGraph(v1beta1([1, 2].map((n) => ({ name: `w${n}`, type: "prefill", podTemplate: pod() }))));
  expect(() => two.worker("prefill")).toThrow(/several components that could be the prefill worker: w1, w2/);
  expect(() => readGraph(v1beta1([])).worker("decode")).toThrow(/found no decode worker/);
});

it.each([
  ["no object", "text", ""],
  ["another kind", { kind: "Pod" }, "kind"],
  ["another version", { ...v1beta1([]), apiVersion: "nvidia.com/v2" }, "apiVersion"],
  ["components in v1alpha1", { ...v1alpha1({}), spec: { components: [] } }, "spec"],
  ["services in v1beta1", { ...v1beta1([]), spec: { services: {} } }, "spec"],
  ["a service that is no object", v1alpha1({ prefill: 1 }), "spec.services.prefill"],
  ["replicas below 0", v1alpha1({ a: service({ replicas: -1 }) }), "spec.services.a.replicas"],
  ["an image that is no text", v1beta1([{ name: "a", podTemplate: pod({ image: 1 }) }]), "spec.components[0].image"],
  ["args of objects", v1beta1([{ name: "a", podTemplate: pod({ args: [{}] }) }]), "spec.components[0].args[0]"],
  ["a component without a name", v1beta1([{}]), "spec.components[0].name"],
  ["names that differ in case alone", v1beta1([{ name: "a" }, { name: "A" }]), "spec.components[1]"],
  ["a name with a dot", v1beta1([{ name: "a.b" }]), "spec.components[0]"],
  [
    "a list of containers that is none",
    v1beta1([{ name: "a", podTemplate: { spec: { containers: {} } } }]),
    "spec.components[0].podTemplate.spec.containers",
  ],
])("refuses %s with its place", (_, object, path) => {
  const { where, code } = problem(object);
  expect(where).toBe(path === "" ? "dgd.yaml" : `dgd.yaml: ${path}`);
  expect(code).toMatch(/^DEPLOYMENT_/);
});

it("more than 25 components are too many", () => {
  expect(problem(v1beta1(Array.from({ length: 26 }, (_, i) => ({ name: `c${i}` })))).message).toContain("at most 25");
});

it("reading copies: edits leave the original alone", () => {
  const original = v1beta1([{ name: "a", type: "decode", podTemplate: pod() }]);
  const before = structuredClone(original);
  const graph = readGraph(original);
  graph.find("a")!.setGpus(4);
  graph.remove("a");
  expect(original).toEqual(before);
});
