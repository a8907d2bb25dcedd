import { describe, expect, it } from "vitest";
import { configMap, oneComponent, planned, plansOf, refusal } from "./support.ts";

const MOUNT = "/workspace/profiling_results";
const PROFILE = configMap("planner-profile-data-9c0e", { "prefill_raw_data.json": "{}", "decode_raw_data.json": "{}" });

/** A planner with its settings in a ConfigMap, and its profile, as Dynamo's profiler since 1.0 writes it. */
function configured(settings: object, container: object = {}) {
  return planned(
    {
      command: ["python3", "-m", "dynamo.planner"],
      args: ["--config", "/workspace/planner_config/planner_config.json"],
      volumeMounts: [
        { name: "config", mountPath: "/workspace/planner_config", readOnly: true },
        { name: "profile", mountPath: MOUNT, readOnly: true },
      ],
      ...container,
    },
    {
      component: { name: "Planner", type: "planner" },
      pod: {
        volumes: [
          { name: "config", configMap: { name: "planner-config-3fa1" } },
          { name: "profile", configMap: { name: "planner-profile-data-9c0e" } },
        ],
      },
    },
    [configMap("planner-config-3fa1", { "planner_config.json": JSON.stringify(settings) }), PROFILE],
  );
}

/** The planner of 2025, whose settings are flags. */
function flagged(args: string[], more: object = {}, module = "planner_sla") {
  return planned(
    {
      command: ["python3", "-m", module],
      args,
      workingDir: "/workspace",
      volumeMounts: [{ name: "profile", mountPath: MOUNT }],
      ...more,
    },
    {
      component: { name: "Planner", type: "planner" },
      pod: { volumes: [{ name: "profile", configMap: { name: "planner-profile-data-9c0e" } }] },
    },
    [PROFILE],
  );
}

describe("Dynamo's planner", () => {
  it("scales by the runner, reads its file where it is mounted, and its profile though the file names it", () => {
    const { template, role, notes } = configured({
      environment: "kubernetes",
      backend: "mocker",
      profile_results_dir: MOUNT,
    });
    expect(template.argv).toEqual([
      ...["planner", "--config", "/workspace/planner_config/planner_config.json"],
      ...["--profile-results-dir", MOUNT, "--environment", "local"],
    ]);
    expect([template.kind, role, template.prometheus]).toEqual(["planner", "planner", null]);
    expect(template.mounts).toEqual(["/workspace/planner_config", MOUNT]);
    expect(notes).toEqual([
      "Planner: the planner scrapes frontend and workers: its manifest names no Prometheus",
      "Planner: the planner's environment is local: it scales by the runner",
    ]);
  });

  it("reads a configuration without what only a cluster knows, and what the runner says", () => {
    const { template, notes } = configured({
      backend: "mocker",
      frontend_urls: ["http://mocker-frontend:8000"],
      live_dashboard_port: 9999,
      control_api_port: 0,
      metric_pulling_prometheus_endpoint: "http://prometheus.monitoring.svc:9090",
      ttft_ms: 300,
    });
    const [file] = template.files.filter(({ mountPath }) => mountPath.endsWith("planner_config.json"));
    const text = new TextDecoder().decode(file!.content);
    expect(text).toContain("ttft_ms: 300");
    expect(text).not.toMatch(/frontend_urls|live_dashboard_port|prometheus/);
    expect(template.prometheus).toBeNull();
    expect(notes).toEqual([
      "Planner: frontend_urls, live_dashboard_port of its configuration left aside: the runner says it",
      "Planner: the planner scrapes frontend and workers: http://prometheus.monitoring.svc:9090 is within a cluster",
      "Planner: the planner's environment is local: it scales by the runner",
    ]);
    const inline = planned(
      {
        command: ["understudy", "planner"],
        args: ["--config", '{"frontend_urls": ["http://mocker-frontend:8000"], "ttft_ms": 300}'],
      },
      { component: { name: "Planner", type: "planner" } },
    );
    expect(inline.template.argv.join(" ")).not.toContain("frontend_urls");
    expect(inline.template.argv.join(" ")).toContain("ttft_ms: 300");
  });

  it("keeps an environment that is not the cluster's, and says so", () => {
    const virtual = configured({ environment: "virtual" });
    expect(virtual.template.argv.slice(-2)).toEqual(["--environment", "virtual"]);
    expect(virtual.notes.at(-1)).toContain("stays virtual");
    expect(configured({ environment: "none" }).template.argv.slice(-2)).toEqual(["--environment", "none"]);
    expect(flagged(["--environment=virtual", "--adjustment-interval=60"]).template.argv.slice(-2)).toEqual([
      "--environment",
      "virtual",
    ]);
  });

  it("asks a Prometheus that can be reached, and scrapes where that is within a cluster", () => {
    const at = (endpoint: string) => configured({ metric_pulling_prometheus_endpoint: endpoint });
    expect(at("http://127.0.0.1:9090").template.prometheus).toBe("http://127.0.0.1:9090");
    expect(at("https://prometheus.example.com/tenant").template.prometheus).toBe(
      "https://prometheus.example.com/tenant",
    );
    for (const inside of [
      "http://prometheus:9090",
      "http://p.monitoring.svc:9090",
      "http://p.monitoring.svc.cluster.local:9090",
    ]) {
      const { template, notes } = at(inside);
      expect(template.prometheus).toBeNull();
      expect(notes).toContain(`Planner: the planner scrapes frontend and workers: ${inside} is within a cluster`);
    }
    const byVariable = flagged([], { env: [{ name: "PROMETHEUS_ENDPOINT", value: "http://prometheus:9090" }] });
    expect(byVariable.template.env).not.toHaveProperty("PROMETHEUS_ENDPOINT");
    const byFlag = flagged(["--metric-pulling-prometheus-endpoint", "http://prometheus:9090"], {}, "dynamo.planner");
    expect(byFlag.template.argv.join(" ")).not.toContain("prometheus:9090");
  });

  it("of 2025 keeps its flags, and remains the planner of 2025 whatever the runner adds", () => {
    const { template } = flagged([
      "--backend=mocker",
      "--itl=20.0",
      "--adjustment-interval=180",
      "--environment=kubernetes",
      "--prometheus-port=0",
      "--no-correction",
      `--profile-results-dir=${MOUNT}`,
    ]);
    expect(template.argv).toEqual([
      ...["planner", "--backend", "mocker", "--itl", "20.0", "--adjustment-interval", "180", "--no-correction"],
      ...["--profile-results-dir", MOUNT, "--environment", "local"],
    ]);
    expect(flagged(["--prometheus-port=9085"]).template.argv).toContain("--adjustment-interval");
    expect(flagged(["--prometheus-port=9085"]).template.port).toBe(9085);
    expect(flagged(["--ttft=200"], {}, "dynamo.planner.planner_sla").template.argv).toEqual([
      "planner",
      "--ttft",
      "200",
      "--adjustment-interval",
      "180",
      "--profile-results-dir",
      MOUNT,
      "--environment",
      "local",
    ]);
  });

  it("leaves ports and addresses to the runner", () => {
    const { template, notes } = configured(
      {},
      {
        args: [
          "--config",
          "/workspace/planner_config/planner_config.json",
          "--live-dashboard-port",
          "8080",
          "--control-api-port=0",
          "--kubeconfig",
          "/kc",
        ],
      },
    );
    expect(template.argv.join(" ")).not.toMatch(/dashboard|control-api|kubeconfig/);
    expect(notes.slice(0, 2)).toEqual([
      "Planner: --live-dashboard-port 8080 left aside: the runner says it",
      "Planner: --kubeconfig /kc left aside: the runner says it",
    ]);
  });

  it("is told other files of its mounts, which its configuration names as they are in the container", () => {
    const { template } = configured({
      load_predictor_warmup_trace: `${MOUNT}/decode_raw_data.json`,
      log_dir: "/var/log",
    });
    expect(template.argv).toContain("--load-predictor-warmup-trace");
    expect(template.argv.join(" ")).not.toContain("/var/log");
  });

  it("is refused with the place in its configuration", () => {
    const error = refusal(() => configured({ ttft_ms: -1, unknown_key: 2 }));
    expect(error.code).toBe("PLANNER_CONFIG_INVALID");
    expect(error.where).toMatch(
      /containers\[0\]\): \/workspace\/planner_config\/planner_config\.json:1:\d+ \(unknown_key\)$/,
    );
    expect(refusal(() => flagged(["--profile-results-dir=/elsewhere"])).code).toBe("DEPLOYMENT_NOT_MOUNTED");
  });

  it("keeps the cluster's environment where the deployment is an API server's", () => {
    const text = oneComponent(
      { command: ["python3", "-m", "dynamo.planner"], args: ["--mode", "agg", "--environment", "kubernetes"] },
      { component: { name: "Planner", type: "planner" } },
    );
    const [plan] = plansOf(text, { store: "kubernetes" });
    expect(plan!.components[0]!.template.argv).toEqual(["planner", "--mode", "agg", "--environment", "kubernetes"]);
  });
});
