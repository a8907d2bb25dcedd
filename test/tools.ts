import { describe } from "vitest";
import { ensureKubeApiserver } from "../scripts/kube-apiserver.ts";
import { ensureChromium, ensureEtcd, ensurePrometheus, ensurePythonVenv, ToolMissing } from "../scripts/test-tools.ts";

/**
 * `describe` for tests that need a tool: `await describeWithTool("…", () => ensurePythonVenv(["numpy"]), (python) => { … })` at
 * a test file's top level. Skipped with its reason where the tool can't be had, a failure in CI.
 */
export async function describeWithTool<Tool>(
  title: string,
  acquire: () => Promise<Tool>,
  body: (tool: Tool) => void,
): Promise<void> {
  let tool: Tool;
  try {
    tool = await acquire();
  } catch (error) {
    if (!(error instanceof ToolMissing) || process.env.CI) throw error;
    describe.skip(title, () => {
      describe.skip(error.message);
    });
    return;
  }
  describe(title, () => body(tool));
}

/** Tests that run Python with `packages`; `body` gets the interpreter's path. */
export function describeWithPython(title: string, packages: readonly string[], body: (python: string) => void) {
  return describeWithTool(title, () => ensurePythonVenv(packages), body);
}

/** Tests that need a browser; `body` gets Chromium's path (for playwright-core's `executablePath`). */
export function describeWithChromium(title: string, body: (chromium: string) => void) {
  return describeWithTool(title, ensureChromium, body);
}

/** Tests that run Prometheus; `body` gets the paths of it and of promtool. */
export function describeWithPrometheus(title: string, body: (tools: { prometheus: string; promtool: string }) => void) {
  return describeWithTool(title, ensurePrometheus, body);
}

/** Tests that run etcd; `body` gets its path. */
export function describeWithEtcd(title: string, body: (etcd: string) => void) {
  return describeWithTool(title, ensureEtcd, body);
}

/** Tests that run a Kubernetes API server; `body` gets the paths of it and of its etcd. */
export function describeWithKubernetes(title: string, body: (tools: { etcd: string; kubeApiserver: string }) => void) {
  return describeWithTool(
    title,
    async () => ({ etcd: await ensureEtcd(), kubeApiserver: await ensureKubeApiserver() }),
    body,
  );
}
