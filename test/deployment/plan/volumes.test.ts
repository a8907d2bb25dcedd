import { describe, expect, it } from "vitest";
import { rewritePaths } from "../../../src/deployment/plan/rewrite-paths.ts";
import { configMap, mocker, planned, plansOf, refusal, text } from "./support.ts";

const mounted = (volume: object, mount: object, beside: object[] = []) =>
  planned(
    { ...mocker(), volumeMounts: [{ name: "v", mountPath: "/m", ...mount }] },
    { pod: { volumes: [{ name: "v", ...volume }] } },
    beside,
  );
const filesOf = (...given: Parameters<typeof mounted>) =>
  Object.fromEntries(mounted(...given).template.files.map(({ mountPath, content }) => [mountPath, text(content)]));

describe("volumes of a component", () => {
  const map = configMap(
    "c",
    { "a.json": "{}", b: "B" },
    { binaryData: { raw: Buffer.from([0, 255]).toString("base64") } },
  );

  it("of ConfigMaps and Secrets are files: all keys, some under other names, one alone", () => {
    const volume = { configMap: { name: "c" } };
    const { template } = mounted(volume, {}, [map]);
    expect(template.files.map(({ mountPath, content }) => [mountPath, [...content]])).toEqual([
      ["/m/a.json", [123, 125]],
      ["/m/b", [66]],
      ["/m/raw", [0, 255]],
    ]);
    expect(template.mounts).toEqual(["/m"]);
    const items = { configMap: { name: "c", items: [{ key: "b", path: "sub/x" }], defaultMode: 256 } };
    expect(filesOf(items, {}, [map])).toEqual({ "/m/sub/x": "B" });
    expect(filesOf(volume, { mountPath: "/etc/b.txt", subPath: "b" }, [map])).toEqual({ "/etc/b.txt": "B" });
    expect(filesOf(items, { subPath: "sub" }, [map])).toEqual({ "/m/x": "B" });
    const secret = { kind: "Secret", metadata: { name: "s" }, data: { t: Buffer.from("tok").toString("base64") } };
    expect(filesOf({ secret: { secretName: "s" } }, {}, [secret])).toEqual({ "/m/t": "tok" });
    const projected = {
      projected: {
        sources: [{ configMap: { name: "c", items: [{ key: "b", path: "b" }] } }, { secret: { name: "s" } }],
      },
    };
    expect(filesOf(projected, {}, [map, secret])).toEqual({ "/m/b": "B", "/m/t": "tok" });
  });

  it("of claims and the like are folders, shared by the claim's name", () => {
    expect(mounted({ persistentVolumeClaim: { claimName: "p" } }, { subPath: "a/b" }).template.folders).toEqual([
      { mountPath: "/m", claim: "p", subPath: "a/b" },
    ]);
    expect(mounted({ emptyDir: {} }, { mountPath: "/m/" }).template.folders).toEqual([
      { mountPath: "/m", claim: null, subPath: null },
    ]);
    expect(mounted({ emptyDir: { medium: "Memory" } }, {}).template).toMatchObject({ folders: [], mounts: [] });
    const host = mounted({ hostPath: { path: "/models" } }, {});
    expect(host.template.folders).toHaveLength(1);
    expect(host.notes).toEqual(["decode: volume v (hostPath) is an empty folder here"]);
  });

  it("of v1alpha1 are claims of the deployment, too; of v1beta1 the compilation cache", () => {
    const [plan] = plansOf(`apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: { name: old }
spec:
  pvcs: [{ name: results, create: false }]
  services:
    decode:
      componentType: worker
      volumeMounts: [{ name: results, mountPoint: /data }]
      extraPodSpec: { mainContainer: { command: [python3, -m, dynamo.mocker] } }
`);
    expect(plan!.components[0]!.template).toMatchObject({
      mounts: ["/data"],
      folders: [{ mountPath: "/data", claim: "results", subPath: null }],
    });
    const cache = planned(mocker(), { component: { compilationCache: { pvcName: "p", mountPath: "/cache" } } });
    expect(cache.template.folders).toEqual([{ mountPath: "/cache", claim: "p", subPath: null }]);
  });

  it("are empty where a Secret or an optional ConfigMap is missing", () => {
    expect(filesOf({ secret: { secretName: "none" } }, {})).toEqual({});
    expect(filesOf({ configMap: { name: "none", optional: true } }, {})).toEqual({});
    expect(
      planned(mocker(), { pod: { volumes: [{ name: "v", configMap: { name: "none" } }] } }).template.files,
    ).toEqual([]);
  });

  it.each([
    [{ configMap: { name: "none" } }, {}, "DEPLOYMENT_OBJECT_MISSING"],
    [{ configMap: { name: "c", items: [{ key: "none", path: "x" }] } }, {}, "DEPLOYMENT_KEY_MISSING"],
    [{ configMap: { name: "c", items: [{ key: "b", path: "../x" }] } }, {}, "DEPLOYMENT_BAD_PATH"],
    [{ configMap: { name: "c", items: [{ key: "b", path: "/x" }] } }, {}, "DEPLOYMENT_BAD_PATH"],
    [{ emptyDir: {} }, { subPath: "../../x" }, "DEPLOYMENT_BAD_PATH"],
    [{ emptyDir: {} }, { mountPath: "/a/../../x" }, "DEPLOYMENT_BAD_PATH"],
    [{ emptyDir: {} }, { mountPath: "relative" }, "DEPLOYMENT_BAD_PATH"],
    [{ emptyDir: {} }, { mountPath: "/" }, "DEPLOYMENT_BAD_PATH"],
    [{ emptyDir: {} }, { name: "w" }, "DEPLOYMENT_VOLUME_MISSING"],
  ])("are refused: %j mounted by %j", (volume, mount, code) => {
    const error = refusal(() => mounted(volume, mount, [map]));
    expect(error.code).toBe(code);
    expect(error.where).toMatch(/^dgd\.yaml:1:\d+ \(spec\.components\[0\]/);
  });

  it("of a key that leaves its folder are refused, with the ConfigMap's own place", () => {
    const error = refusal(() => mounted({ configMap: { name: "c" } }, {}, [configMap("c", { "..": "x" })]));
    expect(error.code).toBe("DEPLOYMENT_BAD_PATH");
    expect(error.where).toMatch(/^dgd\.yaml:3:\d+ \(data/);
  });
});

describe("paths of the container", () => {
  const rewrite = (...argv: string[]) =>
    rewritePaths(
      { argv, env: { P: "/m/x" }, mounts: ["/m", "/m/in", "/c.d"] },
      (mount) => `/real${mount.toUpperCase()}`,
    );

  it("are those of this machine under every mount, the longest first, wherever a text has them", () => {
    const { argv, env } = rewrite(
      ...["/m", "/m/x.json", "/m/in/y", "--a=/m/x", '{"dir": "/m/in"}', "/a:/m/b", "file:/c.d"],
      ...["/mm", "/x/m", "http://host/m", "/cxd", "m/in"],
    );
    expect(argv).toEqual([
      ...[
        "/real/M",
        "/real/M/x.json",
        "/real/M/IN/y",
        "--a=/real/M/x",
        '{"dir": "/real/M/IN"}',
        "/a:/real/M/b",
        "file:/real/C.D",
      ],
      ...["/mm", "/x/m", "http://host/m", "/cxd", "m/in"],
    ]);
    expect(env).toEqual({ P: "/real/M/x" });
  });

  it("stay where nothing is mounted", () => {
    expect(rewritePaths({ argv: ["/m"], env: {}, mounts: [] }, () => "/real").argv).toEqual(["/m"]);
  });
});
