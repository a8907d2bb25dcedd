import { expect, it } from "vitest";
import { engineLayout } from "#src/estimator";

it("reads tensor, tensor-expert and data-expert parallelism from their labels", () => {
  expect(engineLayout("tp4")).toEqual({ tp: 4, pp: 1, attentionDp: 1, moeTp: 4, moeEp: 1, gpus: 4 });
  expect(engineLayout("tep8")).toEqual({ tp: 8, pp: 1, attentionDp: 1, moeTp: 1, moeEp: 8, gpus: 8 });
  expect(engineLayout("dep8")).toEqual({ tp: 1, pp: 1, attentionDp: 8, moeTp: 1, moeEp: 8, gpus: 8 });
});

it.each(["tp0", "TP4", "pp2", "tp", "8", "tp4 "])("refuses the label %j", (label) => {
  expect(() => engineLayout(label)).toThrow(expect.objectContaining({ code: "ESTIMATOR_LAYOUT" }));
});
