import { describe, expect, it } from "vitest";
import { type KubernetesObject, MANIFEST_DEFAULTS, MANIFESTS } from "#src/deployment";

type Labels = Record<string, string>;

interface Selector {
  matchLabels?: Labels;
  matchExpressions?: { key: string; operator: string; values: string[] }[];
}

interface Peer {
  podSelector?: Selector;
  namespaceSelector?: Selector;
}

interface Flow {
  from?: Peer[];
  to?: Peer[];
  ports: { port: number; protocol: string }[];
}

interface PolicySpec {
  podSelector: Selector;
  policyTypes: string[];
  ingress?: Flow[];
  egress?: Flow[];
}

/** Somebody who talks or is talked to. */
interface Party {
  namespace: string;
  labels: Labels;
}

const NAMESPACE = "llm";
const build = (name: string): KubernetesObject[] =>
  MANIFESTS.find((manifest) => manifest.name === name)!.build({
    ...MANIFEST_DEFAULTS,
    dialect: "1.0",
    namespace: NAMESPACE,
    image: "understudy:1",
  });
const policies = build("network-policy").map(({ spec }) => spec as unknown as PolicySpec);

const pods: Record<string, Party> = Object.fromEntries(
  build("standalone")
    .filter(({ kind }) => kind === "Deployment")
    .map(({ metadata, spec }) => {
      const { template } = spec as { template: { metadata: { labels: Labels } } };
      return [metadata!.name!.replace("mocker-", ""), { namespace: NAMESPACE, labels: template.metadata.labels }];
    }),
);
const client: Party = { namespace: NAMESPACE, labels: { app: "client" } };
const stranger: Party = { namespace: "elsewhere", labels: { app: "client" } };
const prometheus: Party = { namespace: "monitoring", labels: { app: "prometheus" } };
const dns: Party = { namespace: "kube-system", labels: { "k8s-app": "kube-dns" } };
const apiServer: Party = { namespace: "", labels: {} };

/** As the API has it: nothing selects everything. */
function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      if (operator !== "In") throw new Error(`operator ${operator}`);
      return values.includes(labels[key] ?? "");
    })
  );
}

function isPeer({ podSelector, namespaceSelector }: Peer, { namespace, labels }: Party): boolean {
  const isThere =
    namespaceSelector === undefined
      ? namespace === NAMESPACE
      : selects(namespaceSelector, { "kubernetes.io/metadata.name": namespace });
  return isThere && (podSelector === undefined || selects(podSelector, labels));
}

/** Whether one side lets it through: no policy for the pod in that direction, or a flow of one of them that fits. */
function passes(side: "ingress" | "egress", own: Party, other: Party, port: number, protocol: string): boolean {
  const type = side === "ingress" ? "Ingress" : "Egress";
  const mine = policies.filter(
    ({ podSelector, policyTypes }) =>
      own.namespace === NAMESPACE && policyTypes.includes(type) && selects(podSelector, own.labels),
  );
  if (mine.length === 0) return true;
  return mine.some((policy) =>
    (policy[side] ?? []).some((flow) => {
      const peers = side === "ingress" ? flow.from : flow.to;
      const fits = peers === undefined || peers.some((peer) => isPeer(peer, other));
      return fits && flow.ports.some((each) => each.port === port && each.protocol === protocol);
    }),
  );
}

function allowed(from: Party, to: Party, port: number, protocol = "TCP"): boolean {
  return passes("egress", from, to, port, protocol) && passes("ingress", to, from, port, protocol);
}

const { frontend, prefill, decode, planner } = pods as Record<"frontend" | "prefill" | "decode" | "planner", Party>;

describe("network policies", () => {
  it.each([
    ["clients of the namespace ask the frontend", client, frontend, 8000],
    ["the frontend asks prefill workers", frontend, prefill, 9090],
    ["the frontend asks decode workers", frontend, decode, 9090],
    ["decode workers fetch from prefill workers", decode, prefill, 9090],
    ["the planner asks the frontend", planner, frontend, 8000],
    ["the planner asks workers", planner, decode, 9090],
    ["Prometheus asks the frontend", prometheus, frontend, 8000],
    ["Prometheus asks workers", prometheus, prefill, 9090],
    ["Prometheus asks the planner", prometheus, planner, 9085],
    ["the planner asks Prometheus", planner, prometheus, 9090],
    ["the planner asks the API server", planner, apiServer, 443],
    ["the frontend asks the API server", frontend, apiServer, 6443],
  ] as const)("%s", (_, from, to, port) => {
    expect(allowed(from, to, port)).toBe(true);
  });

  it.each(["UDP", "TCP"])("names are resolved over %s", (protocol) => {
    expect(allowed(planner, dns, 53, protocol)).toBe(true);
    expect(allowed(frontend, dns, 53, protocol)).toBe(true);
  });

  it.each([
    ["clients don't ask workers", client, prefill, 9090],
    ["other namespaces don't ask the frontend", stranger, frontend, 8000],
    ["nobody asks the planner's control API", client, planner, 9086],
    ["not even Prometheus", prometheus, planner, 9086],
    ["nobody sees the planner's page but by port-forward", client, planner, 8080],
    ["workers ask no API server", decode, apiServer, 443],
    ["workers ask nobody outside", decode, stranger, 80],
    ["workers don't ask the frontend", decode, frontend, 8000],
    ["the frontend asks nothing but DNS there", frontend, dns, 9153],
    ["the planner asks no other pod", planner, client, 8000],
  ] as const)("%s", (_, from, to, port) => {
    expect(allowed(from, to, port)).toBe(false);
  });

  it("leave other pods of the namespace alone", () => {
    expect(allowed(client, stranger, 80)).toBe(true);
    expect(allowed(stranger, client, 80)).toBe(true);
  });
});
