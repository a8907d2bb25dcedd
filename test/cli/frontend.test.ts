import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { CommanderError } from "commander";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { formatUserError, UserError } from "#common";
import { frontendCommand } from "../../src/cli/commands/frontend.ts";
import { usageError } from "../../src/cli/errors.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { chat, cleanup, said, worker } from "../mocker/frontend/ask.ts";
import { DONE, openStream, tokenChunk } from "../mocker/frontend/fake-worker.ts";

const main = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const WORKER = ["--worker", "http://127.0.0.1:8001"];
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-frontend-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());

/** The command within this process: what it prints, and what it ends with. */
async function frontend(...args: string[]) {
  let stdout = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  try {
    await buildProgram([frontendCommand()]).parseAsync(["frontend", ...args, "--print-config"], { from: "user" });
    return { stdout, error: null };
  } catch (error) {
    return { stdout, error };
  } finally {
    vi.restoreAllMocks();
  }
}

async function config(...args: string[]) {
  const { error, stdout } = await frontend(...args);
  if (error !== null) throw error;
  return JSON.parse(stdout);
}

/** The message of a mistake, as the terminal shows it. */
async function refusal(...args: string[]): Promise<string> {
  const { error } = await frontend(...args);
  const known = error instanceof CommanderError ? usageError(error) : error;
  expect(known).toBeInstanceOf(UserError);
  expect((known as UserError).exitCode).toBe(2);
  return formatUserError(known as UserError);
}

describe("flags", () => {
  it("have defaults that are safe", async () => {
    expect(await config(...WORKER)).toMatchObject({
      host: "127.0.0.1",
      port: 8000,
      router: { mode: "round-robin", queueThreshold: null, sessionAffinityMs: null },
      discovery: { kind: "static", workers: ["http://127.0.0.1:8001"] },
      limits: { maxAttempts: 4, maxQueued: 20_000, queueTimeoutMs: 300_000, maxBodyBytes: 16 * 2 ** 20 },
      apiKeys: 0,
      workerApiKey: false,
    });
  });

  it("take the file of policy classes that docs/frontend.md shows", async () => {
    const [, document] = /```yaml\n(default_policy_family[\s\S]*?)```/.exec(readFileSync("docs/frontend.md", "utf8"))!;
    const file = join(folder, "classes.yaml");
    writeFileSync(file, document!);
    const { router } = await config(...WORKER, "--router-mode", "kv", "--router-policy-config", file);
    expect(router.policies.root.classes.map((of: { name: string }) => of.name)).toEqual([
      "premium",
      "regular",
      "probes",
    ]);
    writeFileSync(file, document!.replace("quantum: 128", "quantum: 0"));
    expect(await refusal(...WORKER, "--router-policy-config", file)).toMatch(/classes\.yaml:\d+:\d+.*quantum.*found 0/);
  });

  it("take several workers, however they are written", async () => {
    const urls = ["http://a:1", "http://b:2", "http://c:3"];
    for (const args of [
      ["--worker", ...urls],
      urls.flatMap((url) => ["--worker", url]),
      ["--worker", urls.join(",")],
      ["--worker", "http://a:1/v1/", "http://b:2/v1", "http://c:3/"],
    ]) {
      expect((await config(...args)).discovery.workers).toEqual(urls);
    }
  });

  it("say where workers come from", async () => {
    expect((await config("--discovery-dir", "d")).discovery).toEqual({ kind: "file", folder: "d" });
    expect((await config("--kube-selector", "app=x", "--kube-port", "9000")).discovery).toEqual({
      kind: "kubernetes",
      kubernetes: { labelSelector: "app=x", resource: "endpointslices", port: 9000 },
    });
    const both = [...WORKER, "--discovery-dir", "d"];
    expect((await config(...both, "--discovery", "file")).discovery.kind).toBe("file");
  });

  it("have environment variables, which flags beat", async () => {
    vi.stubEnv("UNDERSTUDY_FRONTEND_MAX_QUEUED", "7");
    vi.stubEnv("UNDERSTUDY_FRONTEND_ROUTER_MODE", "kv");
    vi.stubEnv("UNDERSTUDY_FRONTEND_SLA_TTFT", "200ms");
    const found = await config(...WORKER, "--router-mode", "random");
    expect(found).toMatchObject({ limits: { maxQueued: 7 }, router: { mode: "random" }, sla: { ttftMs: 200 } });
  });

  it("never print a key", async () => {
    const path = join(folder, "keys");
    writeFileSync(path, "# ours\nsk-one\n\nsk-two\n");
    const { stdout } = await frontend(
      ...WORKER,
      "--api-key",
      "sk-three",
      "--api-key-file",
      path,
      "--worker-api-key",
      "sk-w",
    );
    expect(JSON.parse(stdout)).toMatchObject({ apiKeys: 3, workerApiKey: true });
    expect(stdout).not.toContain("sk-");
  });
});

describe("mistakes", () => {
  it.each([
    [["--worker", "127.0.0.1:8001"], 'did you mean "http://127.0.0.1:8001"?'],
    [["--worker", "http://a:1/v2"], "expected an address such as"],
    [[], "--discovery-dir"],
    [["--discovery", "kubernetes"], "--kube-selector"],
    [["--discovery", "file", ...WORKER], "--discovery-dir"],
    [[...WORKER, "--discovery-dir", "d"], "say which with --discovery"],
    [[...WORKER, "--router-mode", "round-robbin"], "round-robin"],
    [[...WORKER, "--router-mod", "kv"], "did you mean --router-mode?"],
    [[...WORKER, "--sla-ttft", "200"], "200ms"],
    [[...WORKER, "--max-body", "big"], "--max-body"],
    [[...WORKER, "--port", "70000"], "65535"],
    [[...WORKER, "--kv-load-weight", "-1"], "0 or more"],
  ])("%j", async (args, hint) => {
    expect(await refusal(...args)).toContain(hint);
  });

  it("a key file without a key", async () => {
    const path = join(folder, "empty");
    writeFileSync(path, "# none\n");
    expect(await refusal(...WORKER, "--api-key-file", path)).toContain("holds no key");
  });
});

describe("the process", () => {
  it("says where it listens, and at SIGTERM ends what is under way, then itself, with 0", async () => {
    const fake = await worker({}, openStream);
    const args = [main, "frontend", "--worker", fake.url, "--port", "0", "--json"];
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    cleanup(() => child.kill("SIGKILL"));
    const lines = createInterface(child.stdout);
    const [line] = (await once(lines, "line")) as [string];
    const { url } = JSON.parse(line) as { url: string };
    const arrived = fake.next();
    const answer = chat({ url });
    const { response } = await arrived;
    response.write(tokenChunk(0));
    const open = await answer;
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    // It stops listening, and the stream is there still.
    for (let refused = false; !refused; ) {
      refused = await fetch(`${url}/live`).then(
        () => false,
        () => true,
      );
    }
    response.end(tokenChunk(1, true) + DONE);
    expect(said(await open.text())).toBe(" word0 word1");
    expect(await exited).toEqual([0, null]);
  });
});
