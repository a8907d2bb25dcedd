import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Command, Option } from "commander";
import { parseAllDocuments } from "yaml";
import { makeFolder, writeFileAtomically } from "#common";
import {
  type DeploymentDialect,
  type KubernetesObject,
  MANIFEST_DEFAULTS,
  MANIFESTS,
  type Manifest,
  type ManifestOptions,
  manifestYaml,
} from "#src/deployment";
import { flagNeeds } from "../errors.ts";
import { textTable } from "../text-table.ts";
import { positiveNumber, wholeNumber } from "../values.ts";
import { nothingNamed, notInStream, unknownManifest, unreadableRequest, wrongDialect } from "./manifests/errors.ts";

interface ManifestFlags {
  list?: true;
  dialect?: DeploymentDialect;
  namespace?: string;
  image?: string;
  configFile?: string;
  dgdr?: string;
  cluster?: true;
  flavour?: "dynamo" | "understudy";
  backend?: ManifestOptions["backend"];
  model?: string;
  mode?: ManifestOptions["mode"];
  isl?: number;
  osl?: number;
  ttft?: number;
  itl?: number;
  minNumGpusPerEngine?: number;
  maxNumGpusPerEngine?: number;
  deployment?: string;
  profile?: string;
  prefillReplicas?: number;
  decodeReplicas?: number;
  monitoringNamespace?: string;
  name?: string;
  size?: string;
  accessMode?: string;
  storageClass?: string;
  outputDir?: string;
  json?: true;
}

/** `understudy manifests`: what profiling and mock deployments need in a cluster, as YAML. */
export function manifestsCommand(): Command {
  const { isl, osl, ttftMs, itlMs, minGpusPerEngine, maxGpusPerEngine, serving } = MANIFEST_DEFAULTS;
  return new Command("manifests")
    .description("print the Kubernetes objects that profiling and mock deployments in a cluster need")
    .argument("[name...]", "manifests, see --list; several make one stream")
    .option("--list", "say what there is")
    .addOption(
      new Option("--dialect <generation>", "of Dynamo (default: 1.0, or what fits --dgdr)").choices([
        "0.3",
        "0.6",
        "0.8",
        "1.0",
      ]),
    )
    .option("--namespace <name>", "instead of the placeholder NAMESPACE")
    .option("--cluster", "ClusterRole and ClusterRoleBinding, which GPU discovery needs")
    .option(
      "--output-dir <dir>",
      "write files by their names in Dynamo's documents; without names all that belong together",
    )
    .option("--json", "with --list: print one JSON document")
    .option("--image <image>", "of the profiler, or of mock deployments, instead of the placeholder DOCKER_IMAGE")
    .addOption(
      new Option("--flavour <whose>", "profiler, or mock deployment (default: dynamo)").choices([
        "dynamo",
        "understudy",
      ]),
    )
    .optionsGroup("Profiling Job:")
    .option("--dgdr <file>", "the request that it is made for (default: the sample dgdr)")
    .option("--config-file <path>", "DGD to start from, instead of the placeholder DGD_CONFIG_FILE")
    .option("--isl <tokens>", `input length (default: ${isl})`, wholeNumber("--isl", 1))
    .option("--osl <tokens>", `output length (default: ${osl})`, wholeNumber("--osl", 1))
    .option("--ttft <ms>", `target, of the planner, too (default: ${ttftMs})`, positiveNumber("--ttft"))
    .option("--itl <ms>", `target, of the planner, too (default: ${itlMs})`, positiveNumber("--itl"))
    .option(
      "--min-num-gpus-per-engine <n>",
      `(default: ${minGpusPerEngine})`,
      wholeNumber("--min-num-gpus-per-engine", 1),
    )
    .option(
      "--max-num-gpus-per-engine <n>",
      `(default: ${maxGpusPerEngine})`,
      wholeNumber("--max-num-gpus-per-engine", 1),
    )
    .optionsGroup("Mock deployment:")
    .option("--deployment <name>", `its name (default: ${serving.name})`)
    .option("--profile <name|path>", `that its workers replay (default: ${serving.profile})`)
    .option("--prefill-replicas <n>", `(default: ${serving.prefillReplicas})`, wholeNumber("--prefill-replicas", 0))
    .option(
      "--decode-replicas <n>",
      `decode workers, or those of --mode agg (default: ${serving.decodeReplicas})`,
      wholeNumber("--decode-replicas", 0),
    )
    .option("--monitoring-namespace <name>", `where Prometheus runs (default: ${serving.monitoringNamespace})`)
    .optionsGroup("Volume:")
    .option("--name <name>", "of the PVC (default: dynamo-pvc; profiling-pvc in 0.3)")
    .option("--size <quantity>", "(default: 50Gi)")
    .option("--access-mode <mode>", "(default: ReadWriteMany; ReadWriteOnce in 0.3)")
    .option("--storage-class <name>", "(default: the cluster's)")
    .optionsGroup("Deployment to start from; model and mode of a mock deployment:")
    .addOption(new Option("--backend <name>", "(default: vllm)").choices(["vllm", "sglang", "trtllm"]))
    .option("--model <id>", "(default: Qwen/Qwen3-0.6B; of a mock deployment the profile's)")
    .addOption(new Option("--mode <mode>", "(default: disagg)").choices(["disagg", "agg"]))
    .optionsGroup("Options:")
    .addHelpText(
      "after",
      `
Placeholders are filled in by envsubst, whose variables a comment at the top names.

Examples:
  $ understudy manifests --list
  $ understudy manifests rbac --namespace dynamo
  $ understudy manifests profiling-job --dgdr dgdr.yaml --flavour understudy --image understudy:0.1.0
  $ understudy manifests --dialect 0.3 --output-dir deploy
  $ understudy manifests dgd --backend trtllm --model Qwen/Qwen3-32B --dialect 0.8
  $ understudy manifests deployment --flavour understudy --image understudy:0.1.0 --namespace llm
  $ understudy manifests kustomize --image registry.example/understudy:0.1.0 --output-dir deploy
  $ understudy manifests monitoring --namespace llm`,
    )
    .action((names: string[], flags: ManifestFlags) => {
      if (flags.list) list(flags.json === true);
      else if (flags.json) throw flagNeeds("json", "--list");
      else print(names, flags);
    });
}

function list(json: boolean): void {
  if (json) {
    const rows = MANIFESTS.map(({ name, file, what, dialects }) => ({ name, file, what, dialects }));
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const rows = MANIFESTS.map(({ name, file, what, dialects }) => [name, dialects.join(" "), file, what]);
  process.stdout.write(textTable(["name", "dialects", "file", "what it is"], rows));
}

function print(names: readonly string[], flags: ManifestFlags): void {
  const options = manifestOptions(flags);
  const wanted = names.length > 0 ? names.map(find) : MANIFESTS.filter(({ set }) => set.includes(options.dialect));
  if (names.length === 0 && flags.outputDir === undefined) throw nothingNamed();
  for (const { name, dialects } of wanted) {
    if (!dialects.includes(options.dialect)) throw wrongDialect(name, options.dialect, dialects);
  }
  if (flags.outputDir === undefined) {
    process.stdout.write(stream(wanted, options));
    return;
  }
  for (const [path, text] of wanted.flatMap((manifest) => filesOf(manifest, options))) {
    const whole = join(flags.outputDir, path);
    makeFolder(dirname(whole));
    writeFileAtomically(whole, text);
    process.stderr.write(`wrote ${whole}\n`);
  }
}

/** One YAML stream of them all, or the one text that is none. */
function stream(wanted: readonly Manifest[], options: ManifestOptions): string {
  const text = wanted.find((manifest) => manifest.text !== undefined);
  if (text === undefined) return manifestYaml(wanted.flatMap((manifest) => manifest.build(options)));
  if (wanted.length > 1) throw notInStream(text.name);
  return text.text!();
}

function filesOf(manifest: Manifest, options: ManifestOptions): (readonly [path: string, text: string])[] {
  const { file, build, text, tree } = manifest;
  if (tree) return tree(options).map(([path, content]) => [join(file, path), content] as const);
  return [[file, text?.() ?? manifestYaml(build(options))]];
}

function find(name: string): Manifest {
  const found = MANIFESTS.find((manifest) => manifest.name === name);
  if (found) return found;
  throw unknownManifest(
    name,
    MANIFESTS.map((manifest) => manifest.name),
  );
}

function manifestOptions(flags: ManifestFlags): ManifestOptions {
  const request = flags.dgdr === undefined ? undefined : readRequest(flags.dgdr);
  const own = request && (request.apiVersion === "nvidia.com/v1beta1" ? "1.0" : "0.8");
  const given: Partial<ManifestOptions> = {
    ...pick(flags, ["namespace", "image", "configFile", "flavour", "backend", "model", "mode", "isl", "osl"]),
    ...defined("ttftMs", flags.ttft),
    ...defined("itlMs", flags.itl),
    ...defined("minGpusPerEngine", flags.minNumGpusPerEngine),
    ...defined("maxGpusPerEngine", flags.maxNumGpusPerEngine),
    ...defined("request", request),
  };
  return {
    ...MANIFEST_DEFAULTS,
    ...given,
    dialect: flags.dialect ?? own ?? "1.0",
    cluster: flags.cluster ?? false,
    serving: {
      ...MANIFEST_DEFAULTS.serving,
      ...pick(flags, ["profile", "prefillReplicas", "decodeReplicas", "monitoringNamespace"]),
      ...defined("name", flags.deployment),
    },
    claim: pick(flags, ["name", "size", "accessMode", "storageClass"]),
  };
}

function readRequest(file: string): KubernetesObject {
  const text = readFileSync(file, "utf8");
  const documents = parseAllDocuments(text);
  const [first] = documents;
  const problem = "empty" in documents ? undefined : first?.errors[0];
  if (problem) throw unreadableRequest(file, problem.message.split("\n")[0]!);
  const found: unknown = first?.toJS();
  if (typeof found !== "object" || found === null) throw unreadableRequest(file, "it holds no object");
  return found as KubernetesObject;
}

function pick<T extends object, Key extends keyof T>(
  from: T,
  keys: readonly Key[],
): { [K in Key]?: NonNullable<T[K]> } {
  const present = keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]);
  return Object.fromEntries(present) as { [K in Key]?: NonNullable<T[K]> };
}

function defined<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value });
}
