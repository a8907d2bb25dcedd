import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { planDeployments } from "#src/deployment";

const junk = fc.jsonValue({ maxDepth: 1 }) as fc.Arbitrary<unknown>;
/** What should stand there, and now and then something else. */
const maybe = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 60, arbitrary }, { weight: 1, arbitrary: junk as fc.Arbitrary<T> });
const list = <T>(item: fc.Arbitrary<T>, maxLength: number) => maybe(fc.array(maybe(item), { maxLength }));
/** Any of the keys, or none. */
const some = <T extends Record<string, fc.Arbitrary<unknown>>>(shape: T) =>
  maybe(fc.record(shape, { requiredKeys: [] }));

const name = maybe(fc.constantFrom("a", "b", "c"));
const script = "export X=1; exec python3 -m dynamo.mocker --model-name $A $X";
const command = fc.constantFrom<string[]>(
  ["python3", "-m", "dynamo.mocker"],
  ["python3", "-m", "dynamo.mocker", "--is-decode-worker"],
  ["python3", "-m", "dynamo.frontend"],
  ["python3", "-m", "dynamo.planner"],
  ["python3", "-m", "planner_sla"],
  ["understudy", "mocker"],
  ["sh", "-c", script],
  ["python3", "-m", "dynamo.vllm"],
  ["sleep"],
  [],
);
const args = fc.constantFrom<string[]>(
  [],
  ["--model-name", "$(A)"],
  ["--model-path", "/a/model", "--model-name", "m"],
  ["--planner-profile-data", "/a"],
  ["--config", "{}"],
  ["--config", "/a/x"],
  ["--environment=virtual"],
  ["--block-size"],
  ["--unknown", "1"],
  ["--aic-nextn", "2"],
  ["word"],
);
const words = maybe(fc.tuple(command, args).map(([first, rest]) => [...first, ...rest]));
const reference = some({ name, key: name, optional: maybe(fc.boolean()) });
const fieldRef = some({ fieldPath: maybe(fc.constantFrom("metadata.name", "status.podIP", "spec.x")) });
const variable = fc.oneof(
  fc.record({ name: maybe(fc.constantFrom("A", "B", "PATH")), value: maybe(fc.constantFrom("v", "$(A)", "$$")) }),
  fc.record({ name, valueFrom: some({ configMapKeyRef: reference, secretKeyRef: reference, fieldRef }) }),
);
const source = some({ secretRef: reference, configMapRef: reference });
const mount = fc.record({
  name,
  mountPath: maybe(fc.constantFrom("/a", "/a/b", "/w", "c", "/../d")),
  subPath: maybe(fc.constantFrom(undefined, undefined, "x", "../x")),
});
const probe = some({
  httpGet: some({ path: name, port: maybe(fc.constantFrom(9090, "http")) }),
  periodSeconds: maybe(fc.nat()),
});
const container = maybe(
  fc.record(
    {
      name: fc.constant("main"),
      command: words,
      env: list(variable, 2),
      envFrom: list(source, 1),
      volumeMounts: list(mount, 1),
      workingDir: maybe(fc.constant("/w")),
      readinessProbe: probe,
      resources: some({ limits: some({ "nvidia.com/gpu": maybe(fc.constantFrom("1", "half")) }) }),
    },
    { requiredKeys: ["name", "command"] },
  ),
);
const items = list(fc.record({ key: name, path: maybe(fc.constantFrom("x", "../y")) }), 1);
const volume = fc.oneof(
  fc.record({ name, configMap: some({ name, items }) }),
  fc.record({ name, secret: some({ secretName: name }) }),
  fc.record({ name, persistentVolumeClaim: some({ claimName: name }) }),
  fc.record({ name, emptyDir: fc.constant({}) }),
);
const podFields = {
  volumes: maybe(fc.tuple(volume, volume).map((pair) => pair.map((one, i) => ({ ...one, name: ["a", "b"][i] })))),
  terminationGracePeriodSeconds: maybe(fc.nat()),
};
const replicas = maybe(fc.nat(3));
const spec = {
  v1alpha1: fc.record({
    envs: list(variable, 1),
    services: maybe(
      fc.dictionary(
        fc.constantFrom("a", "b", "Frontend"),
        maybe(
          fc.record(
            {
              componentType: maybe(fc.constantFrom("frontend", "worker", "planner")),
              subComponentType: maybe(fc.constantFrom("prefill", "decode")),
              replicas,
              envs: list(variable, 1),
              scalingAdapter: some({ enabled: maybe(fc.boolean()) }),
              extraPodSpec: maybe(fc.record({ ...podFields, mainContainer: container })),
            },
            { requiredKeys: ["extraPodSpec"] },
          ),
        ),
        { minKeys: 1, maxKeys: 2 },
      ),
    ),
  }),
  v1beta1: fc.record({
    env: list(variable, 1),
    components: maybe(
      fc.array(
        maybe(
          fc.record(
            {
              name: maybe(fc.constantFrom("a", "b", "Frontend", "decode")),
              type: maybe(fc.constantFrom("frontend", "worker", "prefill", "decode", "planner", "epp")),
              replicas,
              multinode: some({ nodeCount: replicas }),
              podTemplate: maybe(
                fc.record({ spec: maybe(fc.record({ ...podFields, containers: container.map((main) => [main]) })) }),
              ),
            },
            { requiredKeys: ["name", "podTemplate"] },
          ),
        ),
        { minLength: 1, maxLength: 2 },
      ),
    ),
  }),
};
const deployment = fc.constantFrom("v1alpha1" as const, "v1beta1" as const).chain((version) =>
  fc.record({
    apiVersion: fc.constant(`nvidia.com/${version}`),
    kind: fc.constant("DynamoGraphDeployment"),
    metadata: maybe(fc.record({ name: maybe(fc.constant("d")), namespace: maybe(fc.constantFrom("n", undefined)) })),
    spec: maybe<unknown>(spec[version]),
  }),
);
const data = fc.record({
  kind: fc.constantFrom("ConfigMap", "Secret"),
  metadata: maybe(fc.record({ name })),
  data: maybe(fc.record({ a: maybe(fc.base64String()), x: maybe(fc.constant("e30=")) })),
});

describe("whatever a manifest says", () => {
  it("it is planned or refused by a UserError with a place, never anything else", () => {
    const planned = new Set<string>();
    const refused = new Set<string>();
    fc.assert(
      fc.property(
        deployment,
        fc.array(data, { maxLength: 4 }),
        fc.constantFrom("local" as const, "kubernetes" as const),
        (graph, beside, store) => {
          const documents = [graph, ...beside].map((value) => ({ value, file: "f.yaml" }));
          const before = JSON.stringify(documents);
          try {
            for (const { components } of planDeployments(documents, { store })) {
              for (const { template } of components) planned.add(template.kind);
            }
          } catch (error) {
            if (!(error instanceof UserError)) throw error;
            refused.add(error.code);
            expect(error.where).toMatch(/^f\.yaml/);
          }
          expect(JSON.stringify(documents)).toBe(before);
        },
      ),
      { numRuns: 1500 },
    );
    // The search has been where it matters.
    expect([...planned].sort()).toEqual(["frontend", "planner", "worker"]);
    expect(refused.size).toBeGreaterThan(10);
  });
});
