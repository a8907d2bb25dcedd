import type { z } from "zod";
import { type Path, schemaProblems, valueAt, type YamlSource } from "#common/documents";
import { dgdrV1alpha1Schema, dgdrV1beta1Schema, v1alpha1SpecSchema, v1beta1SpecSchema } from "./dgdr-schema.ts";
import { isMap } from "./documents.ts";
import type { Draft } from "./draft.ts";
import { missing, refused } from "./errors.ts";
import type { FlagProblem } from "./flags-to-draft.ts";
import type { RequestKind } from "./kinds.ts";
import { profilingConfigSchema } from "./legacy-schema.ts";
import { type Normalised, normalise } from "./normalise.ts";
import type { PlannerGiven } from "./planner-settings.ts";

/** What a document says beside its settings. */
export interface ReadDocument {
  /** Place of a key of `spec`, or of the config itself. */
  locate(key: string): string;
  name?: string;
  namespace?: string;
  /** Of `deploymentOverrides`. */
  deploymentNamespace?: string;
  configMapRef?: { name: string; key: string; where: string };
  planner?: PlannerGiven[];
  /** Whether a profiling config has keys of one generation alone. */
  generation: { snake: boolean; camel: boolean };
}

/** Keys of the profiling config, and of the DGDR v1alpha1 around it, that came with 0.8. */
const LATER_SETTINGS = ["modelCachePvcName", "pickWithWebui", "webuiPort", "aicHfId", "useMocker"] as const;
const LATER_KEYS = ["outputPVC", "resources", "tolerations", "nodeSelector"];

/**
 * Takes the settings of a request's document.
 * @throws UserError PROFILER_MISSING and others; what schemas find wrong goes to `problems`
 */
export function readDocument(
  kind: RequestKind,
  source: YamlSource,
  draft: Draft,
  problems: FlagProblem[],
  flagged: ReadonlySet<string>,
): ReadDocument {
  if (kind === "profiling-config") return readConfig(source, source.value, [], draft, problems);
  if (kind === "v1alpha1" || kind === "v1beta1") {
    const schema = kind === "v1alpha1" ? dgdrV1alpha1Schema : dgdrV1beta1Schema;
    const whole = checked(source, source.value, [], schema, draft, problems);
    const { name, namespace } = (whole.value.metadata ?? {}) as { name?: string; namespace?: string };
    if (name === undefined) throw missing(source.locate(["metadata"]), "metadata.name is required");
    if (!isMap(whole.value.spec)) throw missing(source.locate([]), "spec is required");
    draft.take(whole, schema);
    const at: Path = ["spec"];
    const read =
      kind === "v1alpha1"
        ? readV1alpha1(source, whole, at, draft, problems, flagged)
        : readV1beta1(source, whole, at, draft, problems);
    return { ...read, name, ...(namespace === undefined ? {} : { namespace }) };
  }
  const schema = kind === "v1alpha1-spec" ? v1alpha1SpecSchema : v1beta1SpecSchema;
  const spec = checked(source, source.value, [], schema, draft, problems);
  draft.take(spec, schema);
  return kind === "v1alpha1-spec"
    ? readV1alpha1(source, spec, [], draft, problems, flagged)
    : readV1beta1(source, spec, [], draft, problems);
}

function checked(
  source: YamlSource,
  value: unknown,
  root: Path,
  schema: z.ZodType,
  draft: Draft,
  problems: FlagProblem[],
): Normalised {
  const document = normalise(source, value, root, schema);
  draft.warnings.push(...document.warnings);
  const { error } = schema.safeParse(document.value);
  if (error !== undefined) {
    for (const { path, message, hint } of schemaProblems(schema, document.value, error)) {
      problems.push({ where: document.locate(path), message, hint });
    }
  }
  return document;
}

/** The spec at `at` of a checked document. */
function readV1alpha1(
  source: YamlSource,
  document: Normalised,
  at: Path,
  draft: Draft,
  problems: FlagProblem[],
  flagged: ReadonlySet<string>,
): ReadDocument {
  const spec = (valueAt(document.value, at) ?? {}) as Record<string, unknown>;
  const place = (...path: Path) => document.locate([...at, ...path]);
  if (problems.length === 0) {
    for (const key of ["model", "backend"] as const) {
      if (spec[key] === undefined && !flagged.has(key)) {
        throw missing(
          place(),
          `spec.${key} is required`,
          key === "model" ? "a Hugging Face id" : "vllm, sglang or trtllm",
        );
      }
    }
  }
  const profiling = isMap(spec.profilingConfig) ? spec.profilingConfig : {};
  if (profiling.profilerImage === undefined && !flagged.has("profilerImage")) {
    throw missing(
      place("profilingConfig"),
      "profilingConfig.profilerImage is required",
      "the image of the profiling Job",
    );
  }
  const { config } = profiling;
  if (config === undefined || (isMap(config) && Object.keys(config).length === 0)) {
    throw missing(
      place("profilingConfig", "config"),
      "profilingConfig.config is required and must not be empty",
      "at least sla: {isl, osl, ttft, itl}",
    );
  }
  if (!isMap(config)) {
    throw refused(
      "CONFIG_NOT_A_MAP",
      place("profilingConfig", "config"),
      "failed to parse profilingConfig.config: expected keys and values",
    );
  }
  const root = document.written([...at, "profilingConfig", "config"]);
  const read = readConfig(source, config, root, draft, problems);
  if (read.sla === undefined && !["isl", "osl", "ttft", "itl"].every((name) => flagged.has(name))) {
    throw missing(
      place("profilingConfig", "config"),
      "profilingConfig.config.sla is required",
      "sla: {isl: 3000, osl: 150, ttft: 200.0, itl: 20.0}",
    );
  }
  const ref = profiling.configMapRef as { name?: string; key?: string } | undefined;
  if (ref !== undefined && ref.name === undefined) {
    throw missing(place("profilingConfig", "configMapRef"), "profilingConfig.configMapRef.name is required");
  }
  const overrides = (spec.deploymentOverrides ?? {}) as { namespace?: string };
  if (LATER_KEYS.some((key) => profiling[key] !== undefined) || spec.useMocker !== undefined)
    read.generation.camel = true;
  return {
    ...read,
    locate: (key) => (key === "name" ? document.locate(["metadata", "name"]) : place(key)),
    ...(ref?.name === undefined
      ? {}
      : {
          configMapRef: {
            name: ref.name,
            key: ref.key ?? "disagg.yaml",
            where: place("profilingConfig", "configMapRef"),
          },
        }),
    ...(overrides.namespace === undefined ? {} : { deploymentNamespace: overrides.namespace }),
  };
}

function readConfig(
  source: YamlSource,
  value: unknown,
  root: Path,
  draft: Draft,
  problems: FlagProblem[],
): ReadDocument & { sla: unknown } {
  const config = checked(source, value, root, profilingConfigSchema, draft, problems);
  draft.take(config, profilingConfigSchema);
  const { planner, sla } = config.value;
  const later = LATER_SETTINGS.some((name) => draft.has(name));
  return {
    locate: (key) => config.locate([key]),
    generation: { snake: config.spellings.snake, camel: config.spellings.camel || later },
    ...(isMap(planner) ? { planner: plannerGiven(source, planner, config.written(["planner"])) } : {}),
    sla,
  };
}

function readV1beta1(
  source: YamlSource,
  document: Normalised,
  at: Path,
  draft: Draft,
  problems: FlagProblem[],
): ReadDocument {
  const spec = (valueAt(document.value, at) ?? {}) as Record<string, unknown>;
  const place = (...path: Path) => document.locate([...at, ...path]);
  const hardware = isMap(spec.hardware) ? spec.hardware : {};
  const { numGpusPerNode } = hardware;
  if (numGpusPerNode !== undefined && !(Number.isInteger(numGpusPerNode) && Number(numGpusPerNode) > 0)) {
    const where = place("hardware", "numGpusPerNode");
    const other = problems.findIndex((problem) => problem.where === where);
    if (other >= 0) problems.splice(other, 1);
    problems.push({ where, message: "'hardware.numGpusPerNode' must be a positive integer.", hint: "such as 8" });
  }
  const dgd = draft.get("overridesDgd");
  if (dgd !== undefined && (typeof dgd.apiVersion !== "string" || dgd.kind !== "DynamoGraphDeployment")) {
    problems.push({
      where: place("overrides", "dgd"),
      message: "overrides.dgd needs apiVersion and kind of a DynamoGraphDeployment",
      hint: "apiVersion: nvidia.com/v1beta1, kind: DynamoGraphDeployment",
    });
  }
  const planner = valueAt(spec, ["features", "planner"]);
  return {
    locate: (key) => (key === "name" ? document.locate(["metadata", "name"]) : place(key)),
    generation: { snake: false, camel: true },
    ...(isMap(planner)
      ? { planner: plannerGiven(source, planner, document.written([...at, "features", "planner"])) }
      : {}),
  };
}

function plannerGiven(source: YamlSource, planner: Record<string, unknown>, root: Path): PlannerGiven[] {
  return Object.entries(planner).map(([key, value]) => ({ key, value, where: source.locate([...root, key]) }));
}
