/**
 * Makes the shipped profiles (profiles/data) by sampling aiconfigurator's estimates at the points that the SLA profiler would
 * measure. Without names all are made. The same recipe and packages give the same file but for its date.
 *
 *     node scripts/make-profiles.ts [--date YYYY-MM-DD] [NAME…]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { saveProfileJson } from "#profiles";
import { AICONFIGURATOR_PACKAGES, type AiconfiguratorClient, startAiconfigurator } from "#src/estimator";
import { estimateProfile } from "#src/profiler";
import { type ProfileRecipe, SHIPPED_PROFILES, SHIPPED_SAMPLING } from "./profile-recipes.ts";
import { ensurePythonVenv } from "./test-tools.ts";

const project = fileURLToPath(new URL("..", import.meta.url));
const { version } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { version: string };
const { values, positionals } = parseArgs({
  options: { date: { type: "string", default: new Date().toISOString().slice(0, 10) } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !SHIPPED_PROFILES.some((recipe) => recipe.name === name));
if (unknown.length > 0) {
  console.error(`no recipe for ${unknown.join(", ")}; recipes: ${SHIPPED_PROFILES.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

const client = startAiconfigurator(await ensurePythonVenv(AICONFIGURATOR_PACKAGES));
try {
  for (const recipe of SHIPPED_PROFILES) {
    if (positionals.length === 0 || positionals.includes(recipe.name)) await make(client, recipe, values.date);
  }
} finally {
  await client.close();
}

async function make(from: AiconfiguratorClient, recipe: ProfileRecipe, date: string): Promise<void> {
  const { name, gpu, engine } = recipe;
  const estimator = await from.open(engine);
  const { facts } = estimator;
  const formats = Object.entries(facts.quantization).map(([part, mode]) => `${part} ${mode}`);
  const { profile, warnings } = await estimateProfile(estimator, {
    name,
    ...SHIPPED_SAMPLING,
    provenance: {
      model: engine.model,
      gpu,
      backend: engine.backend,
      parallelism: engine.parallelism,
      date,
      tool: `llm-understudy ${version} with ${facts.source}`,
      note: `${formats.join(", ")}; memory fraction ${facts.memoryFraction}; GPU time alone: no HTTP, scheduler or host time`,
    },
  });
  for (const warning of warnings) console.error(`${name}: ${warning}`);
  const [path] = saveProfileJson(profile, join(project, "profiles", "data", name, "profile.json"));
  console.error(`${path}: KV ${profile.decode.maxKvTokens} tokens; ${profile.provenance.note}`);
}
