import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import {
  type DeploymentDialect,
  MANIFEST_DEFAULTS,
  MANIFESTS,
  type ManifestOptions,
  manifestYaml,
} from "#src/deployment";
import { ensureKubeApiserver, ensureKubectl } from "../../scripts/kube-apiserver.ts";
import { ensureMonitoringCrds } from "../../scripts/monitoring-crds.ts";
import { ensureEtcd } from "../../scripts/test-tools.ts";
import { referencePath } from "../reference.ts";
import { describeWithTool } from "../tools.ts";
import { KubeApiServer, type KubeObject } from "./api-server.ts";
import { Applier } from "./apply.ts";
import { installDynamoCrds, installMonitoringCrds } from "./crds.ts";

const NAMESPACE = "manifests";
/** For what envsubst would fill in. */
const PLACEHOLDERS: Record<string, string> = {
  NAMESPACE,
  DOCKER_IMAGE: "registry.example/understudy:1",
  DGD_CONFIG_FILE: "/workspace/disagg.yaml",
  NGC_API_KEY: "secret",
  HF_TOKEN: "secret",
};

const tools = async () => ({
  etcd: await ensureEtcd(),
  kubeApiserver: await ensureKubeApiserver(),
  kubectl: await ensureKubectl(),
  crds: await ensureMonitoringCrds(),
});

const filledIn = (text: string) => text.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => PLACEHOLDERS[name]!);
const parsed = (text: string) =>
  parseAllDocuments(filledIn(text)).flatMap((document) => {
    const object = document.toJS() as KubeObject | null;
    return object === null ? [] : [object];
  });
/** As a user applies it: printed, filled in, parsed. */
const objectsOf = (name: string, options: Partial<ManifestOptions>) => {
  const manifest = MANIFESTS.find((each) => each.name === name)!;
  return parsed(manifestYaml(manifest.build({ ...MANIFEST_DEFAULTS, dialect: "1.0", ...options })));
};

/** Every manifest in every generation, flavour and mode that it is made for. */
function variants(dialects: readonly DeploymentDialect[]): [title: string, name: string, Partial<ManifestOptions>][] {
  return MANIFESTS.flatMap(({ name, dialects: known }) =>
    dialects
      .filter((dialect) => known.includes(dialect))
      .flatMap((dialect) =>
        (["dynamo", "understudy"] as const).flatMap((flavour) =>
          (["disagg", "agg"] as const).map((mode): [string, string, Partial<ManifestOptions>] => [
            `${name} (${dialect}, ${flavour}, ${mode})`,
            name,
            { dialect, flavour, mode },
          ]),
        ),
      ),
  );
}

interface PodTemplate {
  metadata: { labels: Record<string, string> };
  spec: { [field: string]: unknown };
}

await describeWithTool("manifests, on a real API server with Dynamo's definitions of today", tools, (found) => {
  let server: KubeApiServer;
  let applier: Applier;
  let folder: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "understudy-kustomize-"));
    server = await KubeApiServer.start(found);
    await server.namespace(NAMESPACE);
    await installDynamoCrds(server, "v1beta1");
    await installMonitoringCrds(server, found.crds, ["podmonitors", "servicemonitors"]);
    applier = new Applier(server, NAMESPACE);
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const refusals = async (objects: readonly KubeObject[]) => {
    const answers: (string | null)[] = [];
    for (const object of objects) answers.push(await applier.dryRun(object));
    return answers.filter((answer) => answer !== null);
  };

  it("sees what is wrong with an object", async () => {
    const [monitor] = objectsOf("monitoring", {});
    const wrong = { ...monitor!, spec: { ...(monitor!.spec as object), podMetricsEndpoint: [] } };
    expect(await applier.dryRun(wrong)).toMatch(/podMetricsEndpoint/);
    const [dgd] = objectsOf("deployment", {}).slice(-1);
    expect(await applier.dryRun({ ...dgd!, spec: { components: [{ name: "a b" }] } })).toMatch(/Invalid|should match/);
  });

  it.each(variants(["0.8", "1.0"]))("takes %s", async (_, name, options) => {
    const objects = objectsOf(name, options);
    expect(objects.length).toBeGreaterThan(0);
    expect(await refusals(objects)).toEqual([]);
  });

  it("lets the pods into a namespace of the level restricted", async () => {
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await server.json("POST", "/api/v1/namespaces", { metadata: { name: "restricted", labels } });
    const strict = new Applier(server, "restricted");
    const pod = (name: string, { metadata, spec }: PodTemplate): KubeObject => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...metadata, name },
      spec,
    });
    const templates = [
      ...objectsOf("standalone", {})
        .filter(({ kind }) => kind === "Deployment")
        .map(({ spec }) => (spec as { template: PodTemplate }).template),
      ...objectsOf("deployment", { flavour: "understudy" })
        .slice(-1)
        .flatMap(({ spec }) => (spec as { components: { podTemplate: PodTemplate }[] }).components)
        .map(({ podTemplate }) => podTemplate),
    ];
    expect(templates).toHaveLength(8);
    for (const [i, template] of templates.entries()) {
      expect(await strict.dryRun(pod(`pod-${i}`, template))).toBeNull();
    }
    const [first] = templates;
    const { securityContext: _, ...lax } = first!.spec;
    expect(await strict.dryRun(pod("lax", { ...first!, spec: lax }))).toMatch(/violates PodSecurity/);
  });

  describe("the Kustomize tree", () => {
    const overlay = (name: string) => {
      const text = execFileSync(found.kubectl, ["kustomize", join(folder, name)], { encoding: "utf8" });
      return parsed(text);
    };

    beforeAll(() => {
      const { tree } = MANIFESTS.find(({ name }) => name === "kustomize")!;
      for (const [path, text] of tree!({ ...MANIFEST_DEFAULTS, dialect: "1.0", namespace: NAMESPACE })) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
    });

    it.each(["base", "overlays/kind", "overlays/monitored"])("%s is built, and taken by the server", async (name) => {
      const objects = overlay(name);
      expect(await refusals(objects)).toEqual([]);
      const namespaced = objects.filter(({ kind }) => kind !== "Namespace");
      expect(new Set(namespaced.map(({ metadata }) => metadata!.namespace))).toEqual(new Set([NAMESPACE]));
      const subjects = objects.flatMap(({ subjects = [] }) => subjects as { namespace: string }[]);
      expect(subjects.map(({ namespace }) => namespace)).toEqual([NAMESPACE, NAMESPACE]);
    });

    it("holds what the stream holds", () => {
      const names = (objects: KubeObject[]) =>
        objects
          .filter(({ kind }) => kind !== "ConfigMap" && kind !== "Namespace")
          .map(({ kind, metadata }) => `${kind}/${metadata!.name}`)
          .sort();
      expect(names(overlay("base"))).toEqual(names(objectsOf("standalone", {})));
    });

    it("mounts its ConfigMaps by the names with their hashes", () => {
      const objects = overlay("base");
      const made = objects.filter(({ kind }) => kind === "ConfigMap").map(({ metadata }) => metadata!.name!);
      expect(made.every((name) => /-[a-z0-9]{10}$/.test(name))).toBe(true);
      const mounted = objects
        .filter(({ kind }) => kind === "Deployment")
        .flatMap(
          ({ spec }) => (spec as { template: PodTemplate }).template.spec.volumes as { configMap?: { name: string } }[],
        )
        .flatMap(({ configMap }) => (configMap === undefined ? [] : [configMap.name]));
      expect(new Set(mounted)).toEqual(new Set(made));
    });

    it("for kind asks no registry", () => {
      for (const { kind, spec } of overlay("overlays/kind")) {
        if (kind !== "Deployment") continue;
        const [container] = (spec as { template: PodTemplate }).template.spec.containers as object[];
        expect(container).toMatchObject({ image: "understudy:local", imagePullPolicy: "Never" });
      }
    });
  });

  describe("the reference's own files", () => {
    it.each(["dgd-templates", "dgdr-golden", "dgdr-v1alpha1-samples"])("of %s are taken", async (name) => {
      const objects = yamlFiles(referencePath(name)).flatMap(referenceObjects);
      expect(objects.length).toBeGreaterThan(0);
      expect(await refusals(objects)).toEqual([]);
    });
  });
});

await describeWithTool("manifests, on a real API server with Dynamo's older definitions", tools, (found) => {
  let server: KubeApiServer;

  beforeAll(async () => {
    server = await KubeApiServer.start(found);
    await server.namespace(NAMESPACE);
    await installDynamoCrds(server, "v1alpha1");
  });
  afterAll(() => server?.stop());

  const ofThatTime = [
    ...variants(["0.3", "0.6"]),
    ...variants(["0.8"]).filter(([, name]) => name === "deployment" || name === "dgd"),
  ];

  it.each(ofThatTime)("takes %s", async (_, name, options) => {
    const applier = new Applier(server, NAMESPACE);
    for (const object of objectsOf(name, options)) expect(await applier.dryRun(object)).toBeNull();
  });

  it("takes the reference's requests of that time", async () => {
    const applier = new Applier(server, NAMESPACE);
    const objects = yamlFiles(referencePath("dgdr-v1alpha1-samples")).flatMap(referenceObjects);
    expect(objects.map(({ kind }) => kind)).toContain("DynamoGraphDeploymentRequest");
    for (const object of objects) expect(await applier.dryRun(object)).toBeNull();
  });
});

function yamlFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile() && path.endsWith(".yaml"))
    .sort();
}

/** Kinds of the operator's own making, whose definitions are not among the reference's. */
const UNDEFINED_KINDS = ["DynamoComponentDeployment"];

/** Objects of a file as a cluster would get them: of a chart's template both branches, of expected outputs what they stand for. */
function referenceObjects(path: string): KubeObject[] {
  const rendered = readFileSync(path, "utf8")
    .replace(/^.*\{\{- .*\}\}.*$/gm, "")
    .replace(/\{\{ \.Release\.Namespace \}\}/g, NAMESPACE)
    .replace(/\{\{ include "[^"]*" \. \}\}/g, "dynamo-operator");
  return parsed(rendered)
    .map((object) => concrete(object) as KubeObject)
    .filter(({ kind }) => !UNDEFINED_KINDS.includes(kind!));
}

/** What an expectation such as `$glob:name-*` stands for; expectations of no field in particular are left out. */
function concrete(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(concrete);
  if (typeof value === "string") {
    return value
      .replace(/^\$glob:/, "")
      .replace(/^\$var:/, "")
      .replace(/^\$pattern:.*$/, "1.4.0")
      .replace(/^\$ignore$/, "ignored")
      .replaceAll("*", "x");
  }
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([key, field]) => !key.startsWith("$") && !isIgnored(field));
  return Object.fromEntries(fields.map(([key, field]) => [key, concrete(field)]));
}

function isIgnored(value: unknown): boolean {
  return typeof value === "object" && value !== null && "$ignore" in value;
}
