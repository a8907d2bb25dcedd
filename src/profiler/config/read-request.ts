import type { YamlSource } from "#common/documents";
import { readYamlDocuments } from "#common/documents";
import { gpusOfDcgmMetrics } from "../discovery/dcgm.ts";
import { gpusOfKubernetesNodes } from "../discovery/kubernetes-nodes.ts";
import { type DiscoveredHardware, selectGpus } from "../discovery/select-gpus.ts";
import type { Dialect, PlannerRequest, ProfilingRequest } from "../types.ts";
import { type BaseDgd, baseInConfigMap, baseInText, baseOf, nameOf } from "./base-dgd.ts";
import { buildRequest } from "./build-request.ts";
import {
  type ReadFile,
  readConfigDocuments,
  readConfigString,
  readMachineFile,
  readNamedFile,
  YAML_ERRORS,
} from "./documents.ts";
import { Draft } from "./draft.ts";
import { configMapMissing, discoveryRefused, nothingGiven, refused, requestInvalid } from "./errors.ts";
import { applyFlags, type FlagProblem, plannerFlags } from "./flags-to-draft.ts";
import { type IsSupported, passGates } from "./gates.ts";
import { type SortedDocuments, sortDocuments } from "./kinds.ts";
import type { ProfilingInput } from "./options.ts";
import { legacyPlanner, plannerOfConfig, plannerSettings } from "./planner-settings.ts";
import { type ReadDocument, readDocument } from "./read-document.ts";

/** What reading a request needs from outside; each has a default that touches the machine. */
export interface ReadServices {
  /** Text of a file; `-` is stdin. */
  readFile?: ReadFile;
  /** True where the estimator covers the combination; all are where absent. */
  isSupported?: IsSupported;
  /** A ConfigMap that can't be found is an error rather than a warning. */
  strictReferences?: boolean;
}

const DIALECTS: readonly Dialect[] = ["0.3", "0.6", "0.8", "1.0"];

/**
 * The one value that all of the profiler starts from, whatever the request was written in. Flags overrule documents, documents
 * overrule what is discovered (unless discovery is asked to overrule them), and what nobody says has its dialect's default.
 * @throws UserError with `file:line:column (path)` or the flag for everything that a user can mend
 */
export function readProfilingRequest(input: ProfilingInput, services: ReadServices = {}): ProfilingRequest {
  const readFile = services.readFile ?? readMachineFile;
  const draft = new Draft();
  const problems: FlagProblem[] = [];
  const { request, base: foundBase, configMaps } = openDocuments(input, readFile);
  if (request === undefined && foundBase === undefined && !input.flags.some(({ name }) => name === "model")) {
    if (input.baseDgd === undefined) throw nothingGiven();
  }
  const flagged = flaggedSettings(input);
  const document = request && readDocument(request.kind, request.source, draft, problems, flagged);
  applyFlags(draft, input, problems);
  const dialect = dialectOf(input, request?.kind, document, problems);
  const planner = plannerOf(input, dialect, document, draft, problems);
  if (problems.length > 0) throw requestInvalid(problems);
  if (draft.get("enableGpuDiscovery") === true && input.namespaceRestricted === true) {
    throw discoveryRefused(draft.where("enableGpuDiscovery")!);
  }
  const discovered = discover(input, dialect, draft, readFile);
  const base = baseDgd(input, foundBase, configMaps, document, draft, readFile, services.strictReferences === true);
  const locate = (key: string) => document?.locate(key) ?? `--${key}`;
  const built = buildRequest({
    draft,
    dialect,
    source: sourceOf(input, request, document),
    locate,
    namespaceRestricted: input.namespaceRestricted === true,
    environment: input.environment ?? {},
    ...(planner === undefined ? {} : { planner }),
    ...(base === undefined ? {} : { base }),
    ...(discovered === undefined ? {} : { discovered }),
    ...(document?.deploymentNamespace === undefined ? {} : { deploymentNamespace: document.deploymentNamespace }),
  });
  return passGates(built, (key) => draft.where(key as "backend") ?? locate(key), services.isSupported);
}

function openDocuments(input: ProfilingInput, readFile: ReadFile): SortedDocuments {
  const sorted: SortedDocuments =
    input.config === undefined
      ? { configMaps: [] }
      : sortDocuments(readConfigDocuments(input.config, readFile), input.config);
  if (input.profileConfig === undefined) return sorted;
  if (sorted.request !== undefined) {
    throw refused("TWO_CONFIGS", "--profile-config", "not together with a request in --config", "keep one of them");
  }
  return { ...sorted, request: { kind: "profiling-config", source: readConfigString(input.profileConfig, readFile) } };
}

function flaggedSettings(input: ProfilingInput): ReadonlySet<string> {
  const draft = new Draft();
  applyFlags(draft, input, []);
  return { has: (name: string) => draft.has(name as "model") } as ReadonlySet<string>;
}

function dialectOf(
  input: ProfilingInput,
  kind: string | undefined,
  document: ReadDocument | undefined,
  problems: FlagProblem[],
): Dialect {
  const isNew = kind?.startsWith("v1beta1") === true;
  const own: Dialect = isNew ? "1.0" : document?.generation.snake && !document.generation.camel ? "0.6" : "0.8";
  const { dialect } = input;
  if (dialect === undefined) return own;
  const said = DIALECTS.find((each) => each === dialect);
  if (said === undefined) {
    problems.push({ where: "--dialect", message: `found "${dialect}", expected one of ${DIALECTS.join(", ")}` });
    return own;
  }
  if (document !== undefined && (said === "1.0") !== isNew) {
    const message = isNew
      ? `found ${said}, but a v1beta1 request is of dialect 1.0`
      : `found ${said}, but 1.0 is for v1beta1 requests`;
    problems.push({ where: "--dialect", message, hint: "leave --dialect out" });
  }
  return said;
}

function plannerOf(
  input: ProfilingInput,
  dialect: Dialect,
  document: ReadDocument | undefined,
  draft: Draft,
  problems: FlagProblem[],
): PlannerRequest | undefined {
  const flags = plannerFlags(input);
  const groups = [document?.planner ?? [], flags];
  const wanted = dialect === "1.0" || dialect === "0.3" ? document?.planner !== undefined || flags.length > 0 : true;
  if (!wanted) return undefined;
  const read = plannerSettings(groups, dialect === "1.0" ? "config" : "legacy");
  draft.warnings.push(...read.warnings);
  problems.push(...read.problems);
  if (read.problems.length > 0) return undefined;
  return dialect === "1.0" ? plannerOfConfig(read, draft.warnings) : legacyPlanner(read);
}

function discover(
  input: ProfilingInput,
  dialect: Dialect,
  draft: Draft,
  readFile: ReadFile,
): DiscoveredHardware | undefined {
  const { nodes, dcgmMetrics } = input;
  const asked = draft.get("enableGpuDiscovery") === true;
  if (nodes === undefined && dcgmMetrics === undefined) {
    if (asked) {
      draft.warnings.push(
        `${draft.where("enableGpuDiscovery")}: there is nothing to discover GPUs in; give --nodes (kubectl get nodes -o json) or --dcgm-metrics`,
      );
    }
    return undefined;
  }
  if (input.namespaceRestricted === true) {
    throw discoveryRefused(nodes === undefined ? "--dcgm-metrics" : "--nodes");
  }
  const gpuSku = asked && dialect !== "1.0" ? undefined : draft.get("gpuSku");
  const rule = dialect === "1.0" ? "most-nodes" : "most-gpus";
  // DCGM knows more than labels, and is asked first.
  const flag = dcgmMetrics === undefined ? "--nodes" : "--dcgm-metrics";
  const { label, text } = readNamedFile(flag, (dcgmMetrics ?? nodes)!, readFile);
  const found = dcgmMetrics === undefined ? gpusOfKubernetesNodes(text, label) : gpusOfDcgmMetrics(text, label);
  const chosen = selectGpus(found, label, gpuSku === undefined ? { rule } : { rule, gpuSku });
  draft.warnings.push(...chosen.warnings);
  return chosen;
}

/** The DGD to start from: of the flag, of `--config`, of the ConfigMap, of the config's `engine.config`. */
function baseDgd(
  input: ProfilingInput,
  found: YamlSource | undefined,
  configMaps: readonly YamlSource[],
  document: ReadDocument | undefined,
  draft: Draft,
  readFile: ReadFile,
  strict: boolean,
): BaseDgd | undefined {
  if (input.baseDgd !== undefined) return baseInText(readNamedFile("--base-dgd", input.baseDgd, readFile));
  const ref = document?.configMapRef;
  if (ref !== undefined) {
    if (draft.has("baseConfig")) {
      draft.warnings.push(
        `${draft.where("baseConfig")}: "${draft.get("baseConfig")}" is ignored, ${ref.where} names the base`,
      );
    }
    const maps = [...(input.configMap === undefined ? [] : mapsIn(input.configMap, readFile)), ...configMaps];
    const map = maps.find((each) => nameOf(each) === ref.name);
    if (map !== undefined) return baseInConfigMap(map, ref.key, ref.where);
    const error = configMapMissing(ref.where, ref.name, document?.namespace ?? "default");
    if (strict || input.configMap !== undefined) throw error;
    if (found === undefined) {
      draft.warnings.push(`${ref.where}: ${error.message}: deployments start from one of ours instead; ${error.hint}`);
    }
  }
  if (found !== undefined) return baseOf(found);
  const path = draft.get("baseConfig");
  if (path === undefined || ref !== undefined) return undefined;
  return baseInText(readNamedFile(draft.where("baseConfig")!, path, readFile));
}

function mapsIn(path: string, readFile: ReadFile): YamlSource[] {
  const { label, text } = readNamedFile("--config-map", path, readFile);
  return readYamlDocuments(text, label, YAML_ERRORS);
}

function sourceOf(
  input: ProfilingInput,
  request: SortedDocuments["request"],
  document: ReadDocument | undefined,
): ProfilingRequest["source"] {
  if (request === undefined || document === undefined) return { kind: "flags", where: "command line" };
  const kind =
    request.kind === "profiling-config" ? "profiling-config" : request.kind.endsWith("-spec") ? "dgdr-spec" : "dgdr";
  const flag = input.profileConfig === undefined ? "--config" : "--profile-config";
  const where = request.source.locate([]).replace(/:\d+:\d+$/, "") || flag;
  return {
    kind,
    where,
    ...(document.name === undefined ? {} : { name: document.name }),
    ...(document.namespace === undefined ? {} : { namespace: document.namespace }),
  };
}
