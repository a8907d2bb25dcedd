/**
 * The definitions of PodMonitor and its kin, out of the Go module of the Prometheus operator, fetched once into the cache.
 * `node scripts/monitoring-crds.ts` prints their folder.
 */
import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { downloadModule, findGo } from "./go.ts";
import { INSTALL_TIMEOUT_MS, lastLines, once, ToolMissing, toolCache } from "./tool-cache.ts";

/** A version that Go's module proxy has whole. */
const VERSION = "v0.85.0";
const MODULE = "github.com/prometheus-operator/prometheus-operator";
const FOLDER = "example/prometheus-operator-crd";

/** Folder of `monitoring.coreos.com_<plural>.yaml`. @throws ToolMissing without Go, or where the module can't be had */
export async function ensureMonitoringCrds(): Promise<string> {
  const folder = toolCache("monitoring-crds", VERSION);
  await once(folder, async () => {
    const go = findGo();
    if (go === undefined) throw new ToolMissing("the monitoring definitions come by Go, and there is none");
    try {
      mkdirSync(folder, { recursive: true });
      const { Dir } = await downloadModule(go, `${MODULE}@${VERSION}`, folder, INSTALL_TIMEOUT_MS);
      const source = join(Dir, FOLDER);
      for (const name of readdirSync(source)) copyFileSync(join(source, name), join(folder, name));
    } catch (error) {
      throw new ToolMissing(`${MODULE} ${VERSION} can't be had: ${lastLines(error)}`);
    }
  });
  return folder;
}

if (import.meta.main) console.log(await ensureMonitoringCrds());
