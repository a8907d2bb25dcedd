/** Programs of Debian's packages: installed with apt as root, or unpacked into the cache, which needs no root. */
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { findOnPath, INSTALL_TIMEOUT_MS, lastLines, locked, once, ToolMissing, toolCache } from "./tool-cache.ts";

const run = promisify(execFile);

export interface DebianPackages<Name extends string> {
  packages: readonly string[];
  /** Where the unpacked packages hold each program, relative to the root. */
  programs: Record<Name, string>;
  /** What they may be called on PATH once they are installed; their own names unless given. */
  names?: Partial<Record<Name, readonly string[]>>;
  /** Never install, even as root: installing would do more than bring the programs (start a service). */
  unpackOnly?: boolean;
}

/**
 * Paths of the programs.
 * @throws ToolMissing without apt-get, or where it can't bring the packages
 */
export async function debianPrograms<Name extends string>(wanted: DebianPackages<Name>): Promise<Record<Name, string>> {
  const what = wanted.packages.join(" ");
  if (findOnPath(["apt-get"]) === undefined) throw new ToolMissing(`${what} is not installed, and there is no apt-get`);
  if (process.getuid?.() === 0 && !wanted.unpackOnly) {
    await locked(toolCache("debian", "apt"), () => installWithApt(wanted.packages));
    return each(wanted, (name) => {
      const names = wanted.names?.[name] ?? [name];
      const found = findOnPath(names);
      if (found !== undefined) return found;
      throw new ToolMissing(`apt-get installed ${what}, but none of ${names.join(", ")} is on PATH`);
    });
  }
  const folder = toolCache("debian", "unpacked", wanted.packages.join("_"));
  await once(folder, () => unpackWithApt(wanted, folder));
  return each(wanted, (name) => join(folder, "bin", name));
}

function each<Name extends string>(wanted: DebianPackages<Name>, path: (name: Name) => string): Record<Name, string> {
  const names = Object.keys(wanted.programs) as Name[];
  return Object.fromEntries(names.map((name) => [name, path(name)])) as Record<Name, string>;
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
async function unpackWithApt(wanted: DebianPackages<string>, folder: string): Promise<void> {
  const state = join(folder, "apt-state");
  const cache = join(folder, "apt-cache");
  const root = join(folder, "root");
  for (const path of [join(state, "lists", "partial"), join(cache, "archives", "partial"), root, join(folder, "bin")]) {
    mkdirSync(path, { recursive: true });
  }
  const apt = ["-o", `Dir::State=${state}`, "-o", `Dir::Cache=${cache}`, "-o", "Debug::NoLocking=1"];
  apt.push("-o", "Dir::State::status=/var/lib/dpkg/status", "-o", "APT::Sandbox::User=");
  const install = ["install", "-y", "--download-only", "--no-install-recommends"];
  const options = { timeout: INSTALL_TIMEOUT_MS, maxBuffer: 1 << 26 };
  try {
    await run("apt-get", [...apt, "update"], options);
    await run("apt-get", [...apt, ...install, ...wanted.packages], options);
    const archives = join(cache, "archives");
    for (const name of readdirSync(archives).filter((file) => file.endsWith(".deb"))) {
      await run("dpkg-deb", ["-x", join(archives, name), root], options);
    }
  } catch (error) {
    throw new ToolMissing(`${wanted.packages.join(" ")} can't be unpacked from Debian's packages: ${lastLines(error)}`);
  }
  rmSync(cache, { recursive: true, force: true });
  rmSync(state, { recursive: true, force: true });
  const { stdout: triplet } = await run("sh", [
    "-c",
    "dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo $(uname -m)-linux-gnu",
  ]);
  const libraries = [`usr/lib/${triplet.trim()}`, `lib/${triplet.trim()}`, "usr/lib"].map((path) => join(root, path));
  const fonts = existsSync(join(root, "etc/fonts")) ? `FONTCONFIG_PATH='${join(root, "etc/fonts")}' ` : "";
  for (const [name, path] of Object.entries(wanted.programs)) {
    const program = join(root, path);
    if (!existsSync(program)) throw new ToolMissing(`Debian's ${wanted.packages.join(" ")} holds no ${path}`);
    const script = `#!/bin/sh\nLD_LIBRARY_PATH='${libraries.join(":")}' ${fonts}exec '${program}' "$@"\n`;
    writeFileSync(join(folder, "bin", name), script);
    chmodSync(join(folder, "bin", name), 0o755);
  }
}
