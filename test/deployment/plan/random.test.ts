import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { planDeployments } from "#src/deployment";

const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>;
const word = fc.constantFrom(
  ...[
    "python3",
    "-m",
    "dynamo.mocker",
    "dynamo.frontend",
    "dynamo.planner",
    "planner_sla",
    "dynamo.vllm",
    "sh",
    "-c",
    "--model-path",
  ],
  ...[
    "a/b",
    "--config",
    "{}",
    "$(A)",
    "$A",
    "--speedup-ratio",
    "1",
    "--environment",
    "understudy",
    "mocker",
    "&&",
    "exec python3 -m dynamo.mocker",
  ],
);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 8, arbitrary }, { weight: 1, arbitrary: json as fc.Arbitrary<T> });
const some = <T extends Record<string, fc.Arbitrary<unknown>>>(shape: T) => fc.record(shape, { requiredKeys: [] });
const name = fc.constantFrom("a", "b", "Frontend", "decode", "prefill", "main", "");
const reference = some({ name: maybe(name), key: maybe(name), optional: maybe(fc.boolean()) });
const variable = some({
  name: maybe(name),
  value: maybe(fc.string()),
  valueFrom: maybe(
    some({
      configMapKeyRef: reference,
      secretKeyRef: reference,
      fieldRef: some({ fieldPath: maybe(fc.constant("metadata.name")) }),
    }),
  ),
});
const probe = maybe(
  some({ httpGet: maybe(some({ path: maybe(name), port: maybe(fc.nat()) })), periodSeconds: maybe(fc.nat()) }),
);
const container = some({
  name: fc.constant("main"),
  command: maybe(fc.array(maybe(word), { maxLength: 4 })),
  args: maybe(fc.array(maybe(word), { maxLength: 5 })),
  env: maybe(fc.array(maybe(variable), { maxLength: 3 })),
  envFrom: maybe(fc.array(maybe(some({ secretRef: reference, configMapRef: reference })), { maxLength: 2 })),
  volumeMounts: maybe(
    fc.array(
      maybe(
        some({
          name: maybe(name),
          mountPath: maybe(fc.constantFrom("/a", "/a/b", "c", "/../d")),
          subPath: maybe(name),
        }),
      ),
      { maxLength: 2 },
    ),
  ),
  workingDir: maybe(fc.constant("/w")),
  readinessProbe: probe,
  resources: json,
});
const volume = some({
  name: maybe(name),
  configMap: maybe(
    some({
      name: maybe(name),
      items: maybe(
        fc.array(maybe(some({ key: maybe(name), path: maybe(fc.constantFrom("x", "../y")) })), { maxLength: 2 }),
      ),
    }),
  ),
  secret: maybe(some({ secretName: maybe(name) })),
  persistentVolumeClaim: maybe(some({ claimName: maybe(name) })),
  emptyDir: maybe(fc.constant({})),
});
const pod = some({
  containers: maybe(fc.array(maybe(container), { maxLength: 2 })),
  mainContainer: maybe(container),
  volumes: maybe(fc.array(maybe(volume), { maxLength: 2 })),
  terminationGracePeriodSeconds: maybe(fc.nat()),
});
const component = some({
  name: maybe(name),
  type: maybe(fc.constantFrom("frontend", "worker", "prefill", "decode", "planner", "epp")),
  componentType: maybe(fc.constantFrom("frontend", "worker", "planner")),
  subComponentType: maybe(fc.constantFrom("prefill", "decode")),
  replicas: maybe(fc.nat(3)),
  podTemplate: maybe(some({ spec: maybe(pod) })),
  extraPodSpec: maybe(pod),
  envs: maybe(fc.array(maybe(variable), { maxLength: 2 })),
  scalingAdapter: json,
  multinode: json,
});
const graph = fc.record({
  apiVersion: fc.constantFrom("nvidia.com/v1alpha1", "nvidia.com/v1beta1"),
  kind: fc.constant("DynamoGraphDeployment"),
  metadata: maybe(some({ name: maybe(fc.constant("d")), namespace: maybe(fc.constant("n")) })),
  spec: maybe(
    some({
      services: maybe(fc.dictionary(name, maybe(component), { maxKeys: 3 })),
      components: maybe(fc.array(maybe(component), { maxLength: 3 })),
      env: json,
      envs: json,
    }),
  ),
});
const data = fc.record({
  kind: fc.constantFrom("ConfigMap", "Secret"),
  metadata: maybe(fc.record({ name })),
  data: maybe(fc.dictionary(maybe(name) as fc.Arbitrary<string>, maybe(fc.base64String()), { maxKeys: 2 })),
});

describe("whatever a manifest says", () => {
  it("it is planned or refused by a UserError with a place, never anything else", () => {
    let planned = 0;
    fc.assert(
      fc.property(
        graph,
        fc.array(data, { maxLength: 2 }),
        fc.constantFrom("local" as const, "kubernetes" as const),
        (deployment, beside, store) => {
          const documents = [deployment, ...beside].map((value) => ({ value, file: "f.yaml" }));
          const before = JSON.stringify(documents);
          try {
            planned += planDeployments(documents, { store }).length;
          } catch (error) {
            if (!(error instanceof UserError)) throw error;
            expect(error.where).toMatch(/^f\.yaml|^(ConfigMap|Secret) /);
          }
          expect(JSON.stringify(documents)).toBe(before);
        },
      ),
      { numRuns: 2000 },
    );
    expect(planned).toBeGreaterThan(0);
  });
});
