import { PLANNER_CONFIG_PATH, PROFILE_MOUNT } from "../../config-maps.ts";
import type { JsonObject } from "../../graph/json.ts";
import type { ServingPlan, WorkerPool } from "./plan.ts";
import { PORTS } from "./plan.ts";
import { CONTAINER_SECURITY, probes, resources, SCRATCH_MOUNT } from "./pod.ts";

/** How long a worker may go on with what it has when it is to end, s. */
const DRAIN_SECONDS = 30;
/** How long the frontend takes new connections when it is to end: until the Service has forgotten it, s. */
const DRAIN_DELAY_SECONDS = 5;
/** Until a container is killed: what draining takes, and some seconds to spare. */
export const GRACE_SECONDS = 60;

/** Our frontend. @param discovery where it finds the workers */
export function frontendContainer(plan: ServingPlan, discovery: readonly string[]): JsonObject {
  return {
    name: "main",
    image: plan.image,
    command: ["understudy", "frontend"],
    args: [
      ...["--host", "0.0.0.0", "--port", String(PORTS.http)],
      ...discovery,
      ...["--sla-ttft", `${plan.ttftMs}ms`, "--sla-itl", `${plan.itlMs}ms`],
      ...["--drain-delay", `${DRAIN_DELAY_SECONDS}s`, "--drain-timeout", `${DRAIN_SECONDS}s`],
    ],
    ports: [{ name: "http", containerPort: PORTS.http }],
    ...probes("http", { live: "/live", ready: "/health" }),
    resources: resources("frontend"),
    securityContext: CONTAINER_SECURITY,
    volumeMounts: [SCRATCH_MOUNT],
  };
}

/** Our mock worker; it expects its profile at PROFILE_MOUNT. */
export function workerContainer(plan: ServingPlan, { role }: WorkerPool): JsonObject {
  const { kvBytesPerToken } = plan.profile.provenance;
  return {
    name: "main",
    image: plan.image,
    command: ["understudy", "mocker"],
    args: [
      ...["--profile", PROFILE_MOUNT, "--model-name", plan.model],
      ...(role === "worker" ? [] : ["--disaggregation-mode", role]),
      ...(kvBytesPerToken === undefined ? [] : ["--kv-bytes-per-token", String(kvBytesPerToken)]),
      ...["--host", "0.0.0.0", "--port", String(PORTS.system), "--advertise-host", "$(POD_IP)"],
      ...["--drain-timeout", String(DRAIN_SECONDS)],
    ],
    env: [{ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }],
    ports: [{ name: "system", containerPort: PORTS.system }],
    ...probes("system", { live: "/live", ready: "/health" }),
    resources: resources("worker"),
    securityContext: CONTAINER_SECURITY,
    volumeMounts: [SCRATCH_MOUNT],
  };
}

/** Secret with the token of the planner's control API (key `token`); without it the API asks for none. */
export function tokenSecret({ name }: Pick<ServingPlan, "name">): string {
  return `${name}-planner`;
}

/**
 * Our planner. What a pod decides stands in its environment: where the frontend is, what it listens on, where it may write.
 * @param args of `understudy planner`
 */
export function plannerContainer(
  plan: ServingPlan,
  args: readonly string[] = ["--config", PLANNER_CONFIG_PATH],
): JsonObject {
  const set = (field: string, value: string | number) => ({
    name: `UNDERSTUDY_PLANNER_${field}`,
    value: String(value),
  });
  return {
    name: "main",
    image: plan.image,
    command: ["understudy", "planner"],
    args: [...args],
    env: [
      { name: "DYN_PARENT_DGD_K8S_NAME", value: plan.name },
      set("FRONTEND_URLS", frontendUrl(plan)),
      set("LISTEN_HOST", "0.0.0.0"),
      set("CONTROL_API_PORT", PORTS.control),
      set("METRIC_REPORTING_PROMETHEUS_PORT", PORTS.metrics),
      set("LIVE_DASHBOARD_PORT", PORTS.dashboard),
      set("REPORT_OUTPUT_DIR", `${SCRATCH_MOUNT.mountPath}/reports`),
      {
        name: "UNDERSTUDY_PLANNER_API_TOKEN",
        valueFrom: { secretKeyRef: { name: tokenSecret(plan), key: "token", optional: true } },
      },
    ],
    ports: [
      { name: "control", containerPort: PORTS.control },
      { name: "metrics", containerPort: PORTS.metrics },
      { name: "dashboard", containerPort: PORTS.dashboard },
    ],
    ...probes("control", { live: "/health", ready: "/ready" }),
    resources: resources("planner"),
    securityContext: CONTAINER_SECURITY,
    volumeMounts: [SCRATCH_MOUNT],
  };
}

/** The Service that Dynamo's operator makes for the frontend, and that we make without it. */
export function frontendService({ name }: Pick<ServingPlan, "name">): string {
  return `${name}-frontend`;
}

function frontendUrl(plan: ServingPlan): string {
  return `http://${frontendService(plan)}:${PORTS.http}`;
}
