import type { Command } from "commander";

/** Subcommands by name, each behind the import of its module. */
export type CommandTable = Readonly<Record<string, () => Promise<Command>>>;

/** In the order in which help shows them; a run loads the module of its own subcommand alone. */
export const COMMAND_TABLE: CommandTable = {
  start: async () => (await import("./commands/start.ts")).startCommand(),
  run: async () => (await import("./commands/run.ts")).runCommand(),
  sweep: async () => (await import("./commands/sweep.ts")).sweepCommand(),
  search: async () => (await import("./commands/search.ts")).searchCommand(),
  replay: async () => (await import("./commands/replay.ts")).replayCommand(),
  judge: async () => (await import("./commands/judge.ts")).judgeCommand(),
  up: async () => (await import("./commands/up.ts")).upCommand(),
  status: async () => (await import("./commands/status.ts")).statusCommand(),
  scale: async () => (await import("./commands/scale.ts")).scaleCommand(),
  logs: async () => (await import("./commands/logs.ts")).logsCommand(),
  down: async () => (await import("./commands/down.ts")).downCommand(),
  frontend: async () => (await import("./commands/frontend.ts")).frontendCommand(),
  load: async () => (await import("./commands/load.ts")).loadCommand(),
  mocker: async () => (await import("./commands/mocker.ts")).mockerCommand(),
  planner: async () => (await import("./commands/planner.ts")).plannerCommand(),
  "global-planner": async () => (await import("./commands/global-planner.ts")).globalPlannerCommand(),
  profile: async () => (await import("./commands/profile.ts")).profileCommand(),
  "profile-endpoint": async () => (await import("./commands/profile-endpoint.ts")).profileEndpointCommand(),
  estimate: async () => (await import("./commands/estimate.ts")).estimateCommand(),
  profiles: async () => (await import("./commands/profiles.ts")).profilesCommand(),
  manifests: async () => (await import("./commands/manifests.ts")).manifestsCommand(),
  trace: async () => (await import("./commands/trace.ts")).traceCommand(),
  shard: async () => (await import("./commands/shard.ts")).shardCommand(),
  conformance: async () => (await import("./commands/conformance.ts")).conformanceCommand(),
};
