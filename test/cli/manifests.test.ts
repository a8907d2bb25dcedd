import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { runUnderstudy } from "./run-understudy.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-manifests-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

const manifests = (...args: string[]) => runUnderstudy(folder, "manifests", ...args);

describe("understudy manifests", () => {
  it("lists what there is, for people and machines", () => {
    const rows = JSON.parse(manifests("--list", "--json").stdout) as { name: string; file: string }[];
    const { stdout } = manifests("--list");
    for (const { name, file } of rows) expect(stdout).toMatch(new RegExp(`^${name} .*${file}`, "m"));
    expect(rows.map(({ name }) => name)).toContain("profiling-job");
  });

  it("[R132] prints several as one stream", () => {
    const { stdout, status } = manifests("pvc", "rbac", "profiling-job", "--dialect", "0.3", "--namespace", "team");
    expect(status).toBe(0);
    const kinds = parseAllDocuments(stdout).map((document) => document.get("kind"));
    expect(kinds).toEqual(["PersistentVolumeClaim", "ServiceAccount", "Role", "RoleBinding", "Job"]);
    expect(stdout.split("\n")[0]).toBe("# To be filled in (envsubst): DGD_CONFIG_FILE, DOCKER_IMAGE");
  });

  it("[R132] writes a whole set by the documents' names", () => {
    const { stderr, stdout } = manifests("--dialect", "0.3", "--output-dir", "deploy");
    const files = [
      ...["profile_sla_binding.yaml", "profile_sla_job.yaml", "profile_sla_rbac.yaml", "profile_sla_sa.yaml"],
      "profiling_pvc.yaml",
    ];
    expect(readdirSync(join(folder, "deploy")).sort()).toEqual(files);
    expect(stdout).toBe("");
    for (const file of files) expect(stderr).toContain(`wrote deploy/${file}`);
  });

  it("[R138] makes the Job of a request's file, of its generation", () => {
    const file = join(folder, "dgdr.yaml");
    writeFileSync(file, manifests("dgdr", "--dialect", "1.0").stdout);
    const job = parse(manifests("profiling-job", "--dgdr", file, "--flavour", "understudy").stdout) as {
      spec: { template: { spec: { containers: { command: string[]; args: string[] }[] } } };
    };
    const [profiler] = job.spec.template.spec.containers;
    expect(profiler!.command).toEqual(["understudy", "profile"]);
    expect(JSON.parse(profiler!.args[1]!)).toEqual(parse(readFileSync(file, "utf8")).spec);
  });

  it.each([
    [["profiling-jb"], 'did you mean "profiling-job"?'],
    [["dgdr", "--dialect", "0.3"], "dgdr is not of dialect 0.3, expected 0.6, 0.8, 1.0"],
    [[], "expected the name of a manifest"],
    [["pvc", "--json"], "it means nothing without --list"],
    [["profiling-job", "--dgdr", "missing.yaml"], "no such file"],
    [["pvc", "--dialect", "2"], "--dialect"],
  ])("refuses %j", (args, message) => {
    const { status, stderr } = manifests(...args);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  it("refuses requests that are none, with their place", () => {
    const file = join(folder, "broken.yaml");
    writeFileSync(file, "a: [1\n");
    expect(manifests("profiling-job", "--dgdr", file).stderr).toContain(`${file}: the request can't be read`);
    writeFileSync(file, "kind: Pod\napiVersion: v1\n");
    expect(manifests("profiling-job", "--dgdr", file)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("expected DynamoGraphDeploymentRequest"),
    });
  });
});
