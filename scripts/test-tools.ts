/**
 * Tools that tests and benchmarks need and that npm doesn't bring: a Python with packages, a Chromium. Each is looked for,
 * else fetched once into the cache (`${XDG_CACHE_HOME:-~/.cache}/understudy`); where it can't be had, ToolMissing says why.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const MINUTE_MS = 60_000;
const INSTALL_TIMEOUT_MS = 15 * MINUTE_MS;
/** The holder of a lock touches it this often; a lock untouched for three times as long has lost its holder. */
const LOCK_TOUCH_MS = 5_000;

/** A tool can't be had on this machine; the message is a reason to skip, fit to be shown. */
export class ToolMissing extends Error {
  override readonly name = "ToolMissing";
}

/** The folder of what tests and benchmarks fetch once. */
export function toolCache(...parts: string[]): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "understudy", ...parts);
}

export interface PythonVenvOptions {
  /** Install exactly the given packages, without what they depend on. */
  noDependencies?: boolean;
}

/**
 * Path of the Python of a virtual environment that holds `packages` (pip requirements such as `numpy` or `scipy==1.16.0`),
 * made on first use and cached by its list of packages. Several processes may ask at once: one makes it, the others wait.
 * @throws ToolMissing without Python 3.10 or newer, or where pip can't install the packages
 */
export async function ensurePythonVenv(packages: readonly string[], options: PythonVenvOptions = {}): Promise<string> {
  const base = await findPython();
  const wanted = [...packages].sort();
  const flags = options.noDependencies ? ["--no-deps"] : [];
  const key = createHash("sha256")
    .update(JSON.stringify([base.version, ...flags, wanted]))
    .digest("hex")
    .slice(0, 12);
  const label = wanted.map((name) => name.replace(/[^A-Za-z0-9.]+/g, "-")).join("_");
  const folder = toolCache("python", `${label.slice(0, 60) || "bare"}-${key}`);
  const python = join(folder, "bin", "python");
  await once(folder, async () => {
    try {
      await run(base.path, ["-m", "venv", folder], { timeout: INSTALL_TIMEOUT_MS });
      if (wanted.length > 0) {
        const pip = [
          "-m",
          "pip",
          "install",
          "--quiet",
          "--disable-pip-version-check",
          "--no-input",
          ...flags,
          ...wanted,
        ];
        await run(python, pip, { timeout: INSTALL_TIMEOUT_MS, maxBuffer: 1 << 26 });
      }
    } catch (error) {
      throw new ToolMissing(`Python packages ${wanted.join(", ")} can't be installed: ${lastLines(error)}`);
    }
  });
  return python;
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
  return (
    findOnPath(names) ?? (await debianTool({ packages: ["chromium"], binary: "usr/lib/chromium/chromium", names }))
  );
}

interface DebianTool {
  packages: readonly string[];
  /** Where the unpacked packages hold the program itself, relative to the root. */
  binary: string;
  /** What it is called on PATH once it is installed. */
  names: readonly string[];
}

async function debianTool(tool: DebianTool): Promise<string> {
  const what = tool.packages.join(" ");
  if (findOnPath(["apt-get"]) === undefined) throw new ToolMissing(`${what} is not installed, and there is no apt-get`);
  if (process.getuid?.() === 0) {
    await locked(toolCache("debian", "apt"), () => installWithApt(tool.packages));
    const found = findOnPath(tool.names);
    if (found !== undefined) return found;
    throw new ToolMissing(`apt-get installed ${what}, but none of ${tool.names.join(", ")} is on PATH`);
  }
  const folder = toolCache("debian", tool.packages.join("_"));
  await once(folder, () => unpackWithApt(tool, folder));
  return join(folder, "run");
}

async function installWithApt(packages: readonly string[]): Promise<void> {
  const options = {
    timeout: INSTALL_TIMEOUT_MS,
    maxBuffer: 1 << 26,
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  };
  try {
    await run("apt-get", ["update"], options);
    await run("apt-get", ["install", "-y", "--no-install-recommends", ...packages], options);
  } catch (error) {
    throw new ToolMissing(`apt-get can't install ${packages.join(" ")}: ${lastLines(error)}`);
  }
}

/** apt with its state and cache in a folder of ours needs no root; packages that the system already has are not fetched again. */
async function unpackWithApt(tool: DebianTool, folder: string): Promise<void> {
  const state = join(folder, "apt-state");
  const cache = join(folder, "apt-cache");
  const root = join(folder, "root");
  for (const path of [join(state, "lists", "partial"), join(cache, "archives", "partial"), root]) {
    mkdirSync(path, { recursive: true });
  }
  const apt = ["-o", `Dir::State=${state}`, "-o", `Dir::Cache=${cache}`, "-o", "Debug::NoLocking=1"];
  apt.push("-o", "Dir::State::status=/var/lib/dpkg/status", "-o", "APT::Sandbox::User=");
  const options = { timeout: INSTALL_TIMEOUT_MS, maxBuffer: 1 << 26 };
  try {
    await run("apt-get", [...apt, "update"], options);
    await run(
      "apt-get",
      [...apt, "install", "-y", "--download-only", "--no-install-recommends", ...tool.packages],
      options,
    );
    const archives = join(cache, "archives");
    for (const name of readdirSync(archives).filter((file) => file.endsWith(".deb"))) {
      await run("dpkg-deb", ["-x", join(archives, name), root], options);
    }
  } catch (error) {
    throw new ToolMissing(`${tool.packages.join(" ")} can't be unpacked from Debian's packages: ${lastLines(error)}`);
  }
  const program = join(root, tool.binary);
  if (!existsSync(program)) throw new ToolMissing(`Debian's ${tool.packages.join(" ")} holds no ${tool.binary}`);
  rmSync(cache, { recursive: true, force: true });
  rmSync(state, { recursive: true, force: true });
  const { stdout: triplet } = await run("sh", [
    "-c",
    "dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo $(uname -m)-linux-gnu",
  ]);
  const libraries = [`usr/lib/${triplet.trim()}`, `lib/${triplet.trim()}`, "usr/lib"].map((path) => join(root, path));
  const fonts = existsSync(join(root, "etc/fonts")) ? `FONTCONFIG_PATH='${join(root, "etc/fonts")}' ` : "";
  const script = `#!/bin/sh\nLD_LIBRARY_PATH='${libraries.join(":")}' ${fonts}exec '${program}' "$@"\n`;
  writeFileSync(join(folder, "run"), script);
  chmodSync(join(folder, "run"), 0o755);
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

function findOnPath(names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => existsSync(path));
}

/** Runs `make` where `folder` is not finished, once over all processes; a half-made folder is thrown away. */
async function once(folder: string, make: () => Promise<void>): Promise<void> {
  const finished = join(folder, ".finished");
  if (existsSync(finished)) return;
  await locked(folder, async () => {
    if (existsSync(finished)) return;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    try {
      await make();
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
    writeFileSync(finished, "");
  });
}

/** A lock between processes: a folder that one of them can make. The holder keeps it fresh, so that a dead one's can be told. */
async function locked(name: string, action: () => Promise<void>): Promise<void> {
  const lock = `${name}.lock`;
  mkdirSync(join(lock, ".."), { recursive: true });
  while (!acquire(lock)) await sleep(200);
  const touch = setInterval(() => utimesSync(lock, new Date(), new Date()), LOCK_TOUCH_MS);
  try {
    await action();
  } finally {
    clearInterval(touch);
    rmSync(lock, { recursive: true, force: true });
  }
}

function acquire(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > 3 * LOCK_TOUCH_MS) rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

function lastLines(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message?: string };
  const lines = (stderr || message || String(error))
    .trim()
    .split("\n")
    .filter((line) => line.trim() !== "");
  return lines.slice(-2).join(" ").slice(0, 400);
}
