/** Writes docs/dgdr.md and docs/profiler-commands.md: `node scripts/write-request-reference.ts`. A test keeps them up to date. */
import { writeFileSync } from "node:fs";
import { ENDPOINT_FLAGS, PROFILE_FLAGS, type ReferenceRow, type ReferenceTable, referenceTables } from "#src/profiler";

const NOTE =
  "<!-- Made by scripts/write-request-reference.ts from the schemas that requests are checked with. Don't edit. -->";

/** Documents by path in the project. */
export function requestReference(): Record<string, string> {
  return { "docs/dgdr.md": fields(), "docs/profiler-commands.md": commands() };
}

function fields(): string {
  const tables = new Map(referenceTables().map((table) => [table.id, table]));
  const table = (id: ReferenceTable["id"]) => rows(tables.get(id)!.rows);
  return `# Requests, field by field

${NOTE}

\`understudy profile --config\` takes a DynamoGraphDeploymentRequest (DGDR) as an object or as its spec alone, a profiling config, or
a DGD to start from; as a YAML or JSON file, as JSON right there, or from stdin (\`-\`). \`--profile-config\` takes a profiling config as a
Python dict literal, YAML, JSON, or a file of it. [Examples](examples.md); [the command lines](profiler-commands.md).

- **Flags overrule documents**, and documents overrule what is discovered, unless GPU discovery is asked to overrule them.
- **Spelling**: every key may be in snake_case or camelCase, or with hyphens. Keys that nothing knows are left out, with a warning.
- **Several places for one setting**: the first in the order of these tables counts, with a warning where they differ.
- A **file** may hold several documents: the request, and the ConfigMap that it refers to.
- **Dialect**: a v1beta1 request is of 1.0; a profiling config in snake_case is of 0.6, any other of 0.8, as flags alone are;
  \`--dialect\` says otherwise. Names and shapes of results follow it.
- Editors complete fields by [dgdr.schema.json](../src/profiler/config/dgdr.schema.json) and
  [profiling-config.schema.json](../src/profiler/config/profiling-config.schema.json).

## DGDR v1alpha1

${table("v1alpha1")}

## Profiling config

\`spec.profilingConfig.config\` of a DGDR v1alpha1, and \`--profile-config\`.

GPUs of an engine and a node that nothing says come from the model's size and the GPU's memory where something names the GPU:
discovery, \`aic_system\`, \`gpu_type\`, \`--gpu\`. Where nothing does, they are 1 to 8, and 8 a node; for mixtures of experts one to
four nodes. An explicit 0 asks for the automatic value; without a GPU to ask it is 1, 4 and 8, with a warning.

${table("profiling-config")}

### Planner settings

In \`planner\`, each with \`planner_\` before it or without, and as flags: \`--planner-min-endpoint\`. Others are passed on as they are.

${table("planner")}

## DGDR v1beta1

${table("v1beta1")}

### Planner configuration

In \`spec.features.planner\`. Others are passed on as they are.

${table("planner-config")}

## What is checked before any work

| what | then |
|---|---|
| \`image\`, \`hardware.gpuSku\` or \`hardware.numGpusPerNode\` is missing (v1beta1) | refused |
| \`thorough\` with backend \`auto\` | refused: name a backend |
| a target that is not above 0; \`null\` for \`ttft\` or \`itl\` alone; \`e2eLatency\` without \`ttft: null\` and \`itl: null\` | refused |
| \`requestRate\` and \`concurrency\` | refused |
| the estimator does not cover model, GPU and backend, and the planner scales by throughput, or mockers are to replay an estimate | refused |
| the same, with sweeping mode \`rapid\` otherwise | a warning; mode \`none\` |
| the same, for a rapid search | a warning; a configuration by memory alone |
| sweeping mode \`none\` with a mocker, or with throughput-based scaling | refused |
| \`thorough\` (v1beta1) | a warning: disaggregated deployments alone |
| AI Configurator asked for without its GPU (0.6: model name and version, too) | refused |
| \`enableGpuDiscovery\` where one sees one namespace (\`--namespace-restricted\`) | refused |
| names of DGD and component together longer than 45 characters | refused |

## GPU discovery

\`--nodes FILE\` reads the output of \`kubectl get nodes -o json\`: labels \`nvidia.com/gpu.product\`, \`nvidia.com/gpu.memory\` (MiB) and
\`nvidia.com/gpu.count\`, or allocatable \`nvidia.com/gpu\`. \`--dcgm-metrics FILE\` reads metrics of DCGM exporters and is preferred. Of
several kinds of GPU, v1beta1 takes the one on most nodes, older dialects the one with most GPUs a node; then the one with most memory.
The discovered budget is at most 32 GPUs. What is found fills in what the request leaves out; with \`enableGpuDiscovery\` (older dialects)
it overrules what the request says.

\`\`\`sh needs-cluster
kubectl get nodes -o json | understudy profile --config dgdr.yaml --nodes -
\`\`\`
`;
}

function rows(all: readonly ReferenceRow[]): string {
  const lines = all.map(({ path, type, preset, description, required, aliases }) => {
    const also = aliases.length === 0 ? "" : ` (also ${aliases.map((alias) => `\`${alias}\``).join(", ")})`;
    return `| \`${path}\`${also} | ${type} | ${required ? "**required**" : preset} | ${description} |`;
  });
  return ["| field | type | default | meaning |", "|---|---|---|---|", ...lines].join("\n");
}

const ERAS = ["0.3", "0.6", "0.8", "1.0"] as const;

function commands(): string {
  const flags = PROFILE_FLAGS.filter(({ eras }) => !eras.includes("own"));
  const own = PROFILE_FLAGS.filter(({ eras }) => eras.includes("own"));
  const flagRows = flags.map(({ name, aliases, value, help, eras }) => {
    const also = (aliases ?? []).map((alias) => `, \`--${alias}\``).join("");
    const marks = ERAS.map((era) => (eras.includes(era) ? "✓" : "")).join(" | ");
    return `| \`--${name}${value === undefined ? "" : ` ${cell(value)}`}\`${also} | ${marks} | ${cell(help)} |`;
  });
  const ownRows = own.map(({ name, aliases, value, help }) => {
    const also = (aliases ?? []).map((alias) => `, \`--${alias}\``).join("");
    return `| \`--${name}${value === undefined ? "" : ` ${cell(value)}`}\`${also} | ${cell(help)} |`;
  });
  const endpointRows = ENDPOINT_FLAGS.map(
    ({ name, value, help, preset }) =>
      `| \`--${name}\` | \`--${name.replaceAll("_", "-")} ${cell(value)}\` | ${preset} | ${help} |`,
  );
  return `# The documents' command lines, and ours

${NOTE}

Dynamo's documents write profiling runs in several ways. Each is one of ours, flag by flag, under the same names:

| in the documents | here |
|---|---|
| \`python benchmarks/profiler/profile_sla.py …\` (0.3) | \`understudy profile … --dialect 0.3\` |
| \`python -m benchmarks.profiler.profile_sla …\` (0.6, 0.8) | \`understudy profile …\` |
| \`python -m dynamo.profiler.profile_sla …\` (0.9) | \`understudy profile …\` |
| \`python -m dynamo.profiler --config spec.yaml …\` (1.0) | \`understudy profile --config spec.yaml …\` |
| \`python -m benchmarks.profiler.profile_endpoint …\` | \`understudy profile-endpoint …\` |

The command lines may be given as they stand, too: \`understudy profile python -m benchmarks.profiler.profile_sla --model …\`. As Python
does, they may shorten a flag to any beginning that means it alone, such as \`--min-num-gpus\`.

## Flags of profile_sla and dynamo.profiler

| flag | ${ERAS.join(" | ")} | meaning |
|---|${ERAS.map(() => "---|").join("")}---|
${flagRows.join("\n")}

In 0.3, \`--config\` is the DGD to start from; with \`--model\` or \`--backend\` a DGD is that in every dialect.

## Flags that are ours alone

| flag | meaning |
|---|---|
${ownRows.join("\n")}

## Flags of profile_endpoint

| in the documents | here | default | meaning |
|---|---|---|---|
${endpointRows.join("\n")}
`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(requestReference())) {
    writeFileSync(new URL(`../${path}`, import.meta.url), text);
    process.stderr.write(`${path}: ${text.length} bytes\n`);
  }
}
