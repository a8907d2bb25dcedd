import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { runUnderstudy, SMALL_SCENARIO } from "../cli/run-understudy.ts";
import { CliProcess, waitFor } from "../integration/processes.ts";
import { type FakeServer, fakeServer } from "../loadgen/fake-server.ts";
import { describeWithKubernetes } from "../tools.ts";
import { KubeApiServer, type KubeObject } from "./api-server.ts";
import { allow, printedRules } from "./documented.ts";
import { JobPlayer } from "./job-player.ts";
import { expectExactly } from "./witness.ts";

const TIMEOUT_MS = 240_000;
const rulesOf = (component: "shard" | "executor") =>
  printedRules("shard-rbac", component, { deployment: "understudy" });

/** Traffic of a trace beside the scenario: a file that pods must be handed. */
const TRACED = SMALL_SCENARIO.replace("name: small", "name: traced").replace(
  /traffic:[\s\S]*?expect:/,
  "traffic:\n  - trace: { file: inputs/trace.jsonl }\n  - constant: { requestRate: 4, duration: 20s, isl: 500, osl: 20 }\nexpect:",
);
const TRACE = Array.from({ length: 40 }, (_, i) =>
  JSON.stringify({ timestamp: i * 400, input_length: 600 + i, output_length: 10, hash_ids: [i, i + 1] }),
).join("\n");

await describeWithKubernetes("shards as pods of an Indexed Job", (tools) => {
  let server: KubeApiServer;
  let namespace: string;
  let player: JobPlayer;
  let folder: string;
  let target: FakeServer | undefined;
  let namespaces = 0;

  beforeAll(async () => {
    server = await KubeApiServer.start(tools);
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "understudy-executor-"));
    namespace = `shards-${++namespaces}`;
    const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
    await server.json("POST", "/api/v1/namespaces", { metadata: { name: namespace, labels } });
    await allow(server, namespace, "executor", rulesOf("executor"));
    await allow(server, namespace, "shard", rulesOf("shard"));
    player = new JobPlayer(server, namespace);
  });
  afterEach(async () => {
    await target?.close();
    target = undefined;
    await player.close();
    rmSync(folder, { recursive: true });
  });

  const onCluster = () => [
    ...["--executor", "kubernetes", "--image", "understudy:test"],
    ...["--kubeconfig", server.kubeconfig("executor", namespace)],
  ];

  async function ended(...args: string[]) {
    const process = new CliProcess(args);
    const { code } = await process.exited;
    return { code, stdout: process.stdout, output: process.output };
  }

  const everything = async (): Promise<string[]> => {
    const core = ["pods", "configmaps", "secrets"].map((name) => `/api/v1/namespaces/${namespace}/${name}`);
    const others = [
      ["batch", "jobs"],
      ["coordination.k8s.io", "leases"],
    ] as const;
    const paths = [...core, ...others.map(([group, name]) => `/apis/${group}/v1/namespaces/${namespace}/${name}`)];
    const lists = await Promise.all(paths.map((path) => server.json<{ items: KubeObject[] }>("GET", path)));
    return lists.flatMap(({ items }) => items.map(({ metadata }) => metadata!.name!));
  };

  it("run and load as on this machine, and with no right more than is needed", { timeout: TIMEOUT_MS }, async () => {
    writeFileSync(join(folder, "traced.yaml"), TRACED);
    mkdirSync(join(folder, "inputs"));
    writeFileSync(join(folder, "inputs", "trace.jsonl"), TRACE);
    // A pod that dies without a fault of its own is tried again.
    player.killFirst.add(1);
    const seeds = ["run", join(folder, "traced.yaml"), "--seeds", "1..3", "--json"];
    const there = await ended(...seeds, ...onCluster(), "--shards", "2", "-o", join(folder, "there"));
    expect(there.code, there.output).toBe(0);
    expect(player.pods).toBe(3);
    const here = await ended(...seeds, "-o", join(folder, "here"));
    expect(here.code, here.output).toBe(0);
    expect(there.stdout).toBe(here.stdout);
    for (const seed of [1, 2, 3]) {
      const single = runUnderstudy(
        folder,
        "run",
        "traced.yaml",
        "--seed",
        String(seed),
        "--quiet",
        "-o",
        `single-${seed}`,
      );
      expect(single.status, single.stderr).toBe(0);
      const files = readdirSync(join(folder, `single-${seed}`)).sort();
      expect(readdirSync(join(folder, "there", `seed-${seed}`)).sort()).toEqual(files);
      // Record for record, byte for byte; what differs elsewhere is where the scenario's file lies.
      for (const name of ["requests.csv", "requests.parquet", "decisions.jsonl"]) {
        const bytes = (place: string) => readFileSync(join(folder, place, name));
        expect(bytes(join("there", `seed-${seed}`)).equals(bytes(`single-${seed}`)), `${name} of seed ${seed}`).toBe(
          true,
        );
      }
      const report = (place: string) => readFileSync(join(folder, place, "report.json"), "utf8");
      expect(report(join("there", `seed-${seed}`))).toBe(report(join("here", `seed-${seed}`)));
    }
    expect(await everything()).toEqual([]);

    player.killFirst.clear();
    target = await fakeServer();
    const sent = await ended(
      ...["load", "--url", target.url, "--request-rate", "40", "--request-count", "60", "--isl", "30", "--osl", "4"],
      ...["--api-key", "sesame", "--json", "--artifact-dir", join(folder, "load"), "--shards", "3", ...onCluster()],
    );
    expect(sent.code, sent.output).toBe(0);
    expect((JSON.parse(sent.stdout) as { request_count: { avg: number } }).request_count.avg).toBe(60);
    const ids = target.received.map(({ headers }) => String(headers["x-request-id"]));
    expect(new Set(ids.map((id) => id.slice(0, 36))).size).toBe(1);
    expect(ids.map((id) => Number(id.slice(37))).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 60 }, (_, i) => i),
    );
    expect(new Set(target.received.map(({ headers }) => headers.authorization))).toEqual(new Set(["Bearer sesame"]));
    expect(await everything()).toEqual([]);
    expectExactly(server, "executor", namespace, rulesOf("executor"));
    expectExactly(server, "shard", namespace, rulesOf("shard"));
  });

  it("a sweep as on this machine", { timeout: TIMEOUT_MS }, async () => {
    writeFileSync(join(folder, "traced.yaml"), TRACED);
    mkdirSync(join(folder, "inputs"));
    writeFileSync(join(folder, "inputs", "trace.jsonl"), TRACE);
    const sweep = [
      ...["sweep", join(folder, "traced.yaml"), "--set", "traffic[1].constant.requestRate=2,6", "--seeds", "1,2"],
      "--json",
    ];
    const there = await ended(...sweep, ...onCluster(), "--shards", "2", "-o", join(folder, "there"));
    expect(there.code, there.output).toBe(0);
    expect(player.pods).toBe(2);
    const here = await ended(...sweep, "-o", join(folder, "here"));
    expect(here.code, here.output).toBe(0);
    expect(there.stdout).toBe(here.stdout);
    expect(JSON.parse(there.stdout)).toHaveProperty("candidates.length", 2);
    expect(await everything()).toEqual([]);
  });

  it("a shard that fails is named, with what it said; the others are no reason to leave anything", {
    timeout: TIMEOUT_MS,
  }, async () => {
    writeFileSync(join(folder, "good.yaml"), SMALL_SCENARIO);
    writeFileSync(join(folder, "bad.yaml"), SMALL_SCENARIO.replace(/profile: .*/, "profile: h200-llama-of-nowhere"));
    const files = ["good.yaml", "bad.yaml"].map((name) => join(folder, name));
    const failed = await ended("run", ...files, "--no-report", "--shards", "2", ...onCluster());
    expect(failed.code, failed.output).toBe(2);
    expect(failed.output).toMatch(/1 of 2 shards failed \(1\)\n +shard 1: exit code 2\n.*h200-llama-of-nowhere/);
    // Bad input is tried once.
    expect(player.pods).toBe(2);
    expect(await everything()).toEqual([]);
  });

  it("Ctrl-C leaves nothing", { timeout: TIMEOUT_MS }, async () => {
    const asked = await fakeServer();
    target = asked;
    const running = new CliProcess([
      ...[
        "load",
        "--url",
        asked.url,
        "--request-rate",
        "20",
        "--benchmark-duration",
        "10m",
        "--isl",
        "20",
        "--osl",
        "2",
      ],
      ...["--shards", "2", "--no-report", ...onCluster()],
    ]);
    try {
      await waitFor("requests of both generators", () => asked.received.length > 5, 120_000);
      expect(player.running).toBe(2);
      expect((await everything()).length).toBeGreaterThan(4);
      running.kill("SIGINT");
      expect(await running.exited).toEqual({ code: 130, signal: null });
      expect(await everything()).toEqual([]);
      expect(player.running).toBe(0);
    } finally {
      await running.end();
    }
  });

  it("generators that are not all there send nothing; --keep leaves what there is to look at", {
    timeout: TIMEOUT_MS,
  }, async () => {
    player.isFull = true;
    const asked = await fakeServer();
    target = asked;
    const load = ["load", "--url", asked.url, "--request-rate", "5", "--request-count", "5", "--no-report"];
    const wait = ["--shards", "2", "--ready-timeout", "1s"];
    const alone = await ended(...load, ...wait, ...onCluster());
    expect(alone.code, alone.output).toBe(1);
    expect(alone.output).toMatch(/0 of 2 shards were ready after 1 s, .*: no pods yet/);
    expect(await everything()).toEqual([]);
    const kept = await ended(...load, ...wait, "--keep", ...onCluster());
    expect(kept.code, kept.output).toBe(1);
    const [job, input] = (await everything()).sort();
    expect(input).toBe(`${job}-job-0`);
    expect(asked.received).toEqual([]);
  });

  it("names the Roles where the account lacks a right", { timeout: TIMEOUT_MS }, async () => {
    writeFileSync(join(folder, "good.yaml"), SMALL_SCENARIO);
    const stranger = ["--image", "x", "--kubeconfig", server.kubeconfig("stranger", namespace)];
    const refused = await ended("run", join(folder, "good.yaml"), "--executor", "kubernetes", ...stranger);
    expect(refused.code, refused.output).toBe(1);
    expect(refused.output).toMatch(/"stranger" cannot create resource "jobs"[\s\S]*understudy manifests shard-rbac/);
  });
});
