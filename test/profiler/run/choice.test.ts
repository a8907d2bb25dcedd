import { describe, expect, it } from "vitest";
import type { ChoiceContent, ChoicePage } from "#src/profiler";
import { documents, filesIn, madeRun, read, status } from "./made-run.ts";

const flags = {
  model: "Qwen/Qwen3-32B",
  backend: "vllm",
  isl: "3000",
  osl: "150",
  ttft: "200",
  itl: "20",
  "min-num-gpus-per-engine": "1",
  "max-num-gpus-per-engine": "4",
} as const;

function page(choice: { prefill: number; decode: number }) {
  const shown: ChoiceContent[] = [];
  const asked: { port: number; host: string; timeoutMs: number }[] = [];
  const made: ChoicePage = {
    data: (content) => {
      shown.push(content);
      return JSON.stringify({ rows: content.results.prefill.length });
    },
    choose: async (content, { port, host, timeoutMs, log }) => {
      asked.push({ port, host, timeoutMs });
      log("info", `User selected: Prefill=${choice.prefill}, Decode=${choice.decode}`);
      expect(content.configOf(content.results.prefill[0]!.mapping, content.results.decode[0]!.mapping)).toContain(
        "kind: DynamoGraphDeployment",
      );
      return choice;
    },
  };
  return { page: made, shown, asked };
}

describe("a choice on a page", () => {
  it("[R094] [R152] takes the rows that were chosen instead of the best, all the way to the deployment", async () => {
    const made = page({ prefill: 2, decode: 0 });
    const { folder, result } = madeRun(
      { ...flags, "pick-with-webui": true, "webui-port": "9123" },
      { page: made.page },
    );
    const { chosen, sweep, profile } = await result;
    expect(chosen.by).toBe("user");
    expect(chosen.prefill).toBe(sweep.prefill[2]);
    expect(chosen.decode).toBe(sweep.decode[0]);
    expect(made.asked).toEqual([{ port: 9123, host: "127.0.0.1", timeoutMs: 3_600_000 }]);
    expect(profile!.provenance).toMatchObject({ gpusPerPrefillEngine: 4, gpusPerDecodeEngine: 1 });
    const { services } = documents(folder, "config_with_planner.yaml").at(-1).spec;
    expect(services.VllmPrefillWorker.extraPodSpec.mainContainer.args.join(" ")).toContain("--tensor-parallel-size 4");
    expect(read(folder, "profile_sla.log")).toContain("User selected: Prefill=2, Decode=0");
  });

  it("leaves the page's data in the folder, also where nobody is asked", async () => {
    const made = page({ prefill: 0, decode: 0 });
    const { folder, result } = madeRun(flags, { page: made.page });
    expect((await result).chosen.by).toBe("sweep");
    expect(made.asked).toEqual([]);
    expect(filesIn(folder)).toContain("webui_data.json");
    expect(made.shown[0]).toMatchObject({
      model: "Qwen/Qwen3-32B",
      isl: 3000,
      osl: 150,
      sla: { ttftMs: 200, itlMs: 20 },
    });
  });

  it("refuses a row that there is none of, and ends clean", async () => {
    const { folder, calls, result } = madeRun(
      { ...flags, "pick-with-webui": true },
      { page: page({ prefill: 7, decode: 0 }).page },
    );
    await expect(result).rejects.toMatchObject({ code: "PROFILER_CHOICE" });
    expect(calls.sourceClosed).toBe(1);
    expect(status(folder)).toMatchObject({ status: "failed", phase: "SelectingConfig" });
  });
});
