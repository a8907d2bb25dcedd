import type { FastifyInstance, FastifyReply } from "fastify";
import type { z } from "zod";
import { schemaProblems } from "#common/documents";
import { PROMETHEUS_CONTENT_TYPE } from "#common/prometheus";
import {
  DEPLOYMENT_PATH,
  deploymentQuestionSchema,
  SCALE_PATH,
  scaleRequestSchema,
  type WireDeploymentAnswer,
  type WireScaleAnswer,
  type WireScaleRequest,
} from "#planner/connectors";
import type { Role, Targets } from "#planner/core";
import { ControlRefused, type ServerOptions, serviceServer } from "#planner/service";
import { RequestRefused } from "./errors.ts";
import type { GlobalPlanner } from "./global-planner.ts";
import type { GlobalPlannerMetrics } from "./metrics.ts";
import type { DeploymentAddress, GlobalAnswer, GlobalRequest } from "./types.ts";

export interface GlobalAppOptions extends ServerOptions {
  planner: GlobalPlanner;
  metrics: GlobalPlannerMetrics;
}

const MOST_DECISIONS = 100;

/** The global planner over HTTP: requests to scale, what it knows and has decided, its health and metrics. */
export function globalPlannerApp({ planner, metrics, ...options }: GlobalAppOptions): FastifyInstance {
  const app = serviceServer({ ...options, open: ["/health", "/ready"] });

  app.get("/health", async () => ({
    status: "healthy",
    component: "GlobalPlanner",
    managed_namespaces: planner.settings.managedNamespaces ?? "all",
  }));
  app.get("/ready", (_request, reply) => {
    const ready = planner.isLeader;
    return reply.code(ready ? 200 : 503).send({ ready, leader: ready });
  });
  app.get("/metrics", (_request, reply) => reply.type(PROMETHEUS_CONTENT_TYPE).send(metrics.registry.text()));

  app.post(SCALE_PATH, async (request, reply) => {
    const wire = checked(scaleRequestSchema, request.body, "the body");
    try {
      return wireAnswer(await planner.scale(requestOf(wire), untilGone(reply)));
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error;
      if (error.status === 429 || error.status === 503) reply.header("retry-after", "1");
      const answer: WireScaleAnswer = { status: "error", message: error.message, current_replicas: {} };
      return reply.code(error.status).send({ ...answer, error: error.message });
    }
  });

  app.get(DEPLOYMENT_PATH, async (request, reply) => {
    const question = checked(deploymentQuestionSchema, request.query, "the query");
    try {
      const state = await planner.look(addressOf(question), [...new Set(question.roles.split(","))] as Role[]);
      const answer: WireDeploymentAnswer = {
        ready: state.ready,
        not_ready_reason: state.notReadyReason,
        model: state.model,
        roles: Object.fromEntries(
          Object.values(state.roles).map(({ role, component, desired, ready, stable, gpusPerReplica }) => [
            role,
            { component, desired, ready, stable, gpus_per_replica: gpusPerReplica },
          ]),
        ),
      };
      return answer;
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error;
      return reply.code(error.status).send({ error: error.message });
    }
  });

  app.get("/v1/state", async () => stateOf(planner));
  app.get("/v1/decisions", async (request) => {
    const { after = "0", limit = "20" } = request.query as Record<string, string>;
    const [from, most] = [wholeNumber("after", after), wholeNumber("limit", limit)];
    const found = planner.decisions.filter(({ number }) => number > from);
    return { decisions: most === 0 ? [] : found.slice(-Math.min(most, MOST_DECISIONS)) };
  });
  return app;
}

function stateOf(planner: GlobalPlanner) {
  const { settings, deployments, totalGpus, waiting, kind } = planner;
  return {
    environment: kind,
    leader: planner.isLeader,
    no_operation: settings.noOperation,
    managed_namespaces: settings.managedNamespaces ?? "all",
    min_total_gpus: settings.band.minGpus,
    max_total_gpus: settings.band.maxGpus,
    intent_cache_ttl_seconds: settings.intentTtlMs / 1000,
    /** Null: not known of all. */
    total_gpus: totalGpus,
    waiting_requests: waiting,
    deployments: deployments.all.map(({ known, state, isSeen, gpus }) => ({
      id: known.id,
      caller_namespace: known.address.callerNamespace,
      k8s_namespace: known.address.kubernetesNamespace,
      graph_deployment_name: known.address.name,
      other_gpus: known.otherGpus,
      seen: isSeen,
      ready: state?.ready ?? null,
      roles: Object.fromEntries(
        Object.values(state?.roles ?? {}).map(({ role, desired, ready, gpusPerReplica }) => [
          role,
          { desired, ready, gpus_per_replica: gpusPerReplica ?? gpus[role] ?? settings.defaultGpus[role] ?? null },
        ]),
      ),
    })),
    intents: planner.freshIntents,
    decisions: planner.decisions.slice(-20),
  };
}

function requestOf(wire: WireScaleRequest): GlobalRequest {
  const targets: Partial<Targets> = {};
  const gpusPerReplica: Partial<Targets> = {};
  for (const { sub_component_type: role, desired_replicas: count, gpus_per_replica: gpus } of wire.target_replicas) {
    targets[role] = count;
    if (gpus !== null && gpus !== undefined) gpusPerReplica[role] = gpus;
  }
  return {
    address: addressOf(wire),
    targets,
    gpusPerReplica,
    blocking: wire.blocking,
    askedAtMs: wire.timestamp == null ? null : wire.timestamp * 1000,
    predictedLoad: wire.predicted_load ?? null,
    reason: wire.reason ?? null,
  };
}

function addressOf(wire: {
  caller_namespace: string;
  k8s_namespace: string;
  graph_deployment_name: string;
}): DeploymentAddress {
  return {
    callerNamespace: wire.caller_namespace,
    kubernetesNamespace: wire.k8s_namespace,
    name: wire.graph_deployment_name,
  };
}

function wireAnswer({ status, message, currentReplicas, outcome }: GlobalAnswer): WireScaleAnswer {
  return { status, message, current_replicas: currentReplicas, outcome };
}

/** Aborted as soon as the caller's connection is closed before it has its answer. */
function untilGone({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once("close", () => {
    if (!raw.writableEnded) gone.abort();
  });
  return gone.signal;
}

/** @throws ControlRefused 400 that names every field */
function checked<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.infer<Schema> {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const problems = schemaProblems(schema, value, read.error);
  const said = problems.slice(0, 10).map(({ path, message }) => `${path.join(".") || what}: ${message}`);
  throw new ControlRefused(400, said.join("; "));
}

function wholeNumber(name: string, text: unknown): number {
  if (typeof text === "string" && /^\d{1,12}$/.test(text)) return Number(text);
  throw new ControlRefused(400, `${name}: found ${JSON.stringify(text)}, expected a whole number`);
}
