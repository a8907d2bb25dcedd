import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { ReplicaTemplate } from "#src/deployment";
import { type ProcessSurroundings, processCommand } from "../../../src/deployment/runner/command.ts";
import { materialise, placesOf } from "../../../src/deployment/runner/mounts.ts";
import { template } from "../../integration/runner/plans.ts";

const around = (fields: Partial<ProcessSurroundings> = {}): ProcessSurroundings => ({
  plan: { namespace: "llm", name: "mocker" },
  ...{ folder: "/state/llm/mocker", leases: "/state/llm/mocker/leases", nonce: "secret", planned: 1 },
  ...{ timeScale: 10, graceSeconds: 30, places: new Map(), replica: { name: "decode-0", uid: "u-1" } },
  control: { url: "http://127.0.0.1:20001", tokenFile: "/state/control.token" },
  ports: { main: 20_002 },
  ...fields,
});

/** Value of each flag that the runner adds. */
const flags = (args: readonly string[]) =>
  Object.fromEntries(args.flatMap((word, i) => (word.startsWith("--") ? [[word.slice(2), args[i + 1]]] : [])));

describe("the command of a process", () => {
  it("is the manifest's with the runner's addresses, folders and time", () => {
    const worker = processCommand(template("worker", ["mocker", "--model-name", "m"]), around(), {});
    expect(worker.args.slice(0, 3)).toEqual(["mocker", "--model-name", "m"]);
    expect(flags(worker.args)).toMatchObject({
      ...{ host: "127.0.0.1", port: "0", "register-dir": "/state/llm/mocker/leases", "time-scale": "10" },
      ...{ "drain-timeout": "30", "stagger-delay": "0", "admin-port": "20002" },
    });
    const frontend = processCommand(template("frontend", ["frontend"]), around(), {});
    expect(flags(frontend.args)).toMatchObject({
      ...{ host: "127.0.0.1", port: "20002", discovery: "file", "discovery-dir": "/state/llm/mocker/leases" },
      ...{ "time-scale": "10", "drain-timeout": "30s" },
    });
    const ports = { main: 1, dashboard: 2, control: 3 };
    const planner = processCommand(template("planner", ["planner"]), around({ ports }), {});
    expect(flags(planner.args)).toMatchObject({
      ...{ "listen-host": "127.0.0.1", "metric-reporting-prometheus-port": "1", "time-scale": "10" },
      ...{ "live-dashboard-port": "2", "control-api-port": "3" },
    });
    expect(processCommand(template("command", ["load", "--url", "x"]), around(), {}).args).toEqual([
      "load",
      "--url",
      "x",
    ]);
  });

  it("has the paths that whoever runs it says as they are, also where something is mounted over them", () => {
    const made = {
      ...template("planner", ["planner", "--report-output-dir", "/tmp/reports"]),
      ...{ mounts: ["/tmp"], hostEnv: { KUBECONFIG: "/tmp/state/kubeconfig" } },
    };
    const { args, env } = processCommand(made, around({ places: new Map([["/tmp", "/state/volumes/tmp"]]) }), {});
    expect(args).toContain("/state/volumes/tmp/reports");
    expect(env.KUBECONFIG).toBe("/tmp/state/kubeconfig");
  });

  it("has the manifest's environment over the user's, and none of what steers our commands", () => {
    const inherited = {
      PATH: "/bin",
      UNDERSTUDY_PORT: "1",
      DYN_NAMESPACE: "x",
      PLANNER_PROMETHEUS_PORT: "2",
      A: "user",
    };
    const made = { ...template("planner", ["planner"]), env: { A: "manifest", NAME: "%{metadata.name}" } };
    const { env } = processCommand(made, around(), inherited);
    expect(env).toEqual({
      ...{ PATH: "/bin", A: "manifest", NAME: "decode-0", DYN_NAMESPACE: "mocker" },
      ...{ DYN_PARENT_DGD_K8S_NAME: "mocker", DYN_PARENT_DGD_K8S_NAMESPACE: "llm" },
      ...{ UNDERSTUDY_DEPLOYMENT: "/state/llm/mocker", UNDERSTUDY_PROCESS: "secret" },
      UNDERSTUDY_CONTROL_URL: "http://127.0.0.1:20001",
      UNDERSTUDY_CONTROL_TOKEN_FILE: "/state/control.token",
    });
    const several = processCommand(made, around({ planned: 2 }), inherited);
    expect(several.env.UNDERSTUDY_LEASE_DIR).toBe("/state/llm/mocker/planner-lease");
  });
});

describe("volumes", () => {
  const mounted: ReplicaTemplate = {
    ...template("worker", ["mocker", "--profile", "/data/profile", "--extra-engine-args=/etc/app.json"]),
    env: { CACHE: "/cache/a:/scratch", OTHER: "/database" },
    mounts: ["/data/profile", "/etc/app.json", "/cache", "/scratch", "/empty"],
    files: [
      { mountPath: "/data/profile/prefill.json", content: Buffer.from("{}") },
      { mountPath: "/etc/app.json", content: Buffer.from([0, 255]) },
    ],
    folders: [
      { mountPath: "/cache", claim: "shared", subPath: "models" },
      { mountPath: "/scratch", claim: null, subPath: null },
    ],
  };

  it("lie where the process finds them, claims for all, the rest for it alone", () => {
    const folder = mkdtempSync(join(tmpdir(), "understudy-mounts-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const folders = { files: join(folder, "files"), scratch: join(folder, "own"), claims: join(folder, "claims") };
    const places = materialise(mounted, folders);
    expect(places).toEqual(placesOf(mounted, folders));
    const { args, env } = processCommand(mounted, around({ places }), {});
    expect(args.slice(1, 4)).toEqual([
      "--profile",
      `${folder}/files/data/profile`,
      `--extra-engine-args=${folder}/files/etc/app.json`,
    ]);
    expect(env).toMatchObject({ CACHE: `${folder}/claims/shared/models/a:${folder}/own/scratch`, OTHER: "/database" });
    expect(readFileSync(`${folder}/files/data/profile/prefill.json`, "utf8")).toBe("{}");
    expect([...readFileSync(`${folder}/files/etc/app.json`)]).toEqual([0, 255]);
    expect(statSync(`${folder}/files/etc/app.json`).mode & 0o077).toBe(0);
    for (const path of ["claims/shared/models", "own/scratch", "files/empty"]) {
      expect(existsSync(join(folder, path)), path).toBe(true);
    }
  });
});
