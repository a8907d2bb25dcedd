import { wallClock } from "#common";
import { BearerTokens } from "#common/http";
import { type PlannerServiceConfig, type ReadPlannerConfig, requireMinimum } from "#planner/config";
import { realPace } from "#planner/connectors";
import { createPlanner, surfaceFamilyOf } from "#planner/core";
import {
  controlApp,
  type DashboardPage,
  dashboardApp,
  listenAt,
  MinimumEndpoints,
  metricsApp,
  PlannerMetrics,
  PlannerService,
  PluginLog,
  PluginMetrics,
  type ServiceLog,
  type TickingPlanner,
} from "#planner/service";
import { Fleet } from "#planner/sources";
import { buildSurface } from "#profiles";
import { type PlannerPageInput, plannerContent, plannerFragment, plannerPage } from "#src/report";
import { type DeploymentOptions, type OpenDeployment, openDeployment } from "./connector.ts";
import { plannerContext, strategyConfig } from "./core-config.ts";
import { passModels } from "./estimated-engines.ts";
import { atFieldOf } from "./fields.ts";
import { withPlugins } from "./plugins.ts";
import { plannerProfile } from "./profile.ts";
import { apiTokens, cannotListen, reportsIn } from "./service-parts.ts";
import { sourceOf } from "./source.ts";

/** Ticks that the dashboard shows, the last ones; a report has all since the report before. */
const DASHBOARD_TICKS = 5_000;
/** How often is looked whether a report is due, ms. */
const REPORT_LOOK_MS = 10_000;

/** A planner with all around it that makes it a service. */
export interface AssembledPlanner {
  /** Listens, and begins. @throws UserError */
  start(): Promise<void>;
  /** Ends after the tick under way, gives the lead away, writes the report. */
  stop(): Promise<string[]>;
}

/** Opens the deployment and puts the service together. @throws UserError for what can't be planned with */
export async function assemblePlanner(read: ReadPlannerConfig, log: ServiceLog): Promise<AssembledPlanner> {
  const { config, notes } = read;
  for (const note of notes) log.info(note);
  strategyConfig(config);
  const profile = await plannerProfile(read, log.info);
  const { frontendUrls: frontends, workerUrls: workers } = config.metrics;
  const role = config.mode === "disagg" ? null : config.mode === "prefill" ? "prefill" : "decode";
  const fleet = new Fleet({ frontends, workers, role });
  const deployment = await atFieldOf(read.place("kubeconfig"), "PLANNER_KUBERNETES_NO_CLUSTER", () =>
    openDeployment(config, { fleet, profile, log }),
  );
  try {
    return await assembleFor(deployment, read, { fleet, profile, log });
  } catch (error) {
    await deployment.connector.close();
    throw error;
  }
}

async function assembleFor(
  { connector, leadership, config }: OpenDeployment,
  read: ReadPlannerConfig,
  { fleet, profile, log }: DeploymentOptions,
): Promise<AssembledPlanner> {
  const clock = wallClock(config.service.timeScale);
  const strategy = strategyConfig(config);
  const context = { ...plannerContext({ ...read, config }, profile), ...passModels(config, log.warn) };
  requireMinimum(read, context.gpusPerWorker);
  const surface = profile === null ? null : buildSurface(profile, surfaceFamilyOf(strategy.strategy));
  const planner = await atFieldOf(read.place("plugin_registration"), "PLANNER_PLUGIN_UNUSABLE", () =>
    withPlugins(createPlanner(strategy, context, surface), config, context, clock, (audit, plugged, decision) => {
      pluginMetrics.record(audit, plugged, decision);
      pluginLog.record(audit, decision);
    }),
  );
  const source = sourceOf({ config, origins: read.origins }, { clock, fleet, profile, log });
  const { budget, engine, service: settings } = config;
  const minimum = new MinimumEndpoints(planner, {
    mode: config.mode,
    initial: budget.minEndpoints,
    gpusPerWorker: context.gpusPerWorker,
    maxGpus: budget.maxGpus,
    powerPerWorker: engine.powerWatts,
    powerLimitWatts: budget.powerLimitWatts,
  });
  const metrics = new PlannerMetrics(() => service, {
    sla: config.sla,
    power:
      budget.powerLimitWatts === null ? null : { limitWatts: budget.powerLimitWatts, perWorker: engine.powerWatts },
  });
  const pluginMetrics = new PluginMetrics(metrics.registry);
  const pluginLog = new PluginLog(log);
  const rankKvTokens = context.kvTokensPerRank ?? surface?.maxKvTokens;
  const maxKvTokens = rankKvTokens === undefined ? null : rankKvTokens * (context.ranksPerWorker?.decode ?? 1);
  const page = pageOf({ config, planner, maxKvTokens }, () => service);
  const diagnostics = reportsIn(read.place("report_output_dir"), {
    folder: settings.report.folder,
    filename: settings.report.filename,
    writeLog: settings.report.gzipLog,
    metadata: { strategy: planner.strategy, mode: config.mode, sla: config.sla, namespace: config.namespace },
    page: page.report,
    warn: (text) => log.warn(text),
    nowUnixMs: () => clock.toUnixMs(clock.nowMs()),
  });
  const tokens = new BearerTokens(apiTokens(config, read.place("api_token_file")));
  const { listenHost: host } = settings;
  const dashboard = dashboardApp({ page, tokens, names: [host] });
  const service: PlannerService = new PlannerService({
    planner,
    source,
    connector,
    ...(leadership === undefined ? {} : { leadership }),
    settleMs: config.connector.maxWaitMs / clock.timeScale,
    clock,
    sleep: realPace.sleep,
    gpusPerWorker: context.gpusPerWorker,
    advisory: settings.advisory,
    tickMaxDurationMs: settings.tickMaxDurationMs,
    log,
    onSnapshot: (snapshot, observation) => {
      metrics.record(snapshot, observation);
      diagnostics.record(snapshot);
      dashboard.tick(snapshot.tick);
    },
  });
  const control = controlApp({ service, minimum, metrics, tokens, names: [host] });
  const reporting = metricsApp({ metrics, tokens: new BearerTokens([]), names: [host] });
  const close = () => Promise.all([control.close(), reporting.close(), dashboard.app.close(), fleet.close()]);
  let reportTimer: NodeJS.Timeout | undefined;

  return {
    async start() {
      await service.start();
      const listening = [
        ["control API", control, settings.controlPort, "control_api_port"],
        ["dashboard", dashboard.app, settings.dashboardPort, "live_dashboard_port"],
        ["metrics", reporting, config.metrics.reportingPort, "metric_reporting_prometheus_port"],
      ] as const;
      for (const [name, app, port, field] of listening) {
        if (port === null) continue;
        try {
          log.info(`${name} on ${await listenAt(app, host, port)}`);
        } catch (error) {
          await service.stop();
          await close();
          throw cannotListen(
            { name, host, port, places: { host: read.place("listen_host"), port: read.place(field) } },
            error,
          );
        }
      }
      const { intervalMs } = settings.report;
      if (intervalMs !== null) {
        let reportedMs = clock.nowMs();
        const reportIfDue = () => {
          if (clock.nowMs() - reportedMs < intervalMs) return;
          reportedMs = clock.nowMs();
          diagnostics.report().then(
            (paths) => (paths.length === 0 ? undefined : log.info(`report: ${paths.join(", ")}`)),
            (error: Error) => log.warn(`the report can't be written: ${error.message}`),
          );
        };
        // Timers hold no more than 24.8 days.
        reportTimer = setInterval(reportIfDue, Math.min(intervalMs, REPORT_LOOK_MS));
        reportTimer.unref();
      }
    },
    async stop() {
      clearInterval(reportTimer);
      await service.stop();
      await close();
      return diagnostics.report();
    },
  };
}

function pageOf(
  {
    config,
    planner,
    maxKvTokens,
  }: { config: PlannerServiceConfig; planner: TickingPlanner; maxKvTokens: number | null },
  service: () => PlannerService,
): DashboardPage & { report(afterTick: number): string } {
  const input = (ticks: PlannerPageInput["ticks"], isLive: boolean): PlannerPageInput => ({
    name: config.modelName ?? config.connector.graphDeploymentName ?? config.namespace,
    facts: [
      ["strategy", planner.strategy],
      ["SLA", `TTFT ≤ ${config.sla.ttftMs} ms, ITL ≤ ${config.sla.itlMs} ms`],
      ["mode", config.mode],
      ["environment", config.service.advisory ? `${config.environment}, advisory` : config.environment],
      ["interval", `${planner.intervalMs / 1000} s`],
      ["budget", config.budget.maxGpus === null ? "no limit" : `${config.budget.maxGpus} GPUs`],
    ],
    mode: config.mode,
    sla: config.sla,
    maxKvTokens,
    ticks,
    isLive,
  });
  const now = () => input(service().snapshots.since(0, DASHBOARD_TICKS), true);
  return {
    whole: () => plannerPage(now()),
    content: () => plannerContent(now()),
    fragment: (name) => plannerFragment(now(), name),
    report: (afterTick) => plannerPage(input(service().snapshots.since(afterTick, Number.POSITIVE_INFINITY), false)),
  };
}
