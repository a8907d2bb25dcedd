import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UserError } from "#common";
import { readPlannerConfig } from "#planner/config";
import { assemblePlanner } from "../../src/cli/planner/assemble.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "understudy-planner-refusals-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ENGINE = { hf_id: "Qwen/Qwen3-32B", system: "h200_sxm", backend: "vllm", prefill_pick: {}, decode_pick: {} };

/** What starting a planner with the document ends with. */
async function refusalOf(document: Record<string, unknown>): Promise<UserError> {
  const read = readPlannerConfig({
    config: JSON.stringify({
      environment: "none",
      frontend_urls: ["http://127.0.0.1:1"],
      live_dashboard_port: 0,
      control_api_port: 0,
      report_output_dir: join(folder, "reports"),
      ...document,
    }),
  });
  const planner = assemblePlanner(read, { info: () => {}, warn: () => {} });
  try {
    await (await planner).start();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  await (await planner).stop();
  throw new Error("was not refused");
}

describe("what is found at the start only is refused by its field", () => {
  it("a folder for reports that can't be made, even where the system says that its parent is missing", async () => {
    writeFileSync(join(folder, "file"), "");
    for (const at of [join(folder, "file", "below"), ...(process.platform === "linux" ? ["/proc/understudy"] : [])]) {
      const error = await refusalOf({ report_output_dir: at });
      expect(error).toMatchObject({ code: "PLANNER_REPORT_DIR", exitCode: 2 });
      expect(error.where).toMatch(/^--config:1:\d+ \(report_output_dir\)$/);
      expect(error.message).toContain(`found "${at}", expected a folder for reports`);
    }
  });

  it("a port that is taken, an address that is another machine's, a token file that is not there", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => taken.once("listening", resolve));
    const { port } = taken.address() as { port: number };
    try {
      const error = await refusalOf({ live_dashboard_port: port });
      expect(error.where).toMatch(/\(live_dashboard_port\)$/);
      expect(error.message).toContain(`127.0.0.1:${port}: the dashboard can't listen`);
    } finally {
      taken.close();
    }
    const host = await refusalOf({ listen_host: "192.0.2.1", control_api_port: 9086 });
    expect(host.where).toMatch(/\(listen_host\)$/);
    const token = await refusalOf({ api_token_file: join(folder, "none") });
    expect(token.where).toMatch(/\(api_token_file\)$/);
  });

  it.each([
    ["aic_interpolation", { hf_id: "some/model" }, /\(aic_interpolation\)$/, /found the model "some\/model"/],
    ["aic_interpolation", { system: "abacus" }, /\(aic_interpolation\)$/, /found the GPU system "abacus"/],
    [
      "aic_perf_model",
      { backend: "tgi" },
      /\(aic_perf_model\.backend\)$/,
      /found "tgi", expected vllm, sglang, trtllm/,
    ],
    ["aic_interpolation", { decode_pick: null }, /\(aic_interpolation\.decode_pick\)$/, /it is missing/],
  ])("engines that the estimator does not know: %s %o", async (field, more, where, message) => {
    const error = await refusalOf({ optimization_target: "sla", [field]: { ...ENGINE, ...more } });
    expect(error.where).toMatch(where);
    expect(error.message).toMatch(message);
  });
});
