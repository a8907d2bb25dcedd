import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { ENGINE_DEFAULTS, engineConfig, NO_ENGINE_QUIRKS } from "#mocker/engine";
import { ENGINES, EngineDriver, HAND_TIMING } from "./engine-driver.ts";

function problem(overrides: Parameters<typeof engineConfig>[0]): UserError {
  try {
    engineConfig(overrides);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("nothing was wrong");
}

describe("an engine's configuration", () => {
  it("is the defaults and what differs", () => {
    expect(engineConfig({ timing: HAND_TIMING, maxNumSeqs: 3 })).toEqual({
      ...ENGINE_DEFAULTS,
      timing: HAND_TIMING,
      maxNumSeqs: 3,
    });
    expect(ENGINE_DEFAULTS).toMatchObject({ numGpuBlocks: 16384, blockSize: 64, watermark: 0, speedupRatio: 1 });
  });

  it.each([
    ["numGpuBlocks", 0],
    ["blockSize", 1.5],
    ["maxNumSeqs", -1],
    ["maxNumBatchedTokens", Number.NaN],
    ["maxModelLen", 0],
    ["speedupRatio", -1],
    ["decodeSpeedupRatio", Number.POSITIVE_INFINITY],
    ["watermark", 1],
    ["watermark", Number.NaN],
  ] as const)("refuses %s of %d, by name, with what it takes", (key, value) => {
    const error = problem({ timing: HAND_TIMING, [key]: value });
    expect(error).toMatchObject({ code: "ENGINE_BAD_CONFIG", where: key, exitCode: 2 });
    expect(error.message).toContain(`found ${value}, expected `);
    expect(error.hint).toBeTruthy();
  });

  it.each([
    [{ prefillDecodeInterval: 1 }, "prefillScheduleInterval"],
    [{ family: "trtllm", prefillDecodeInterval: 1 }, "it is SGLang's"],
    [{ family: "sglang", prefillScheduleInterval: 2 }, "prefillDecodeInterval"],
    [{ family: "sglang", prefillDecodeInterval: 0.5 }, "0 is the default"],
  ] as const)("refuses an interval between prompts that its family does not have: %j", (config, hint) => {
    const error = problem({ timing: HAND_TIMING, ...config });
    expect(error).toMatchObject({ code: "ENGINE_BAD_CONFIG", exitCode: 2 });
    expect(error.hint).toContain(hint);
  });

  it("takes the bounds themselves", () => {
    const config = { timing: HAND_TIMING, numGpuBlocks: 1, blockSize: 1, speedupRatio: 0, watermark: 0.999 };
    expect(engineConfig(config)).toMatchObject(config);
  });
});

describe.each(ENGINES)("$name with the quirk abortOnStuck", (kind) => {
  it("ends the run with an error where a request can never be scheduled", () => {
    const quirks = { ...NO_ENGINE_QUIRKS, abortOnStuck: true };
    const config = { quirks, chunkedPrefill: false, maxNumBatchedTokens: 4 };
    const driver = new EngineDriver(kind, config, [{ isl: 5, osl: 1 }]);
    expect(driver.submit(0)).toEqual([null]);
    expect(() => driver.finish()).toThrow(expect.objectContaining({ code: "ENGINE_STUCK", exitCode: 1 }));
  });
});

it("a stepping engine without work asks for no pass", () => {
  const driver = new EngineDriver(ENGINES[0], {}, [{ isl: 1, osl: 1 }]);
  expect(driver.engine.start(0)).toBeNaN();
  expect(driver.engine.busy).toBe(false);
});
