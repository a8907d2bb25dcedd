import { describe, expect, it } from "vitest";
import { forReplica } from "../../../src/deployment/plan/variables.ts";
import { configMap, mocker, oneComponent, planned, plansOf, refusal } from "./support.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const envOf = (container: object, more: Parameters<typeof oneComponent>[1] = {}, beside: object[] = []) =>
  planned({ ...mocker(), ...container }, more, beside).template.env;

describe("the environment of a component", () => {
  it("is the operator's, the ConfigMaps' and Secrets', the deployment's, the container's: later ones over earlier ones", () => {
    const env = envOf(
      {
        envFrom: [{ configMapRef: { name: "c" } }, { prefix: "S_", secretRef: { name: "s" } }],
        env: [
          { name: "B", value: "container" },
          { name: "URL", value: "http://$(A)/$(B)/$(LATER)$$(A)" },
          { name: "LATER", value: "x" },
        ],
      },
      {
        spec: {
          env: [
            { name: "A", value: "deployment" },
            { name: "DYN_NAMESPACE", value: "mine" },
          ],
        },
      },
      [
        configMap("c", { A: "map", B: "map", C: "map" }),
        {
          kind: "Secret",
          apiVersion: "v1",
          metadata: { name: "s" },
          data: { T: base64("tok") },
          stringData: { U: "u" },
        },
      ],
    );
    expect(env).toMatchObject({
      A: "deployment",
      B: "container",
      C: "map",
      S_T: "tok",
      S_U: "u",
      URL: "http://deployment/container/$(LATER)$(A)",
      DYN_NAMESPACE: "mine",
      DYN_COMPONENT: "decode",
      DYN_PARENT_DGD_K8S_NAME: "one",
      DYN_PARENT_DGD_K8S_NAMESPACE: "default",
    });
  });

  it("of v1alpha1 comes from envs of deployment and service, too, and its Dynamo namespace", () => {
    const [plan] = plansOf(`apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: { name: old, namespace: ns }
spec:
  envs: [{ name: A, value: "1" }, { name: B, value: "1" }, { name: C, value: "1" }]
  services:
    decode:
      dynamoNamespace: dyn
      componentType: worker
      subComponentType: decode
      envFromSecret: s
      envs: [{ name: B, value: "2" }, { name: C, value: "2" }]
      extraPodSpec:
        mainContainer:
          command: [python3, -m, dynamo.mocker]
          env: [{ name: C, value: 3 }, { name: D, value: $(TOKEN) }]
---
kind: Secret
metadata: { name: s, namespace: ns }
stringData: { TOKEN: t }
---
kind: Secret
metadata: { name: s, namespace: elsewhere }
stringData: { TOKEN: wrong }
`);
    expect(plan!.components[0]!.template.env).toMatchObject({ A: "1", B: "2", C: "3", D: "t", DYN_NAMESPACE: "dyn" });
  });

  it("refers to keys and to the pod; the replica's own name and id are filled in later", () => {
    const { template } = planned(
      {
        ...mocker("--model-name", "m-$(POD)"),
        env: [
          { name: "K", valueFrom: { configMapKeyRef: { name: "c", key: "k" } } },
          { name: "S", valueFrom: { secretKeyRef: { name: "s", key: "k" } } },
          { name: "NONE", valueFrom: { configMapKeyRef: { name: "c", key: "none", optional: true } } },
          { name: "POD", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
          { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
          { name: "NS", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
        ],
      },
      {},
      [configMap("c", { k: "v" }), { kind: "Secret", metadata: { name: "s" }, data: { k: base64("w") } }],
    );
    const replica = forReplica(template, { name: "decode-3", uid: "u3" });
    expect(replica.env).toMatchObject({
      K: "v",
      S: "w",
      POD: "decode-3",
      POD_NAME: "decode-3",
      POD_UID: "u3",
      IP: "127.0.0.1",
      NS: "default",
    });
    expect(Object.keys(replica.env)).not.toContain("NONE");
    expect(replica.argv).toEqual(["mocker", "--model-name", "m-decode-3"]);
  });

  it("goes without Secrets that are not there, and says so", () => {
    const { template, notes } = planned({
      ...mocker(),
      envFrom: [{ secretRef: { name: "hf-token-secret" } }, { secretRef: { name: "o", optional: true } }],
      env: [{ name: "T", valueFrom: { secretKeyRef: { name: "t", key: "k" } } }],
    });
    expect(template.env).not.toHaveProperty("T");
    expect(notes).toEqual([
      "decode: Secret hf-token-secret is not there: its variables are not set",
      "decode: Secret t is not there: the variable that its key k gives is not set",
    ]);
  });

  it("asks for what is not among the documents", () => {
    const asked: string[] = [];
    const [plan] = plansOf(oneComponent({ ...mocker(), envFrom: [{ configMapRef: { name: "c" } }] }), {
      store: "kubernetes",
      namespace: "ns",
      lookUp: (kind, name, namespace) => {
        asked.push(`${kind} ${namespace}/${name}`);
        return configMap(name, { A: "1" });
      },
    });
    expect(asked).toEqual(["ConfigMap ns/c"]);
    expect(plan!.components[0]!.template.env).toMatchObject({ A: "1" });
  });

  it("leaves out what is about the image's own files, but a script still sees it", () => {
    const { template, notes } = planned({
      command: ["sh", "-c", "export EXTRA=1; python3 -m dynamo.mocker --model-name $PATH"],
      env: [
        { name: "PATH", value: "/x" },
        { name: "LD_PRELOAD", value: "/y" },
        { name: "NODE_OPTIONS", value: "--z" },
      ],
    });
    expect(template.argv.at(-1)).toBe("/x");
    for (const name of ["PATH", "LD_PRELOAD", "NODE_OPTIONS"]) expect(template.env).not.toHaveProperty(name);
    expect(template.env.EXTRA).toBe("1");
    expect(notes[0]).toContain("PATH, LD_PRELOAD, NODE_OPTIONS of its environment left aside");
  });

  it.each([
    [{ envFrom: [{ configMapRef: { name: "plan" } }] }, "DEPLOYMENT_OBJECT_MISSING", 'did you mean "plans"?'],
    [
      { env: [{ name: "A", valueFrom: { configMapKeyRef: { name: "plans", key: "kay" } } }] },
      "DEPLOYMENT_KEY_MISSING",
      'did you mean "key"?',
    ],
    [{ env: [{ value: "1" }] }, "DEPLOYMENT_WRONG_TYPE", undefined],
    [{ env: [{ name: "A", value: ["1"] }] }, "DEPLOYMENT_WRONG_TYPE", undefined],
  ])("is refused: %j", (container, code, hint) => {
    const error = refusal(() => envOf(container, {}, [configMap("plans", { key: "v" })]));
    expect([error.code, error.hint]).toEqual([code, hint]);
    expect(error.where).toMatch(/^dgd\.yaml:1:\d+ \(spec\.components\[0\]\.podTemplate\.spec\.containers\[0\]\.env/);
  });
});
