/**
 * A real kube-apiserver for tests, without docker: built from the Go module k8s.io/kubernetes through Go's module proxy, once,
 * into the cache. `node scripts/kube-apiserver.ts` builds it and prints its path.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { dirname, join } from "node:path";
import { findOnPath, lastLines, once, ToolMissing, toolCache } from "./tool-cache.ts";

/** A version whose staging modules are all published: of 1.32.13 one is missing, for example. */
export const KUBE_APISERVER_VERSION = "1.34.4";
/** The first build takes 5 to 11 minutes on two cores; a busy machine takes longer. */
const BUILD_TIMEOUT_MS = 45 * 60_000;

/** kube-apiserver's own main, less what only its release build needs. */
const MAIN_GO = `package main

import (
	"os"
	_ "time/tzdata"

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
`;

/**
 * Path of kube-apiserver: $UNDERSTUDY_KUBE_APISERVER, else the one built into the cache, else built now.
 * @throws ToolMissing without Go, or where the build fails
 */
export async function ensureKubeApiserver(): Promise<string> {
  const named = process.env.UNDERSTUDY_KUBE_APISERVER;
  if (named) {
    if (existsSync(named)) return named;
    throw new ToolMissing(`UNDERSTUDY_KUBE_APISERVER names ${named}, which does not exist`);
  }
  const folder = toolCache("kube-apiserver", `v${KUBE_APISERVER_VERSION}`);
  await once(folder, () => build(folder));
  return join(folder, "kube-apiserver");
}

async function build(folder: string): Promise<void> {
  const go = findOnPath(["go", "go.exe"]) ?? ["/usr/local/go/bin/go"].find((path) => existsSync(path));
  if (go === undefined) throw new ToolMissing("kube-apiserver is not built yet, and there is no Go to build it with");
  const source = join(folder, "source");
  mkdirSync(source, { recursive: true });
  const run = (args: readonly string[]) => runGo(go, args, source);
  const version = `v${KUBE_APISERVER_VERSION}`;
  const [major, minor] = KUBE_APISERVER_VERSION.split(".");
  try {
    const downloaded = JSON.parse(await run(["mod", "download", "-json", `k8s.io/kubernetes@${version}`]));
    writeFileSync(join(source, "go.mod"), goModule(readFileSync((downloaded as { GoMod: string }).GoMod, "utf8")));
    writeFileSync(join(source, "main.go"), MAIN_GO);
    await run(["mod", "tidy", "-e"]);
    const at = "k8s.io/component-base/version";
    const stamps = `-X ${at}.gitVersion=${version} -X ${at}.gitMajor=${major} -X ${at}.gitMinor=${minor}`;
    const flags = ["-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", `-s -w ${stamps}`];
    await run(["build", ...flags, "-o", join(folder, "kube-apiserver"), "."]);
  } catch (error) {
    throw new ToolMissing(`kube-apiserver ${version} can't be built: ${lastLines(error)}`);
  }
  rmSync(source, { recursive: true, force: true });
}

/** Our module on Kubernetes' own: its staging modules are folders of its repository there, and modules of the same minor here. */
function goModule(kubernetes: string): string {
  const goVersion = /^go (\S+)$/m.exec(kubernetes)?.[1];
  const godebug = /^godebug (?:\([^)]*\)|.*)$/m.exec(kubernetes)?.[0] ?? "";
  const staging = [...kubernetes.matchAll(/(\S+) => \.\/staging\/\S+/g)].map((match) => match[1]);
  if (goVersion === undefined || staging.length === 0)
    throw new Error("its go.mod holds no go line or no staging modules");
  const published = KUBE_APISERVER_VERSION.replace(/^1/, "v0");
  return [
    "module understudy.local/kube-apiserver",
    `go ${goVersion}`,
    godebug,
    `require k8s.io/kubernetes v${KUBE_APISERVER_VERSION}`,
    ...staging.map((name) => `replace ${name} => ${name} ${published}`),
    "",
  ].join("\n");
}

function runGo(go: string, args: readonly string[], folder: string): Promise<string> {
  const env = {
    ...process.env,
    CGO_ENABLED: "0",
    GOFLAGS: "",
    GOWORK: "off",
    PATH: `${dirname(go)}:${process.env.PATH}`,
  };
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, env, timeout: BUILD_TIMEOUT_MS, maxBuffer: 1 << 28 };
    const child = execFile(go, [...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(Object.assign(error, { stderr }));
    });
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  });
}

if (import.meta.main) console.log(await ensureKubeApiserver());
