import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { MANIFEST_DEFAULTS, MANIFESTS } from "#src/deployment";
import { parseDockerfile, words } from "../../scripts/dockerfile.ts";
import { assembleImage, contextFiles, type Image } from "../../scripts/image-root.ts";
import { freePort, getJson, statusOf, waitFor } from "../integration/processes.ts";
import { projectFiles, readProjectFile } from "../structure/project-files.ts";
import { describeWithTool } from "../tools.ts";
import { Contained, ensureSandbox } from "./sandbox.ts";

const { version } = JSON.parse(readProjectFile("package.json")) as { version: string };
/** Of the application, without Node and its libraries. */
const MAX_MEGABYTES = 110;

describe("a Dockerfile, read", () => {
  it("has continued lines joined, and comments left out", () => {
    const text = 'FROM a AS b\n# no\nRUN one \\\n# nor this\n  && two\n\nLABEL x="y z" w=v\n';
    expect(parseDockerfile(text)).toEqual([
      { name: "FROM", text: "a AS b", line: 1 },
      { name: "RUN", text: "one && two", line: 3 },
      { name: "LABEL", text: 'x="y z" w=v', line: 7 },
    ]);
    expect(words('x="y z" w=v')).toEqual(["x=y z", "w=v"]);
  });
});

await describeWithTool("the image that the Dockerfile describes", ensureSandbox, (unshare) => {
  let folder: string;
  let image: Image;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "understudy-image-"));
    image = assembleImage(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function contained(args: readonly string[], options: { whole?: boolean } = {}): Contained {
    const made = new Contained(unshare, image, args, options);
    onTestFinished(() => made.end());
    return made;
  }
  async function finished(args: readonly string[], options: { whole?: boolean } = {}) {
    const process = contained(args, options);
    return { code: await process.exited, stdout: process.stdout, output: process.output };
  }
  const node = (script: string) => finished(["/usr/local/bin/node", "--eval", script], { whole: true });

  /** A server in a container; ready when it says so. */
  async function server(args: readonly string[], port: number): Promise<Contained> {
    const process = contained([...args, "--port", String(port)]);
    await waitFor(`${args[0]} to be ready`, async () => {
      if (!process.running) throw new Error(process.output);
      return (await statusOf(`http://127.0.0.1:${port}/health`)) === 200;
    });
    return process;
  }

  it("is built of what the build reads, and of nothing else", () => {
    const known = new Set(projectFiles().map((path) => path.split("/")[0]!));
    expect(contextFiles().filter((name) => !known.has(name))).toEqual([]);
    for (const name of ["test", "bench", "docs", "node_modules", ".git"]) expect(contextFiles()).not.toContain(name);
  });

  it("runs as user 1000 with the tool as its entry point", async () => {
    expect(image).toMatchObject({
      user: "1000:1000",
      workdir: "/tmp",
      entrypoint: ["/usr/local/bin/understudy"],
      command: ["--help"],
    });
    expect(await finished(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, output: `${version}\n` });
    expect((await finished(image.command)).stdout).toContain("Usage: understudy");
  });

  it("can be read by anybody, and is small", () => {
    const closed: string[] = [];
    let bytes = 0;
    const look = (path: string): void => {
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        const whole = join(path, entry.name);
        const { mode, size } = lstatSync(whole);
        if (!entry.isSymbolicLink() && (mode & 0o004) === 0) closed.push(whole);
        if (entry.isDirectory()) look(whole);
        else bytes += size;
      }
    };
    look(join(image.root, "app"));
    expect(closed).toEqual([]);
    expect(bytes / 1e6).toBeLessThan(MAX_MEGABYTES);
    const packages = readdirSync(join(image.root, "app", "node_modules"));
    for (const name of ["typescript", "vitest", "playwright-core", "node"]) expect(packages).not.toContain(name);
  });

  it("cannot be written to, but for /tmp", async () => {
    const script = `
      const { writeFileSync, existsSync } = require("node:fs");
      const tried = (path) => { try { writeFileSync(path, ""); return "ok"; } catch (error) { return error.code; } };
      console.log(JSON.stringify({
        uid: process.getuid(), gid: process.getgid(), pid: process.pid,
        written: ["/app/x", "/usr/local/bin/understudy", "/etc/x", "/x", "/tmp/x"].map(tried),
        shell: existsSync("/bin/sh"),
      }));`;
    const { stdout } = await node(script);
    expect(JSON.parse(stdout)).toEqual({
      uid: 1000,
      gid: 1000,
      pid: 1,
      written: ["EROFS", "EROFS", "EROFS", "EROFS", "ok"],
      shell: false,
    });
  });

  it("has what every command of the manifests is called by", async () => {
    const serving = ["standalone", "deployment"].flatMap((name) =>
      MANIFESTS.find((manifest) => manifest.name === name)!.build({
        ...MANIFEST_DEFAULTS,
        dialect: "1.0",
        flavour: "understudy",
      }),
    );
    const commands = new Set(JSON.stringify(serving).match(/"command":\["[^"]+","[^"]+"\]/g));
    expect(commands.size).toBe(3);
    for (const text of commands) {
      const { command } = JSON.parse(`{${text}}`) as { command: string[] };
      const { code, stdout } = await finished([...command, "--help"], { whole: true });
      expect([code, stdout]).toEqual([0, expect.stringContaining(`Usage: understudy ${command[1]}`)]);
    }
  });

  it("serves: a worker, a frontend in front of it, and a health check that sees them come and go", async () => {
    const [workerPort, frontendPort] = [await freePort(), await freePort()];
    const profile = ["--profile", "h200-llama-3.1-8b-fp8-tp1-estimate", "--speedup-ratio", "0"];
    const worker = await server(["mocker", ...profile, "--model-name", "llama"], workerPort);
    const frontend = await server(["frontend", "--worker", `http://127.0.0.1:${workerPort}`], frontendPort);
    const url = `http://127.0.0.1:${frontendPort}`;
    const body = { model: "llama", messages: [{ role: "user", content: "Hello" }], max_tokens: 5 };
    const answer = await waitFor("an answer", async () => {
      const response = await fetch(`${url}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      return response.ok ? ((await response.json()) as { usage: { completion_tokens: number } }) : null;
    });
    expect(answer.usage.completion_tokens).toBe(5);

    const check = () => finished([...image.healthcheck, `${url}/health`], { whole: true });
    expect((await check()).code).toBe(0);
    expect(await frontend.stop()).toBe(0);
    const { code, output } = await check();
    expect([code, output]).toEqual([1, expect.stringContaining("ECONNREFUSED")]);
    expect(await worker.stop()).toBe(0);
  });

  it("checks the default ports of its servers, which the image exposes", () => {
    const script = readProjectFile("bin/healthcheck.mjs");
    const checked = JSON.parse(/DEFAULT_PORTS = (\[[^\]]*\])/.exec(script)![1]!) as number[];
    expect(checked.filter((port) => !image.ports.includes(port))).toEqual([]);
    expect(image.healthcheck).toEqual(["/usr/local/bin/node", "/app/bin/healthcheck.mjs"]);
  });

  it("plans, and leaves its report where it may write", async () => {
    const [control, metrics] = [await freePort(), await freePort()];
    const profile = ["--profile-results-dir", "h200-llama-3.1-8b-fp8-tp1-estimate"];
    const where = ["--environment", "none", "--frontend-urls", "http://127.0.0.1:1", "--live-dashboard-port", "0"];
    const ports = ["--control-api-port", String(control), "--metric-reporting-prometheus-port", String(metrics)];
    const often = ["--scheduling", '{"scale_interval_seconds": 1}'];
    const planner = contained(["planner", ...profile, ...where, ...ports, ...often]);
    await waitFor("the planner's first tick", async () => {
      if (!planner.running) throw new Error(planner.output);
      const status = await getJson<{ ticks: number }>(`http://127.0.0.1:${control}/v1/status`).catch(() => null);
      return (status?.ticks ?? 0) > 0;
    });
    expect(await statusOf(`http://127.0.0.1:${metrics}/metrics`)).toBe(200);
    expect(await planner.stop()).toBe(0);
    expect(planner.output).toMatch(/planner_reports\/planner_report_\w+\.html/);
  });

  it("profiles, with fonts and figures that it brought along", async () => {
    const request = ["--model", "Qwen/Qwen3-32B", "--backend", "vllm", "--gpu", "h200_sxm", "--strategy", "rapid"];
    const { code, output } = await finished(["profile", ...request, "--output-dir", "/tmp/results"]);
    expect([code, output]).toEqual([0, expect.stringContaining("/tmp/results")]);
  });
});
