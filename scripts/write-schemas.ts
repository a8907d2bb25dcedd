/** Writes the JSON Schemas that editors use: `node scripts/write-schemas.ts`. A test keeps them up to date. */
import { writeFileSync } from "node:fs";
import { z } from "zod";
import { plannerJsonSchema } from "#planner/config";
import { plannerConfigSchema } from "#planner/core";
import { scenarioSchema } from "#scenarios";
import { editorSchemas } from "#src/profiler";
import { reportSchema } from "#src/report";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Published schemas by path in the project. */
export function schemas(): Record<string, string> {
  const scenario = z.toJSONSchema(scenarioSchema(plannerConfigSchema), {
    io: "input",
    target: "draft-7",
  });
  const shared = shareRepeated(scenario as Json);
  const { dgdr, profilingConfig } = editorSchemas();
  const report = shareRepeated(z.toJSONSchema(reportSchema, { target: "draft-7" }) as Json);
  const $schema = "http://json-schema.org/draft-07/schema#";
  const request = (schema: Json) => `${JSON.stringify({ $schema, ...shareRepeated(schema) }, null, 1)}\n`;
  return {
    "planner/config/planner.schema.json": request(plannerJsonSchema() as Json),
    "src/profiler/config/dgdr.schema.json": request(dgdr as Json),
    "src/profiler/config/profiling-config.schema.json": request(profilingConfig as Json),
    "src/report/report.schema.json": `${JSON.stringify({ title: "Understudy report", ...report }, null, 1)}\n`,
    "scenarios/scenario.schema.json": `${JSON.stringify({ title: "Understudy scenario", ...shared }, null, 1)}\n`,
  };
}

/** Subschemas worth a definition of their own, characters of JSON. */
const WORTH_SHARING = 300;

/** Moves what stands in several places to `definitions`, under the name of the first key that led there. */
function shareRepeated(root: Json): { [key: string]: Json } {
  const uses = new Map<string, number>();
  walk(root, (node) => {
    const text = JSON.stringify(node);
    if (text.length >= WORTH_SHARING) uses.set(text, (uses.get(text) ?? 0) + 1);
  });
  const names = new Map<string, string>();
  const definitions: { [key: string]: Json } = {};
  const rewrite = (node: Json, key: string): Json => {
    if (Array.isArray(node)) return node.map((item) => rewrite(item, key));
    if (typeof node !== "object" || node === null) return node;
    const text = JSON.stringify(node);
    const content = () =>
      Object.fromEntries(Object.entries(node).map(([name, value]) => [name, rewrite(value, nameBelow(key, name))]));
    // The properties of something may be called `type`, too.
    const isSchema = typeof node.type === "string" || Array.isArray(node.type) || Array.isArray(node.anyOf);
    if ((uses.get(text) ?? 0) < 2 || !isSchema) return content();
    let name = names.get(text);
    if (name === undefined) {
      name = key in definitions ? `${key}${names.size}` : key;
      names.set(text, name);
      definitions[name] = {};
      definitions[name] = content();
    }
    return { $ref: `#/definitions/${name}` };
  };
  return { ...(rewrite(root, "scenario") as { [key: string]: Json }), definitions };
}

function walk(node: Json, visit: (node: Json) => void): void {
  if (typeof node !== "object" || node === null) return;
  if (!Array.isArray(node)) visit(node);
  for (const child of Object.values(node)) walk(child, visit);
}

/** JSON Schema's own words name nothing. */
function nameBelow(key: string, name: string): string {
  return /^(anyOf|items|properties|additionalProperties)$/.test(name) ? key : name;
}

if (import.meta.main) {
  for (const [path, text] of Object.entries(schemas())) {
    writeFileSync(new URL(`../${path}`, import.meta.url), text);
    process.stderr.write(`${path}: ${text.length} bytes\n`);
  }
}
