/**
 * Searches the best static deployments of library scenarios and keeps them in scenarios/library/best-static.json, so that a
 * first run can show them at once: `node scripts/cache-best-static.ts [NAME…]` (without names: the main scenario alone).
 * Run it again when the simulator or a shipped profile changes its results; a test compares.
 */
import { fileURLToPath } from "node:url";
import { writeFileAtomically } from "#common";
import { plannerConfigSchema } from "#planner/core";
import { readScenario } from "#scenarios";
import type { BestStatic } from "#src/record";
import { bestStaticOf, prepareRehearsal, staticCacheKey } from "#src/rehearsal";

const LIBRARY = new URL("../scenarios/library/", import.meta.url);

const names = process.argv.slice(2);
const found: Record<string, BestStatic & { scenario: string }> = {};
for (const name of names.length > 0 ? names : ["sin-5-45-i3000-o300"]) {
  const file = fileURLToPath(new URL(`${name}.yaml`, LIBRARY));
  const rehearsal = prepareRehearsal(readScenario(file, { plannerSchema: plannerConfigSchema }));
  const best = bestStaticOf(rehearsal, (tried) => process.stderr.write(`${name}: ${tried} deployments tried\n`));
  found[staticCacheKey(rehearsal)] = { scenario: name, ...best };
  process.stdout.write(`${name}: ${JSON.stringify(best)}\n`);
}
writeFileAtomically(fileURLToPath(new URL("best-static.json", LIBRARY)), `${JSON.stringify(found, null, 2)}\n`);
