import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ensureChromium, ensurePythonVenv, ToolMissing } from "../../scripts/test-tools.ts";
import { describeWithChromium, describeWithPrometheus, describeWithPython } from "../tools.ts";

afterEach(() => void vi.unstubAllEnvs());

await describeWithPython("a Python environment", ["numpy"], (python) => {
  it("holds the packages that were asked for", () => {
    const code = "import numpy; print(int(numpy.arange(4).sum()))";
    expect(execFileSync(python, ["-c", code], { encoding: "utf8" }).trim()).toBe("6");
  });

  it("is the same one when asked again", async () => {
    expect(await ensurePythonVenv(["numpy"])).toBe(python);
  });
});

await describeWithChromium("Chromium", (chromium) => {
  it("tells its version", () => {
    const version = execFileSync(chromium, ["--version", "--no-sandbox"], { encoding: "utf8" });
    expect(version).toMatch(/^(Chromium|Google Chrome) \d+/);
  });
});

await describeWithPrometheus("Prometheus", ({ prometheus, promtool }) => {
  it.each([
    ["prometheus", prometheus],
    ["promtool", promtool],
  ])("%s tells its version", (name, path) => {
    const version = execFileSync(path, ["--version"], { encoding: "utf8" });
    expect(version).toMatch(new RegExp(`^${name}, version \\d+`));
  });
});

describe("a tool that can't be had", () => {
  it("gives a reason when there is no Python", async () => {
    vi.stubEnv("PATH", "");
    await expect(ensurePythonVenv(["numpy"])).rejects.toThrow(new ToolMissing("Python 3.10 or newer is not on PATH"));
  });

  it("gives a reason when pip can't install, and leaves nothing half made", async () => {
    const cache = mkdtempSync(join(tmpdir(), "understudy-tools-"));
    try {
      vi.stubEnv("XDG_CACHE_HOME", cache);
      vi.stubEnv("PIP_NO_INDEX", "1");
      vi.stubEnv("PIP_FIND_LINKS", "");
      const attempt = () => ensurePythonVenv(["understudy-no-such-package"]);
      await expect(attempt()).rejects.toThrow(/Python packages understudy-no-such-package can't be installed: .+/);
      await expect(attempt()).rejects.toThrow(ToolMissing);
    } finally {
      rmSync(cache, { recursive: true, force: true });
    }
  });

  it("gives a reason when UNDERSTUDY_CHROMIUM names nothing", async () => {
    vi.stubEnv("UNDERSTUDY_CHROMIUM", "/no/such/chromium");
    await expect(ensureChromium()).rejects.toThrow(ToolMissing);
  });
});
