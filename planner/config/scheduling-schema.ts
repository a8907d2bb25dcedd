import { z } from "zod";

const text = z.string().min(1);
const seconds = z.number().positive();
const secondsOrNone = z.number().min(0);
const version = z.string().regex(/^\d+\.\d+$/, "expected a version such as 1.0");

const pluginBasics = {
  plugin_id: text.describe("Its name; unique"),
  plugin_type: z.enum(["predict", "propose", "reconcile", "constrain"]).describe("Stage that it takes part in"),
  priority: z
    .int()
    .describe("Place within the stage: the smallest counts first; the strategy has 0 in predict, 10 in propose"),
  protocol_version: version.default("1.0").describe("Version of the contract"),
  version: text.default("v1").describe("Its own version, for logs"),
  execution_interval_seconds: secondsOrNone.default(0).describe("Time between calls, s; 0: every tick"),
  hold_policy: z
    .enum(["HOLD_LAST", "ACCEPT_WHEN_IDLE"])
    .default("HOLD_LAST")
    .describe("Between calls: what it said last counts on, or it has no opinion"),
  needs: z
    .array(z.enum(["traffic", "prefill_load", "decode_load", "forward_passes"]))
    .default([])
    .describe("Parts of the observation that it is sent; none: all"),
  requires_produced_fields: z
    .array(z.enum(["predictions"]))
    .default([])
    .describe("What must have been produced before, or it is not asked: `predictions`, a forecast"),
  observation_window_seconds: secondsOrNone
    .default(0)
    .describe("Window of the traffic that it is sent, s; 0: the tick's"),
};

/** A plugin that is reached over HTTP. Dynamo's are reached by gRPC, which is not spoken here. */
export const externalPluginSchema = z.strictObject({
  ...pluginBasics,
  endpoint: z
    .string()
    .regex(/^https?:\/\//, "expected http://… or https://…: gRPC is not spoken here, plugins are reached over HTTP")
    .describe("Address, such as `http://127.0.0.1:9100`"),
  auth_token: z.string().default("").describe("Bearer token that it asks for; empty: none"),
});

/** A plugin that is an ES module. */
export const inProcessPluginSchema = z.strictObject({
  ...pluginBasics,
  module: text.describe("File of the module, or name of a package; its default export makes the plugin"),
  options: z.record(z.string(), z.unknown()).default({}).describe("Handed to the module as they are"),
});

const gatewaySchema = z.strictObject({
  enabled: z
    .literal(false, "expected false: plugins do not register themselves here, name them in external_plugins")
    .default(false)
    .describe("Plugins may register themselves while the planner runs; not offered here"),
  listen: text
    .default("unix:///var/run/dynamo/planner/registry.sock")
    .describe("Where they do: `unix:///path` or `http://127.0.0.1:port`"),
  allow_insecure: z.boolean().default(false).describe("Without authentication"),
});

export const schedulingSchema = z.strictObject({
  scale_interval_seconds: seconds
    .nullable()
    .default(null)
    .describe("Time between ticks, s; null: the greatest that divides the intervals in use"),
  tick_max_duration_seconds: seconds.default(30).describe("Longest a tick may take, s; then it is given up"),
  external_plugins: z.array(externalPluginSchema).default([]).describe("Plugins over HTTP"),
  gateway: gatewaySchema.prefault({}).describe("Registration of plugins; not offered here"),
});

/** What Dynamo has in these sections beyond the keys named here is kept and has no effect. */
export const pluginRegistrationSchema = z.looseObject({
  auth: z
    .looseObject({
      trusted_sources: z.array(text).default([]).describe("Addresses that may register"),
      static_secrets: z.record(z.string(), z.string()).default({}).describe("Secrets by plugin"),
    })
    .prefault({})
    .describe("Who may register"),
  transport: z
    .looseObject({ request_timeout_seconds: seconds.default(5).describe("Longest wait for a plugin's answer, s") })
    .prefault({})
    .describe("How plugins are asked"),
  protocol_version_min: version.default("1.0").describe("Oldest contract that is accepted"),
  protocol_version_max: version.default("1.0").describe("Newest contract that is accepted"),
  heartbeat_timeout_seconds: seconds.default(15).describe("Longest time between signs of life, s"),
  heartbeat_missed_threshold: z.int().min(1).default(2).describe("Missing signs of life after which it is left out"),
  in_process_plugins: z.array(inProcessPluginSchema).default([]).describe("Plugins that are ES modules"),
  admin: z
    .looseObject({ mode: text.default("allow_all").describe("Who may list and remove plugins") })
    .prefault({})
    .describe("Administration"),
});
