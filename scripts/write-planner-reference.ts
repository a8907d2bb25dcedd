/** Writes docs/planner-config.md: `node scripts/write-planner-reference.ts`. A test keeps it up to date. */
import { writeFileSync } from "node:fs";
import type { z } from "zod";
import { PLANNER_FLAGS, type PlannerField, plannerFields } from "#planner/config";
import { typeName } from "#src/profiler";

const PATH = "docs/planner-config.md";

/** Documents by path in the project. */
export function plannerReference(): Record<string, string> {
  return { [PATH]: text() };
}

function text(): string {
  const fields = plannerFields();
  const groups = [...new Set(fields.map(({ group }) => group))];
  const field = (name: string) => fields.find((each) => each.name === name)!.schema;
  return `# The planner's configuration

<!-- Made by scripts/write-planner-reference.ts from the schema that configurations are checked with. Don't edit. -->

\`understudy planner --config\` takes the configuration of Dynamo's planner, field by field, and some fields of its own:
a file of YAML or JSON, \`-\` for stdin, or the text itself.

\`\`\`yaml
# yaml-language-server: $schema=../planner/config/planner.schema.json
optimization_target: sla
ttft: 200                 # ms
itl: 10
max_gpu_budget: 16
profile_results_dir: h200-llama-3.1-8b-fp8-tp1-estimate
environment: virtual
virtual_store: file:/tmp/planner
frontend_urls: [http://127.0.0.1:8000]
\`\`\`

- **A flag goes before a variable, a variable before the file, the file before the default.** Every field has its flag, with hyphens:
  \`--max-gpu-budget 16\`, \`--advisory\`, \`--leader-election=false\`; and its variable: \`UNDERSTUDY_PLANNER_MAX_GPU_BUDGET=16\` (also by its other names: \`UNDERSTUDY_PLANNER_TTFT\`). Dynamo's
  own variables are in the tables. A variable that overrules the file is told at the start: somebody else may have set it.
- **Secrets have no flags**, for others can see command lines: use the variable, the file, or the field that names a file.
- Flags and variables take a duration with its unit, too (\`--ttft 0.2s\`), lists with commas, and maps as JSON; \`none\` is null.
- **\`--print-config\`** prints what is in effect, with what each value came from; reading that again gives the same configuration.
- **What is wrong is told at once**, each with its place: \`planner.yaml:3:7 (mode)\`, the flag, or the variable. Nothing unknown is let pass.
- Editors complete fields by [planner.schema.json](../planner/config/planner.schema.json); a \`$schema\` key that names it is let pass.

## Who decides

\`strategy\` names it. Where it is absent:

| configuration | strategy |
|---|---|
| \`optimization_target: sla\`, mode \`disagg\` or \`agg\` | \`default\`, [ours](planner.md) |
| \`optimization_target: sla\`, mode \`prefill\` or \`decode\` | \`load-compat\` |
| any other target, or none (Dynamo's default is \`throughput\`) | \`load-compat\` |
| no \`--config\`, and flags that the planner of 2025 has: ${legacyNames()} | \`sla-compat\`, with that planner's defaults |
| no \`--config\` otherwise | \`default\` |

The planner of 2025 is meant where it has all flags that are given, or where one is given that it alone has. Which strategy was chosen,
and what was left aside, is told at the start.

${groups.map((group) => section(group, fields)).join("\n\n")}

### \`scheduling\`

${nested(field("scheduling"))}

A plugin of \`external_plugins\`; [how to write one](planner-plugins.md):

${nested(itemOf(field("scheduling"), "external_plugins"))}

### \`plugin_registration\`

${nested(field("plugin_registration"))}

A plugin of \`in_process_plugins\` has the fields above, without \`endpoint\` and \`auth_token\`, and these:

${nested(itemOf(field("plugin_registration"), "in_process_plugins"), ["module", "options"])}

### \`aic_perf_model\`, \`aic_interpolation\`

${nested(field("aic_perf_model"))}

A layout has \`tp\`, \`pp\`, \`dp\`, \`moe_tp\` and \`moe_ep\`, each 1 where it is absent. Both are answered by the built-in estimator
([estimator.md](estimator.md)). \`aic_interpolation\` stands in place of a profile: it is sampled up to \`context_length\`, its own
\`sweep_max_context_length\`, or the model's longest. \`aic_perf_model\` tells \`load-compat\` towards an SLA what a pass takes
([planner.md](planner.md)); where nobody names a profile and there is none at its usual place, one is estimated of the same engines.

### Without a profile

\`load-compat\` starts where there is no profile at the usual place. Towards \`throughput\`, \`latency\` or \`load\` it needs to know what workers
take at most (KV cache, context length), which Understudy's workers say themselves (\`GET /worker\`); the fields above tell it of others. Towards an SLA
it learns, as Dynamo's planner does, from what workers tell of their own benchmark (\`GET /fpm/benchmark\`, as Understudy's serve it). Of others it answers
\`model_not_ready\` until \`load_min_observations\` forward passes of each kind have taught its regression: as with Dynamo, the latest of each engine at
each tick, so kinds that are rare (those with prompts, on an aggregated worker) take minutes. Each decision says which are lacking (\`passes-lacking\`).
\`default\` and \`sla-compat\` plan with a profile, and are refused without one; so is a \`profile_results_dir\` that somebody named and that
is not there.

## The log

stderr has a line for each change that is made or only advised, each reading that begins to be missing, each report. With \`log_dir\` the same lines
are in \`planner.log\` in that folder (which is made), each with its time (UTC) and level, after those of earlier runs. A file of more than 16 MiB is set aside
as \`planner.log.1\`, and four of those are kept. A folder that can't be made or written in is refused. Under \`understudy up\` the runner keeps
the planner's log, and \`log_dir\` is left aside.

## Rules between fields

| what | then |
|---|---|
| strategy \`load-compat\`, target other than \`sla\` | \`enable_load_scaling\` is on and \`enable_throughput_scaling\` off; \`ttft_ms\` and \`itl_ms\` are left aside |
| strategy other than \`load-compat\` | the target is \`sla\` |
| target \`sla\` and both kinds of scaling off | refused, also where strategy \`default\` decides |
| both on, and \`load_adjustment_interval_seconds\` not below \`throughput_adjustment_interval_seconds\` | refused |
| \`scheduling.scale_interval_seconds\` | absent: the greatest common divisor of the intervals in use, to the millisecond; given: must divide each of them. \`load-compat\` always uses the load interval: it learns from a pass of each engine at every tick |
| target \`load\` | both thresholds of every role that is scaled must be given, the upper one above the lower |
| \`fpm_sample_bucket_size\` no square | refused |
| \`pre_deployment_sweeping_mode: none\` | \`profile_results_dir\` and \`aic_interpolation\` are left aside; target \`sla\` means \`load-compat\`; strategies \`default\` and \`sla-compat\` are refused |
| \`pre_deployment_sweeping_mode: thorough\` | \`aic_interpolation\` is left aside |
| \`min_gpu_budget\` above \`max_gpu_budget\` | refused |
| \`max_gpu_budget\`, a role's budget or \`total_gpu_power_limit\` below what the minimum of each role takes, or one worker of each where that is 0 | refused by \`default\`, \`load-compat\`, \`hpa\`, \`keda\`: at once by the GPUs that are configured (one a worker where none are), at the start by those that the deployment or the profile tells; but 0 GPUs with a minimum of 0 say that nothing is to run |
| \`prefill_min_endpoint\`, \`decode_min_endpoint\` in mode \`agg\`, or for a role that the mode lacks | refused |
| \`environment: global-planner\` without \`global_planner_namespace\` | refused |
| \`kubernetes_selector\` without \`kubernetes_target: deployments\` | refused |
| \`environment: local\` without \`control_url\` or \`graph_deployment_name\` | refused |
| \`enable_power_awareness\` without a limit, in mode \`agg\`, or where nothing says what a worker draws | refused |
| \`aic_perf_model\` without the layout of a role that is scaled | refused |
| \`aic_perf_model\` with \`dp\` in a layout | \`prefill_engine_dp_size\`, \`decode_engine_dp_size\` where they are not given |
| \`sla-compat\` in another mode than \`disagg\` | refused |
| a token and the file of it | refused |
| two of \`live_dashboard_port\`, \`control_api_port\`, \`metric_reporting_prometheus_port\` the same | refused |
| fields that the strategy takes no notice of, such as \`load_predictor\` with \`default\` | left aside, and told at the start |
| \`load_min_observations\` above \`max_num_fpm_samples\` | told at the start: no regression will be asked |
| \`scheduling.gateway.enabled\` | refused: plugins are listed here, none register themselves; the other fields of registration have no effect |
| a plugin over gRPC, of another protocol version, or with a name twice | refused |
`;
}

function legacyNames(): string {
  const names = PLANNER_FLAGS.flatMap(({ name, aliases }) => [name, ...aliases]).filter((name) =>
    ["adjustment-interval", "no-operation", "no-correction", "prometheus-port", "ttft", "itl"].includes(name),
  );
  return `${names.map((name) => `\`--${name}\``).join(", ")} and others`;
}

function section(group: PlannerField["group"], fields: readonly PlannerField[]): string {
  const rows = fields
    .filter((field) => field.group === group)
    .map((field) => {
      const { name, aliases = [], env = [], preset, description, own, secret } = field;
      const also = aliases.length === 0 ? "" : ` (also ${aliases.map((alias) => `\`${alias}\``).join(", ")})`;
      const type = isObject(field.schema) ? "section" : typeName(field.schema);
      const marks = [
        own ? " (ours)" : "",
        env.length === 0 ? "" : `; ${env.map((variable) => `\`$${variable}\``).join(", ")}`,
        secret ? "; no flag" : "",
      ];
      return `| \`${name}\`${also} | ${type}${field.nullable ? " or null" : ""} | ${preset} | ${description}${marks.join("")} |`;
    });
  return [`## ${group}`, "", ...HEAD, ...rows].join("\n");
}

const HEAD = ["| field | type | default | meaning |", "|---|---|---|---|"];

function nested(schema: z.ZodType, only?: readonly string[]): string {
  const rows = leaves(schema, "").filter(({ path }) => only === undefined || only.includes(path));
  return [
    ...HEAD,
    ...rows.map(({ path, schema: leaf }) => {
      const { type } = leaf.def as { type: string };
      const preset =
        type === "default" || type === "prefault" || type === "optional" ? presetText(leaf) : "**required**";
      return `| \`${path}\` | ${typeName(leaf)} | ${preset} | ${leaf.description ?? ""} |`;
    }),
  ].join("\n");
}

function presetText(schema: z.ZodType): string {
  const { defaultValue } = schema.def as { defaultValue?: unknown };
  if (defaultValue === undefined || defaultValue === null || defaultValue === "") return "none";
  if (typeof defaultValue === "object") return "none";
  return typeof defaultValue === "number" ? String(defaultValue) : `\`${String(defaultValue)}\``;
}

/** Keys of an object and, with dots, of the objects in it. */
function leaves(schema: z.ZodType, above: string): { path: string; schema: z.ZodType }[] {
  return Object.entries(shape(schema)).flatMap(([key, child]) => {
    const path = above === "" ? key : `${above}.${key}`;
    return isObject(inner(child)) && !path.endsWith("_pick") ? leaves(inner(child), path) : [{ path, schema: child }];
  });
}

function itemOf(schema: z.ZodType, key: string): z.ZodType {
  return (inner(shape(schema)[key]!).def as unknown as { element: z.ZodType }).element;
}

function shape(schema: z.ZodType): Record<string, z.ZodType> {
  return (schema.def as unknown as { shape: Record<string, z.ZodType> }).shape;
}

function isObject(schema: z.ZodType): boolean {
  return (schema.def as { type: string }).type === "object";
}

function inner(schema: z.ZodType): z.ZodType {
  const { innerType } = schema.def as { innerType?: z.ZodType };
  return innerType === undefined ? schema : inner(innerType);
}

if (import.meta.main) {
  for (const [path, content] of Object.entries(plannerReference())) {
    writeFileSync(new URL(`../${path}`, import.meta.url), content);
    process.stderr.write(`${path}: ${content.length} bytes\n`);
  }
}
