import type { DeploymentDialect } from "../types.ts";

const OUTPUT = "/data";
const POLL_SECONDS = 5;
const RELAY_SECONDS = 10;
/** How long a profiler that has ended may have left no status file, seconds. */
const STATUS_WAIT_SECONDS = 120;

/** Until the profiler's container has ended: its exit code, or nothing, on standard output. */
const EXIT_CODE = [
  "exit_code() {",
  '  kubectl get pod "$POD_NAME" -n "$POD_NAMESPACE" \\',
  `    -o jsonpath='{.status.containerStatuses[?(@.name=="profiler")].state.terminated.exitCode}'`,
  "}",
];

/** Waits for the profiler, then keeps its deployment and samples in a ConfigMap, in place of an older one. */
export function copyResultsScript(request: string, dialect: DeploymentDialect): string {
  const configMap = `dgdr-output-${request}`;
  const files = [
    ["config_with_planner.yaml", "config_with_planner.yaml"],
    ...(dialect === "0.6" ? [] : [["mocker_config_with_planner.yaml", "mocker_config_with_planner.yaml"]]),
    ["prefill_raw_data.npz", "selected_prefill_interpolation/raw_data.npz"],
    ["decode_raw_data.npz", "selected_decode_interpolation/raw_data.npz"],
  ];
  return lines(
    "set -u",
    ...EXIT_CODE,
    'until code=$(exit_code) && [ -n "$code" ]; do',
    `  sleep ${POLL_SECONDS}`,
    "done",
    '[ "$code" = 0 ] || exit 1',
    "files=()",
    ...files.map(([key, path]) => `[ -f ${OUTPUT}/${path} ] && files+=(--from-file=${key}=${OUTPUT}/${path})`),
    `kubectl delete configmap ${configMap} -n "$POD_NAMESPACE" --ignore-not-found`,
    `kubectl create configmap ${configMap} -n "$POD_NAMESPACE" "\${files[@]}"`,
    `kubectl label configmap ${configMap} -n "$POD_NAMESPACE" dgdr=${request} nvidia.com/managed-by=dynamo-operator`,
  );
}

/** Tells phases and messages while the profiler runs, then how it ended and what it made; a failure is told, not repeated. */
export function relayStatusScript(request: string): string {
  const configMap = `dgdr-output-${request}`;
  const status = `${OUTPUT}/profiler_status.yaml`;
  return lines(
    "set -u",
    `STATUS=${status}`,
    ...EXIT_CODE,
    `field() { sed -n "s/^$1: //p" "$STATUS" 2>/dev/null | head -n 1 | sed "s/^'\\(.*\\)'$/\\1/"; }`,
    "save() {",
    `  kubectl create configmap ${configMap} -n "$POD_NAMESPACE" --dry-run=client -o yaml "$@" | kubectl apply -f -`,
    "}",
    'until code=$(exit_code) && [ -n "$code" ]; do',
    '  save --from-literal=phase="$(field phase)" --from-literal=message="$(field message)"',
    `  sleep ${RELAY_SECONDS}`,
    "done",
    `for _ in $(seq ${STATUS_WAIT_SECONDS}); do [ -f "$STATUS" ] && break; sleep 1; done`,
    "files=()",
    '[ -f "$STATUS" ] && files+=(--from-file=profiler_status.yaml="$STATUS")',
    `[ -f ${OUTPUT}/final_config.yaml ] && files+=(--from-file=final_config.yaml=${OUTPUT}/final_config.yaml)`,
    'save --from-literal=phase="$(field phase)" --from-literal=message="$(field message)" \\',
    `  --from-literal=profiler_status="$(field status)" --from-literal=profiler_error="$(field error)" "\${files[@]}"`,
    "exit 0",
  );
}

function lines(...parts: string[]): string {
  return `${parts.join("\n")}\n`;
}
