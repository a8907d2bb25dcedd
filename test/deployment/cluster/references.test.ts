import { expect, it } from "vitest";
import { covers } from "../../../src/deployment/cluster/covers.ts";
import { referencesIn } from "../../../src/deployment/cluster/references.ts";

it("finds what a manifest refers to, wherever it stands, each once", () => {
  const spec = {
    services: {
      A: {
        envFromSecret: "hf-token-secret",
        extraPodSpec: {
          volumes: [
            { name: "v", configMap: { name: "profile" } },
            { name: "s", secret: { secretName: "keys" } },
            { name: "e", emptyDir: {} },
          ],
          mainContainer: {
            env: [
              { name: "X", valueFrom: { configMapKeyRef: { name: "settings", key: "x" } } },
              { name: "Y", valueFrom: { secretKeyRef: { name: "keys", key: "y" } } },
            ],
            envFrom: [{ configMapRef: { name: "profile" } }, { secretRef: { name: "more" } }],
          },
        },
      },
    },
  };
  expect(referencesIn(spec)).toEqual([
    { kind: "Secret", name: "hf-token-secret" },
    { kind: "ConfigMap", name: "profile" },
    { kind: "Secret", name: "keys" },
    { kind: "ConfigMap", name: "settings" },
    { kind: "Secret", name: "more" },
  ]);
});

it("tells what a write would change", () => {
  expect(covers({ a: 1, b: [{ c: 1, d: 2 }] }, { b: [{ c: 1 }] })).toBe(true);
  expect(covers({ a: 1 }, { a: 2 })).toBe(false);
  expect(covers({ b: [1, 2] }, { b: [1] })).toBe(false);
  expect(covers(undefined, { a: 1 })).toBe(false);
  expect(covers({ a: {} }, { a: { b: 1 } })).toBe(false);
});
