import { expect, it } from "vitest";
import {
  backendImage,
  backendOfImage,
  type KubernetesObject,
  MANIFEST_DEFAULTS,
  MANIFESTS,
  plannerImage,
  renderDeployment,
} from "#src/deployment";
import { components, disaggPlan } from "./plans.ts";

it.each([
  ["nvcr.io/nvidia/ai-dynamo/dynamo-frontend:latest", "nvcr.io/nvidia/ai-dynamo/vllm-runtime:latest"],
  ["localhost:5000/profiler", "localhost:5000/vllm-runtime"],
  ["localhost:5000/a/b:1@sha256:0a/", "localhost:5000/a/vllm-runtime:1@sha256:0a/"],
  ["profiler@sha256:0a", "vllm-runtime@sha256:0a"],
])("%s becomes the backend's image of the same registry, tag and digest", (image, renamed) => {
  expect(backendImage(image, "vllm")).toBe(renamed);
});

it("[R177] every backend has its runtime image, of the document's releases", () => {
  const image = (release: string) => `nvcr.io/nvidia/ai-dynamo/vllm-runtime:${release}`;
  expect(backendImage(image("0.3.2"), "vllm")).toBe(image("0.3.2"));
  expect(backendImage(image("0.6.1"), "sglang")).toBe("nvcr.io/nvidia/ai-dynamo/sglang-runtime:0.6.1");
  expect(backendImage(image("0.6.1"), "trtllm")).toBe("nvcr.io/nvidia/ai-dynamo/tensorrtllm-runtime:0.6.1");
  expect(backendOfImage("nvcr.io/nvidia/ai-dynamo/trtllm-runtime:0.6.1")).toBe("trtllm");
  expect(backendOfImage(image("0.6.1"))).toBe("vllm");
  expect(backendOfImage("nginx")).toBeUndefined();
});

it("planner and mocker are in an image of their own", () => {
  expect(plannerImage("a/b/profiler:1.4.0-test")).toBe("a/b/dynamo-planner:1.4.0-test");
});

it("[R137] every image is the user's to set: frontend, workers, planner, mockers, profiler", () => {
  const planner = { dialect: "1.0", image: "mine/planner:1", settings: {}, scaling: "none" } as const;
  const images = (dgd: KubernetesObject) => Object.values(components(dgd)).map(({ container }) => container.image);
  const own = Array(3).fill("mine/runtime:1");
  expect(images(renderDeployment(disaggPlan({ image: "mine/runtime:1", planner })).at(-1)!)).toEqual([
    ...own,
    "mine/planner:1",
  ]);
  const mocker = { flavour: "understudy", image: "mine/mocker:1", speedupRatio: 1 } as const;
  expect(new Set(images(renderDeployment(disaggPlan({ mocker }))[0]!))).toEqual(new Set(["mine/mocker:1"]));
  const job = MANIFESTS.find(({ name }) => name === "profiling-job")!;
  const [made] = job.build({ ...MANIFEST_DEFAULTS, dialect: "0.3", image: "mine/profiler:1" });
  expect(JSON.stringify(made)).toContain('"image":"mine/profiler:1"');
});
