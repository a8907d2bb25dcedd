/**
 * Tools that tests and benchmarks need and that npm doesn't bring: a Python with packages, a Chromium, a Prometheus. Each is
 * looked for, else fetched once into the cache; where it can't be had, ToolMissing says why.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { debianPrograms } from "./debian-packages.ts";
import { findOnPath, INSTALL_TIMEOUT_MS, lastLines, once, ToolMissing, toolCache } from "./tool-cache.ts";

export { ToolMissing, toolCache };

const run = promisify(execFile);
export interface PythonVenvOptions {
  /** Install exactly the given packages, without what they depend on. */
  noDependencies?: boolean;
  /** Packages to install beside them, without what they depend on. */
  alone?: readonly string[];
}

/**
 * Path of the Python of a virtual environment that holds `packages` (pip requirements such as `numpy` or `scipy==1.16.0`),
 * made on first use and cached by its list of packages. Several processes may ask at once: one makes it, the others wait.
 * @throws ToolMissing without Python 3.10 or newer, or where pip can't install the packages
 */
export async function ensurePythonVenv(packages: readonly string[], options: PythonVenvOptions = {}): Promise<string> {
  const base = await findPython();
  const wanted = [...packages].sort();
  const alone = [...(options.alone ?? [])].sort();
  const flags = options.noDependencies ? ["--no-deps"] : [];
  const key = createHash("sha256")
    .update(JSON.stringify([base.version, ...flags, wanted, ...alone]))
    .digest("hex")
    .slice(0, 12);
  const label = wanted.map((name) => name.replace(/[^A-Za-z0-9.]+/g, "-")).join("_");
  const folder = toolCache("python", `${label.slice(0, 60) || "bare"}-${key}`);
  const python = join(folder, "bin", "python");
  await once(folder, async () => {
    try {
      await run(base.path, ["-m", "venv", folder], { timeout: INSTALL_TIMEOUT_MS });
      if (wanted.length > 0) await pipInstall(python, [...flags, ...wanted]);
      if (alone.length > 0) await pipInstall(python, ["--no-deps", ...alone]);
    } catch (error) {
      throw new ToolMissing(
        `Python packages ${[...wanted, ...alone].join(", ")} can't be installed: ${lastLines(error)}`,
      );
    }
  });
  return python;
}

async function pipInstall(python: string, packages: readonly string[]): Promise<void> {
  const flags = ["--quiet", "--disable-pip-version-check", "--no-input"];
  const options = { timeout: INSTALL_TIMEOUT_MS, maxBuffer: 1 << 26 };
  await run(python, ["-m", "pip", "install", ...flags, ...packages], options);
}

/**
 * Path of a Chromium: the system's (or $UNDERSTUDY_CHROMIUM), else installed with apt as root, else Debian's packages unpacked
 * into the cache.
 * @throws ToolMissing where none of these works
 */
export async function ensureChromium(): Promise<string> {
  const named = process.env.UNDERSTUDY_CHROMIUM;
  if (named) {
    if (existsSync(named)) return named;
    throw new ToolMissing(`UNDERSTUDY_CHROMIUM names ${named}, which does not exist`);
  }
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const installed = findOnPath(names);
  if (installed !== undefined) return installed;
  const { chromium } = await debianPrograms({
    packages: ["chromium"],
    programs: { chromium: "usr/lib/chromium/chromium" },
    names: { chromium: names },
  });
  return chromium;
}

/**
 * Paths of Prometheus and its promtool: the system's, else Debian's package unpacked into the cache. It is never installed,
 * because that would start a service.
 * @throws ToolMissing where neither works
 */
export async function ensurePrometheus(): Promise<{ prometheus: string; promtool: string }> {
  const [prometheus, promtool] = [findOnPath(["prometheus"]), findOnPath(["promtool"])];
  if (prometheus !== undefined && promtool !== undefined) return { prometheus, promtool };
  return debianPrograms({
    packages: ["prometheus"],
    programs: { prometheus: "usr/bin/prometheus", promtool: "usr/bin/promtool" },
    unpackOnly: true,
  });
}

/**
 * Path of etcd 3.4 or newer: the system's, else Debian's package unpacked into the cache. It is never installed, because that
 * would start a service.
 * @throws ToolMissing where neither works
 */
export async function ensureEtcd(): Promise<string> {
  const found = findOnPath(["etcd"]);
  if (found !== undefined) return found;
  const { etcd } = await debianPrograms({
    packages: ["etcd-server"],
    programs: { etcd: "usr/bin/etcd" },
    unpackOnly: true,
  });
  return etcd;
}

async function findPython(): Promise<{ path: string; version: string }> {
  const names = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
  const seen: string[] = [];
  for (const name of names) {
    const path = findOnPath([name]);
    if (path === undefined) continue;
    const probe = await run(path, ["-c", "import sys; print(sys.version_info[0], sys.version_info[1])"]).catch(
      () => undefined,
    );
    const [major = 0, minor = 0] = probe?.stdout.trim().split(" ").map(Number) ?? [];
    if (major === 3 && minor >= 10) return { path, version: `3.${minor}` };
    seen.push(`${name} is ${major}.${minor}`);
  }
  throw new ToolMissing(`Python 3.10 or newer is not on PATH${seen.length > 0 ? ` (${seen.join(", ")})` : ""}`);
}
