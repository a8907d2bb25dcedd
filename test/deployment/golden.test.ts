import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { type KubernetesObject, renderDeployment } from "#src/deployment";
import { engineLayout } from "#src/estimator";
import { describeWithReference, referencePath } from "../reference.ts";

type Json = Record<string, unknown>;

/** What differs from the reference's rendering of the same request, and why. */
const DIFFERENCES = [
  { path: /^metadata\.\$strict$/, why: "a mark of the reference's own comparison" },
  { path: /^status/, why: "what the operator adds" },
  { path: /\.image$/, why: "ignored by the reference's own comparison" },
  { path: /^metadata\.annotations/, why: "compared loosely there; the request's override is merged here" },
  { path: /\.runtimeVersionOverride$/, why: "taken from the profiler image's tag by the operator, not in the request" },
];

describeWithReference("the reference's request for a mocker", () => {
  const request = parse(readFileSync(referencePath("dgdr-golden", "deployment", "input.yaml"), "utf8")) as {
    metadata: { name: string };
    spec: { model: string; image: string; overrides: { dgd: Json }; hardware: { gpuSku: string } };
  };
  const [golden, ...made] = parseAllDocuments(
    readFileSync(referencePath("dgdr-golden", "deployment", "output.yaml"), "utf8"),
  ).map((document) => document.toJS() as KubernetesObject);

  const engine = { layout: engineLayout("tp1"), replicas: 1 };
  const [dgd, ...more] = renderDeployment({
    version: "v1beta1",
    name: `${request.metadata.name}-dgd`,
    backend: "vllm",
    model: request.spec.model,
    mode: "disagg",
    prefill: engine,
    decode: engine,
    gpusPerNode: 8,
    image: request.spec.image,
    mocker: {
      flavour: "dynamo",
      image: request.spec.image,
      speedupRatio: 1,
      estimator: { backend: "vllm", backendVersion: "0.14.0", system: request.spec.hardware.gpuSku },
    },
    overrides: request.spec.overrides.dgd,
    suffix: { plannerConfig: "0000", profileData: "0000" },
  });

  it("[R117] renders the reference's deployment, up to differences that are listed", () => {
    expect(more).toEqual([]);
    const differences = differencesOf(golden!, dgd!, "");
    const unlisted = differences.filter(({ path }) => !DIFFERENCES.some((known) => known.path.test(path)));
    expect(unlisted).toEqual([]);
    for (const known of DIFFERENCES) {
      expect(
        differences.some(({ path }) => known.path.test(path)),
        `${known.path} differs: ${known.why}`,
      ).toBe(true);
    }
    expect(dgd!.metadata!.annotations).toEqual({ "nvidia.com/enable-grove": "false" });
  });

  it("[R187] is what the reference's operator makes pods of: frontend and workers, with these arguments", () => {
    const pods = made.filter(({ kind }) => kind === "DynamoComponentDeployment").map(({ spec }) => spec as Json);
    const ours = (dgd!.spec as { components: Json[] }).components;
    expect(pods.map(({ name }) => name).sort()).toEqual(ours.map(({ name }) => name).sort());
    for (const pod of pods) {
      const component = ours.find(({ name }) => name === pod.name)!;
      const unlisted = differencesOf(pod, component, "").filter(
        ({ path }) => !/\.image$|^podTemplate\.metadata|runtimeVersionOverride$/.test(path),
      );
      expect(unlisted).toEqual([]);
    }
  });
});

interface Difference {
  path: string;
  theirs: unknown;
  ours: unknown;
}

/** Lists of named items are compared by name, whatever their order. */
function differencesOf(theirs: unknown, ours: unknown, path: string): Difference[] {
  const named = (list: unknown): list is (Json & { name: string })[] =>
    Array.isArray(list) && list.every((item) => typeof (item as Json)?.name === "string");
  if (named(theirs) && named(ours)) {
    const names = new Set([...theirs, ...ours].map(({ name }) => name));
    const of = (list: (Json & { name: string })[], name: string) => list.find((item) => item.name === name);
    return [...names].flatMap((name) => differencesOf(of(theirs, name), of(ours, name), `${path}[${name}]`));
  }
  if (isObject(theirs) && isObject(ours)) {
    const keys = new Set([...Object.keys(theirs), ...Object.keys(ours)]);
    return [...keys].flatMap((key) => differencesOf(theirs[key], ours[key], path ? `${path}.${key}` : key));
  }
  return JSON.stringify(theirs) === JSON.stringify(ours) ? [] : [{ path, theirs, ours }];
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
