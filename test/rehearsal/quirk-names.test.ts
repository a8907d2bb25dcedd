import { expect, it } from "vitest";
import { ENGINE_QUIRK_NAMES } from "#mocker/engine";
import { QUIRKS } from "#scenarios";

it("scenarios may name every switch of the engine and the simulator, and no other", () => {
  expect([...QUIRKS].sort()).toEqual([...ENGINE_QUIRK_NAMES, "passesBeforeArrivals"].sort());
});
