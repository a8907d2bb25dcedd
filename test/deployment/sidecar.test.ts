import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MANIFEST_DEFAULTS, MANIFESTS } from "#src/deployment";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-sidecar-"));
  mkdirSync(join(folder, "data"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** The sidecar's script, run with a kubectl that writes down what it is asked and says that the profiler has ended. */
function runSidecar(dialect: "0.6" | "1.0", exitCode: number, files: Record<string, string>) {
  const [job] = MANIFESTS.find(({ name }) => name === "profiling-job")!.build({ ...MANIFEST_DEFAULTS, dialect });
  const { template } = job!.spec as { template: { spec: { containers: { command: string[]; args: string[] }[] } } };
  const { command, args } = template.spec.containers[1]!;
  const calls = join(folder, "calls");
  const kubectl = join(folder, "kubectl");
  writeFileSync(kubectl, `#!/bin/bash\nprintf '%s\\n' "$*" >> ${calls}\n[ "$1" = get ] && echo ${exitCode}\nexit 0\n`);
  chmodSync(kubectl, 0o755);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, "data", name, ".."), { recursive: true });
    writeFileSync(join(folder, "data", name), text);
  }
  const script = args[0]!.replaceAll("/data/", `${folder}/data/`).replace("seq 120", "seq 1");
  const { status, stderr } = spawnSync(command[0]!, [...command.slice(1), script], {
    encoding: "utf8",
    env: {
      PATH: [folder, process.env.PATH].join(delimiter),
      HOME: folder,
      POD_NAME: "profile-sla-online-x",
      POD_NAMESPACE: "team",
    },
  });
  const asked = existsSync(calls) ? readFileSync(calls, "utf8").replaceAll(`${folder}/data/`, "/data/") : "";
  return { status, stderr, asked: asked.trim().split("\n") };
}

describe("[R130] [R138] the sidecar of 0.6", () => {
  it("keeps what the profiler left, in place of an older ConfigMap", () => {
    const { status, asked, stderr } = runSidecar("0.6", 0, {
      "config_with_planner.yaml": "a: 1\n",
      "selected_prefill_interpolation/raw_data.npz": "x",
    });
    expect([status, stderr]).toEqual([0, ""]);
    expect(asked[0]).toContain("get pod profile-sla-online-x -n team");
    expect(asked.slice(1, 3)).toEqual([
      "delete configmap dgdr-output-sla-online -n team --ignore-not-found",
      "create configmap dgdr-output-sla-online -n team --from-file=config_with_planner.yaml=/data/config_with_planner.yaml --from-file=prefill_raw_data.npz=/data/selected_prefill_interpolation/raw_data.npz",
    ]);
  });

  it("keeps nothing of a profiler that failed, and fails with it", () => {
    const { status, asked } = runSidecar("0.6", 1, { "config_with_planner.yaml": "a: 1\n" });
    expect(status).toBe(1);
    expect(asked.join("\n")).not.toContain("configmap");
  });
});

describe("[R138] the sidecar of 1.0", () => {
  const status = (state: string, more = "") =>
    `status: ${state}\ntimestamp: '2026-03-01T12:00:00Z'\nmessage: It is 'done'\n${more}phase: Done\n`;

  it("tells how it ended and what was made", () => {
    const { asked, stderr, ...rest } = runSidecar("1.0", 0, {
      "profiler_status.yaml": status("success"),
      "final_config.yaml": "a: 1\n",
    });
    expect([rest.status, stderr]).toEqual([0, ""]);
    expect(asked).toContain(
      "create configmap dgdr-output-sla-online -n team --dry-run=client -o yaml --from-literal=phase=Done --from-literal=message=It is 'done' --from-literal=profiler_status=success --from-literal=profiler_error= --from-file=profiler_status.yaml=/data/profiler_status.yaml --from-file=final_config.yaml=/data/final_config.yaml",
    );
  });

  it("ends well where the profiler failed, and says its error", () => {
    const { asked, ...rest } = runSidecar("1.0", 1, { "profiler_status.yaml": status("failed", "error: 'no GPUs'\n") });
    expect(rest.status).toBe(0);
    expect(asked.join("\n")).toContain("--from-literal=profiler_status=failed --from-literal=profiler_error=no GPUs");
  });

  it("says what there is where the profiler left no status", () => {
    const { asked, ...rest } = runSidecar("1.0", 137, {});
    expect(rest.status).toBe(0);
    expect(asked.join("\n")).toContain("--from-literal=profiler_status= --from-literal=profiler_error=");
  });
});
