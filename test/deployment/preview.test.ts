import { expect, it } from "vitest";
import { previewDeployment } from "#src/deployment";
import { engineLayout } from "#src/estimator";

it("[R114] shows both workers with their parallelism, and no metadata", () => {
  expect(previewDeployment(engineLayout("tp1"), engineLayout("tp4"))).toEqual({
    apiVersion: "nvidia.com/v1alpha1",
    kind: "DynamoGraphDeployment",
    spec: {
      services: {
        PrefillWorker: {
          subComponentType: "prefill",
          replicas: 1,
          extraPodSpec: { mainContainer: { args: ["--tensor-parallel-size=1"] } },
        },
        DecodeWorker: {
          subComponentType: "decode",
          replicas: 1,
          extraPodSpec: { mainContainer: { args: ["--tensor-parallel-size=4"] } },
        },
      },
    },
  });
});

it("[R114] tells experts and attention ranks, where a layout has them", () => {
  const { spec } = previewDeployment(engineLayout("tep8"), engineLayout("dep8"));
  const text = JSON.stringify(spec);
  expect(text).toContain('["--tensor-parallel-size=8","--expert-parallel-size=8"]');
  expect(text).toContain('["--tensor-parallel-size=1","--data-parallel-size=8","--expert-parallel-size=8"]');
});
