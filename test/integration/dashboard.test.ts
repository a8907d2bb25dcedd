import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KubernetesObject, MANIFEST_DEFAULTS, MANIFESTS } from "#src/deployment";
import { describeWithPrometheus } from "../tools.ts";
import { CliProcess, type CliServer, getJson, startServer, waitFor } from "./processes.ts";
import { PrometheusServer } from "./prometheus-server.ts";
import { RunningPlanner } from "./running-planner.ts";

type Labels = Record<string, string>;

interface Panel {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: { x: number; y: number; w: number; h: number };
  datasource?: { type: string; uid: string };
  fieldConfig?: { defaults: { unit: string } };
  targets?: { refId: string; expr: string; legendFormat: string }[];
}

interface Dashboard {
  uid: string;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: { name: string; type: string; definition?: string }[] };
  annotations: { list: { name: string; expr: string }[] };
}

const NAMESPACE = "llm";
/** Units of Grafana's that the dashboard needs. */
const UNITS = ["s", "ms", "reqps", "percentunit", "short", "bytes"];
/** Series that begin with the first such event, of which a healthy deployment has none. */
const EMPTY_WHILE_WELL = [
  "dynamo_frontend_model_rejection_total",
  "dynamo_frontend_model_migration_total",
  "dynamo_frontend_model_cancellation_total",
  "changes(",
];

const build = (name: string): KubernetesObject[] =>
  MANIFESTS.find((manifest) => manifest.name === name)!.build({
    ...MANIFEST_DEFAULTS,
    dialect: "1.0",
    namespace: NAMESPACE,
    image: "understudy:1",
  });
const manifest = MANIFESTS.find(({ name }) => name === "dashboard")!;
const dashboard = JSON.parse(manifest.text!()) as Dashboard;
const charts = dashboard.panels.filter(({ type }) => type !== "row");
const queries = charts.flatMap(({ title, targets = [] }) =>
  targets.map(({ expr, legendFormat }) => ({ title, legend: legendFormat, expr })),
);

describe("the dashboard", () => {
  it("is in the ConfigMap that Grafana's sidecar looks for", () => {
    const found = build("monitoring").find(({ kind }) => kind === "ConfigMap")!;
    expect(found.metadata!.labels).toMatchObject({ grafana_dashboard: "1" });
    expect(JSON.parse((found.data as Record<string, string>)["understudy.json"]!)).toEqual(dashboard);
  });

  it("is laid out without holes or overlaps, 24 columns wide", () => {
    const cells = new Map<string, number>();
    for (const { id, gridPos } of dashboard.panels) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(cells.get(`${x},${y}`), `panels ${id} and ${cells.get(`${x},${y}`)}`).toBeUndefined();
          cells.set(`${x},${y}`, id);
        }
      }
    }
    const height = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
    expect(cells.size).toBe(24 * height);
  });

  it("has what Grafana's model asks of panels, targets and variables", () => {
    expect(dashboard.schemaVersion).toBeGreaterThanOrEqual(36);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    expect(dashboard.templating.list.map(({ name, type }) => [name, type])).toEqual([
      ["datasource", "datasource"],
      ["namespace", "query"],
      ["deployment", "query"],
    ]);
    for (const { title, description, type, datasource, fieldConfig, targets = [] } of charts) {
      expect(["stat", "timeseries"]).toContain(type);
      expect(description, title).toMatch(/\w{3}/);
      expect(UNITS).toContain(fieldConfig!.defaults.unit);
      expect(datasource).toEqual({ type: "prometheus", uid: "$" + "{datasource}" });
      expect(targets.length).toBeGreaterThan(0);
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    }
  });

  it("asks for the deployment that was chosen, in every query", () => {
    for (const { expr } of [...queries, ...dashboard.annotations.list]) {
      const selectors = expr.match(/\{[^}]*\}/g)!;
      expect(selectors.length).toBe(expr.match(/[a-z_:]+\{/g)!.length);
      for (const selector of selectors) expect(selector).toContain('namespace=~"$namespace",deployment=~"$deployment"');
    }
  });
});

interface Monitor {
  selector: { matchLabels: Labels; matchExpressions?: { key: string; values: string[] }[] };
  podMetricsEndpoints: { port: string; relabelings: { sourceLabels: string[]; targetLabel: string }[] }[];
}

/** Labels that the Prometheus operator gives a component's series: the pod's place, and what the monitor makes of the pod's labels. */
function seriesLabels(component: string): Labels {
  const deployment = build("standalone").find(
    ({ kind, metadata }) => kind === "Deployment" && metadata!.name === `mocker-${component}`,
  )!;
  const { metadata, spec } = (deployment.spec as { template: unknown }).template as {
    metadata: { labels: Labels };
    spec: { containers: { ports: { name: string }[] }[] };
  };
  const ports = spec.containers.flatMap((container) => container.ports.map(({ name }) => name));
  const monitors = build("monitoring")
    .filter(({ kind }) => kind === "PodMonitor")
    .map((object) => object.spec as unknown as Monitor)
    .filter(({ selector: { matchLabels, matchExpressions = [] } }) => {
      const labels = metadata.labels;
      const isMatched = Object.entries(matchLabels).every(([key, value]) => labels[key] === value);
      return isMatched && matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ""));
    });
  expect(monitors, component).toHaveLength(1);
  const [endpoint] = monitors[0]!.podMetricsEndpoints;
  expect(ports).toContain(endpoint!.port);
  const meta = Object.fromEntries(
    Object.entries(metadata.labels).map(([key, value]) => [
      `__meta_kubernetes_pod_label_${key.replace(/[^A-Za-z0-9_]/g, "_")}`,
      value,
    ]),
  );
  const relabelled = endpoint!.relabelings.map(({ sourceLabels: [source], targetLabel }) => [
    targetLabel,
    meta[source!]!,
  ]);
  return { namespace: NAMESPACE, pod: `mocker-${component}-0`, container: "main", ...Object.fromEntries(relabelled) };
}

await describeWithPrometheus("the dashboard's queries", ({ prometheus }) => {
  const servers: CliServer[] = [];
  let planner: RunningPlanner | undefined;
  let load: CliProcess | undefined;
  let server: PrometheusServer | undefined;

  beforeAll(async () => {
    const worker = async (role: string) => {
      const profile = ["--profile", "h200-llama-3.1-8b-fp8-tp1-estimate", "--model-name", "llama"];
      const made = await startServer("mocker", [...profile, "--disaggregation-mode", role]);
      servers.push(made);
      return made;
    };
    const [prefill, decode] = [await worker("prefill"), await worker("decode")];
    const targets = ["--sla-ttft", "2s", "--sla-itl", "200ms"];
    const frontend = await startServer("frontend", ["--worker", prefill.url, decode.url, ...targets]);
    servers.push(frontend);
    planner = await RunningPlanner.start({
      environment: "none",
      mode: "disagg",
      strategy: "default",
      ttft_ms: 2000,
      itl_ms: 200,
      frontend_urls: [frontend.url],
    });
    const traffic = ["--request-rate", "4", "--request-count", "100000", "--isl", "200", "--osl", "20", "--no-report"];
    load = new CliProcess(["load", "--url", frontend.url, "--model", "llama", ...traffic]);
    const job = (name: string, url: string) => ({ name, urls: [url], labels: seriesLabels(name) });
    server = await PrometheusServer.start(prometheus, [
      job("prefill", prefill.url),
      job("decode", decode.url),
      job("frontend", frontend.url),
      job("planner", planner.url),
    ]);
  });
  afterAll(async () => {
    await load?.end();
    await planner?.end("SIGKILL");
    await Promise.all(servers.map(({ process }) => process.end()));
    await server?.end();
  });

  type Sample = { metric: Labels; value: [number, string] };
  async function ask(expr: string): Promise<Sample[]> {
    const filled = expr
      .replaceAll("$namespace", NAMESPACE)
      .replaceAll("$deployment", "mocker")
      .replaceAll("$__rate_interval", "10s");
    const url = `${server!.url}/api/v1/query?query=${encodeURIComponent(filled)}`;
    const { status, data } = await getJson<{ status: string; data: { result: Sample[] } }>(url);
    expect(status).toBe("success");
    return data.result;
  }
  const mayBeEmpty = (expr: string) => EMPTY_WHILE_WELL.some((name) => expr.includes(name));

  it.each(queries.filter(({ expr }) => !mayBeEmpty(expr)))("$title: $legend has data", async ({ expr, legend }) => {
    const samples = await waitFor(
      expr,
      async () => {
        const found = await ask(expr);
        const isKnown = found.length > 0 && found.some(({ value }) => Number.isFinite(Number(value[1])));
        return isKnown ? found : null;
      },
      90_000,
    );
    for (const [, label] of legend.matchAll(/\{\{(\w+)\}\}/g)) {
      for (const { metric } of samples) expect(metric[label!], `${label} of ${expr}`).toMatch(/\w/);
    }
  });

  it.each([...queries, ...dashboard.annotations.list].filter(({ expr }) => mayBeEmpty(expr)))(
    "$expr is understood, and asks for what is exported",
    async ({ expr }) => {
      await ask(expr);
      const metadata = await waitFor("metadata", async () => {
        const { data } = await getJson<{ data: Record<string, unknown> }>(`${server!.url}/api/v1/metadata`);
        return Object.keys(data).length > 50 ? data : null;
      });
      for (const [, name] of expr.matchAll(/([a-z_:]+)\{/g)) expect(Object.keys(metadata)).toContain(name);
    },
  );

  it.each(dashboard.templating.list.filter(({ type }) => type === "query"))(
    "$name can be chosen",
    async ({ definition }) => {
      const [, metric, label] = /^label_values\((.+), (\w+)\)$/.exec(definition!)!;
      const samples = await waitFor(metric!, async () => {
        const found = await ask(`count by (${label}) (${metric})`);
        return found.length > 0 ? found : null;
      });
      expect(samples.map(({ metric: labels }) => labels[label!])).toEqual([
        label === "namespace" ? NAMESPACE : "mocker",
      ]);
    },
  );
});
