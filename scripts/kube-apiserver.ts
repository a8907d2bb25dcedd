/**
 * A real kube-apiserver for tests, without docker, and kubectl where there is none: built from the Go module k8s.io/kubernetes
 * through Go's module proxy, once, into the cache. `node scripts/kube-apiserver.ts` builds the server and prints its path.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { downloadModule, findGo, runGo } from "./go.ts";
import { findOnPath, lastLines, once, ToolMissing, toolCache } from "./tool-cache.ts";

/** A version whose staging modules are all published: of 1.32.13 one is missing, for example. */
export const KUBE_APISERVER_VERSION = "1.34.4";
/** The first build takes 5 to 11 minutes on two cores; a busy machine takes longer. */
const BUILD_TIMEOUT_MS = 45 * 60_000;

/** kube-apiserver's own main, less what only its release build needs. */
const SERVER_GO = `package main

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

/** kubectl's own main, less its plugins for clouds' accounts. */
const KUBECTL_GO = `package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubectl/pkg/cmd"
	_ "k8s.io/kubernetes/pkg/features"
)

func main() {
	cli.RunNoErrOutput(cmd.NewDefaultKubectlCommand())
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
  return ensureBuilt("kube-apiserver", SERVER_GO);
}

/** Path of kubectl: the system's, else built. @throws ToolMissing without Go, or where the build fails */
export async function ensureKubectl(): Promise<string> {
  return findOnPath(["kubectl"]) ?? ensureBuilt("kubectl", KUBECTL_GO);
}

async function ensureBuilt(program: string, main: string): Promise<string> {
  const folder = toolCache(program, `v${KUBE_APISERVER_VERSION}`);
  await once(folder, () => build(folder, program, main));
  return join(folder, program);
}

async function build(folder: string, program: string, main: string): Promise<void> {
  const go = findGo();
  if (go === undefined) throw new ToolMissing(`${program} is not built yet, and there is no Go to build it with`);
  const source = join(folder, "source");
  mkdirSync(source, { recursive: true });
  const run = (args: readonly string[]) => runGo(go, args, source, BUILD_TIMEOUT_MS);
  const version = `v${KUBE_APISERVER_VERSION}`;
  const [major, minor] = KUBE_APISERVER_VERSION.split(".");
  try {
    const { GoMod } = await downloadModule(go, `k8s.io/kubernetes@${version}`, source, BUILD_TIMEOUT_MS);
    writeFileSync(join(source, "go.mod"), goModule(readFileSync(GoMod, "utf8")));
    writeFileSync(join(source, "main.go"), main);
    await run(["mod", "tidy", "-e"]);
    const at = "k8s.io/component-base/version";
    const stamps = `-X ${at}.gitVersion=${version} -X ${at}.gitMajor=${major} -X ${at}.gitMinor=${minor}`;
    const flags = ["-mod=mod", "-trimpath", "-buildvcs=false", "-ldflags", `-s -w ${stamps}`];
    await run(["build", ...flags, "-o", join(folder, program), "."]);
  } catch (error) {
    throw new ToolMissing(`${program} ${version} can't be built: ${lastLines(error)}`);
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

if (import.meta.main) console.log(await ensureKubeApiserver());
