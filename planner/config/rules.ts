import { autoscalerProblems } from "./autoscaler-schema.ts";
import { ACTIVE_ROLES, budgetProblems } from "./budget-rules.ts";
import type { FieldName } from "./layers.ts";
import { leftAside } from "./left-aside.ts";
import { type PlannerDocument, plannerDocumentSchema } from "./schema.ts";
import { serviceProblems } from "./service-rules.ts";
import { impliedStrategy, intervalsInUse, isLegacy, LEGACY_PRESETS, type Provenance } from "./strategy.ts";
import type { StrategyName } from "./types.ts";

/** A refusal or a remark that concerns a field. */
export interface RuleProblem {
  field: FieldName;
  /** Place below the field. */
  path?: (string | number)[];
  message: string;
  hint?: string;
}

/** What rules between fields make of a document. */
export interface RuledDocument {
  document: PlannerDocument & { strategy: StrategyName };
  /** Fields that a rule has set. */
  ruled: Set<FieldName>;
  problems: RuleProblem[];
  notes: string[];
}

const PRESETS = plannerDocumentSchema.parse({});

/** Applies the rules between fields, Dynamo's and ours. */
export function applyRules(written: PlannerDocument, provenance: Provenance): RuledDocument {
  const { given } = provenance;
  const ruled = new Set<FieldName>();
  const notes: string[] = [];
  const document = { ...written };
  const set = <Name extends FieldName>(name: Name, value: PlannerDocument[Name]) => {
    if (document[name] === value) return;
    document[name] = value;
    ruled.add(name);
  };
  let strategy = written.strategy;
  if (strategy === null) {
    const implied = impliedStrategy(written, provenance);
    strategy = implied.strategy;
    notes.push(implied.note);
    set("strategy", strategy);
  }
  if (isLegacy(provenance) && strategy === "sla-compat") {
    for (const [name, value] of Object.entries(LEGACY_PRESETS))
      if (!given(name as FieldName)) set(name as FieldName, value);
  }
  if (strategy !== "load-compat") {
    if (given("optimization_target") && document.optimization_target !== "sla") {
      notes.push(
        `optimization_target ${document.optimization_target} is left aside: strategy ${strategy} plans for the SLA`,
      );
    }
    set("optimization_target", "sla");
  } else if (document.optimization_target !== "sla") {
    const target = document.optimization_target;
    if (given("enable_throughput_scaling") && document.enable_throughput_scaling) {
      notes.push(`enable_throughput_scaling is left aside: optimization_target ${target} scales by load alone`);
    }
    if (given("enable_load_scaling") && !document.enable_load_scaling) {
      notes.push(`enable_load_scaling: false is left aside: optimization_target ${target} scales by load alone`);
    }
    for (const name of ["ttft_ms", "itl_ms"] as const) {
      if (given(name)) notes.push(`${name} is left aside: optimization_target ${target} takes no notice of it`);
    }
    set("enable_throughput_scaling", false);
    set("enable_load_scaling", true);
  }
  notes.push(...unusedProfiles(document, given));
  for (const role of ["prefill", "decode"] as const) {
    const ranks = document.aic_perf_model?.[`${role}_pick`]?.dp;
    if (ranks !== undefined && !given(`${role}_engine_dp_size`)) set(`${role}_engine_dp_size`, ranks);
  }
  const settled = { ...document, strategy };
  const isWritten = (field: FieldName) =>
    given(field) && JSON.stringify(written[field]) !== JSON.stringify(PRESETS[field]);
  notes.push(...leftAside(settled, isWritten), ...unreachableNotes(settled));
  return { document: settled, ruled, notes, problems: problemsOf(settled, written, given) };
}

/** What tells of engines, and is not read in the given sweeping mode. */
function unusedProfiles(document: PlannerDocument, given: (field: FieldName) => boolean): string[] {
  const { pre_deployment_sweeping_mode: sweeping, aic_interpolation: interpolation } = document;
  const unused: FieldName[] = [];
  if (sweeping === "none" && given("profile_results_dir")) unused.push("profile_results_dir");
  if (sweeping !== "rapid" && interpolation !== null) unused.push("aic_interpolation");
  const why = sweeping === "none" ? "engines were not sampled" : "engines were measured";
  return unused.map((field) => `${field} is left aside: pre_deployment_sweeping_mode ${sweeping}, ${why}`);
}

/** What can be had and leads nowhere. */
function unreachableNotes(document: Document): string[] {
  const { strategy, optimization_target: target, load_min_observations: least, max_num_fpm_samples: most } = document;
  if (strategy !== "load-compat" || target !== "sla" || least <= most) return [];
  return [
    `load_min_observations (${least}) is above max_num_fpm_samples (${most}): no regression of passes will be asked`,
  ];
}

function problemsOf(document: Document, written: PlannerDocument, given: (field: FieldName) => boolean): RuleProblem[] {
  return [
    ...modeProblems(document),
    ...scalingProblems(document, written),
    ...profileProblems(document),
    ...budgetProblems(document, given),
    ...thresholdProblems(document),
    ...connectorProblems(document, given),
    ...serviceProblems(document, given),
    ...pluginProblems(document),
  ];
}

type Document = RuledDocument["document"];

function modeProblems(document: Document): RuleProblem[] {
  const { mode, strategy, static_prefill_replicas, static_decode_replicas } = document;
  const problems: RuleProblem[] = [];
  if (strategy === "sla-compat" && mode !== "disagg") {
    problems.push({
      field: "mode",
      message: `found ${mode} with strategy sla-compat, expected disagg: the planner of 2025 knows nothing else`,
      hint: "use strategy default or load-compat",
    });
  }
  problems.push(...autoscalerProblems(document, ACTIVE_ROLES[mode]));
  if (strategy === "static") {
    for (const role of ACTIVE_ROLES[mode]) {
      if ((role === "prefill" ? static_prefill_replicas : static_decode_replicas) === null) {
        problems.push({ field: `static_${role}_replicas`, message: `strategy static needs static_${role}_replicas` });
      }
    }
  }
  return problems;
}

function profileProblems({ strategy, pre_deployment_sweeping_mode: sweeping }: Document): RuleProblem[] {
  if (sweeping !== "none" || (strategy !== "default" && strategy !== "sla-compat")) return [];
  return [
    {
      field: "pre_deployment_sweeping_mode",
      message: `found none, expected rapid or thorough: strategy ${strategy} plans with a profile`,
      hint: "strategy load-compat learns from live forward passes",
    },
  ];
}

function scalingProblems(document: Document, written: PlannerDocument): RuleProblem[] {
  const problems: RuleProblem[] = [];
  const { strategy, enable_load_scaling: load, enable_throughput_scaling: throughput } = document;
  // `default` needs neither, but a document of Dynamo's that aims at an SLA with neither contradicts itself.
  const needsOne = strategy === "load-compat" || (strategy === "default" && written.optimization_target === "sla");
  if (needsOne && !load && !throughput) {
    problems.push({
      field: "enable_throughput_scaling",
      message: "enable_throughput_scaling and enable_load_scaling are both off, expected at least one of them",
    });
  }
  const loadS = document.load_adjustment_interval_seconds;
  const throughputS = document.throughput_adjustment_interval_seconds;
  if (document.optimization_target === "sla" && load && throughput && loadS >= throughputS) {
    problems.push({
      field: "load_adjustment_interval_seconds",
      message: `found ${loadS}, expected less than throughput_adjustment_interval_seconds (${throughputS}) where both scale`,
    });
  }
  const tickS = document.scheduling.scale_interval_seconds;
  for (const field of intervalsInUse(document, strategy)) {
    const intervalMs = Math.round(Number(document[field]) * 1000);
    if (intervalMs < 1) problems.push({ field, message: "expected at least 0.001 s" });
    if (tickS !== null && (tickS < 0.001 || intervalMs % Math.round(tickS * 1000) !== 0)) {
      problems.push({
        field: "scheduling",
        path: ["scale_interval_seconds"],
        message: `found ${tickS}, expected a whole part of ${field} (${String(document[field])})`,
      });
    }
  }
  const buckets = document.fpm_sample_bucket_size;
  if (!Number.isInteger(Math.sqrt(buckets))) {
    problems.push({
      field: "fpm_sample_bucket_size",
      message: `found ${buckets}, expected a square: they form a grid`,
      hint: `such as ${Math.round(Math.sqrt(buckets)) ** 2}`,
    });
  }
  return problems;
}

function thresholdProblems(document: Document): RuleProblem[] {
  if (document.strategy !== "load-compat" || document.optimization_target !== "load") return [];
  const problems: RuleProblem[] = [];
  const pairs = {
    prefill: ["prefill_scale_up_queue_tokens", "prefill_scale_down_queue_tokens"],
    decode: ["decode_scale_up_kv_rate", "decode_scale_down_kv_rate"],
  } as const;
  for (const role of ACTIVE_ROLES[document.mode]) {
    const [upField, downField] = pairs[role];
    const up = document[upField];
    const down = document[downField];
    for (const [field, value] of [
      [upField, up],
      [downField, down],
    ] as const) {
      if (value === null) problems.push({ field, message: `optimization_target load needs ${field}` });
    }
    if (up !== null && down !== null && up <= down) {
      problems.push({ field: upField, message: `found ${up}, expected more than ${downField} (${down})` });
    }
  }
  return problems;
}

const LOCAL_NEEDS = [
  ["control_url", "UNDERSTUDY_CONTROL_URL"],
  ["graph_deployment_name", "DYN_PARENT_DGD_K8S_NAME"],
] as const;

function connectorProblems(document: Document, given: (field: FieldName) => boolean): RuleProblem[] {
  const problems: RuleProblem[] = [];
  if (document.environment === "global-planner" && document.global_planner_namespace === null) {
    problems.push({
      field: "global_planner_namespace",
      message: "environment global-planner needs global_planner_namespace",
    });
  }
  if (document.environment === "local") {
    for (const [field, variable] of LOCAL_NEEDS) {
      if (document[field] !== null) continue;
      problems.push({
        field,
        message: `environment local needs ${field}`,
        hint: `understudy up sets $${variable} for the planners that it runs`,
      });
    }
  }
  if (document.kubernetes_selector !== null && document.kubernetes_target !== "deployments") {
    problems.push({
      field: "kubernetes_selector",
      message: "found labels with kubernetes_target graph, expected deployments",
      hint: "kubernetes_target: deployments",
    });
  }
  for (const [one, other] of [
    ["metric_pulling_prometheus_token", "metric_pulling_prometheus_token_file"],
    ["api_token", "api_token_file"],
    ["global_planner_token", "global_planner_token_file"],
    ["control_token", "control_token_file"],
  ] as const) {
    if (given(one) && given(other) && document[one] !== null && document[other] !== null) {
      problems.push({ field: one, message: `${one} and ${other} are both given`, hint: "keep one of them" });
    }
  }
  const model = document.aic_perf_model;
  for (const role of model === null ? [] : ACTIVE_ROLES[document.mode]) {
    const pick = `${role}_pick` as const;
    if (model?.[pick] === null || model?.[pick] === undefined) {
      problems.push({
        field: "aic_perf_model",
        path: [pick],
        message: `mode ${document.mode} needs aic_perf_model.${pick}`,
        hint: "such as {tp: 1}",
      });
    }
  }
  return problems;
}

function pluginProblems({ scheduling, plugin_registration: registration }: Document): RuleProblem[] {
  const problems: RuleProblem[] = [];
  const seen = new Set(["builtin_load_predict", "builtin_throughput_propose", "builtin_load_propose"]);
  const lists = [
    ["scheduling", "external_plugins", scheduling.external_plugins],
    ["plugin_registration", "in_process_plugins", registration.in_process_plugins],
  ] as const;
  for (const [field, list, entries] of lists) {
    for (const [i, { plugin_id: id, protocol_version: version }] of entries.entries()) {
      if (seen.has(id)) {
        problems.push({ field, path: [list, i, "plugin_id"], message: `found "${id}" twice, expected another name` });
      }
      seen.add(id);
      const { protocol_version_min: min, protocol_version_max: max } = registration;
      if (older(version, min) || older(max, version)) {
        problems.push({
          field,
          path: [list, i, "protocol_version"],
          message: `found ${version}, expected ${min === max ? min : `${min} to ${max}`}`,
        });
      }
    }
  }
  return problems;
}

function older(one: string, other: string): boolean {
  const [major, minor] = one.split(".").map(Number);
  const [otherMajor, otherMinor] = other.split(".").map(Number);
  return major! < otherMajor! || (major === otherMajor && minor! < otherMinor!);
}
