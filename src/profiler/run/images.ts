import { backendImage, plannerImage } from "#src/deployment";
import type { Backend } from "#src/estimator";
import type { DeploymentRequest, ProfilingRequest } from "../types.ts";

type MockerRequest = ProfilingRequest["mocker"];

/** Where a request names no image at all. */
const DEFAULT_IMAGE = "nvcr.io/nvidia/ai-dynamo/dynamo-frontend:latest";

/** The image of this program, as the documents of its mocker build it. */
const OWN_IMAGE = "llm-understudy:latest";

/**
 * Images of a deployment: workers run what the user says, else what a base deployment has, else the profiler's image renamed for the
 * backend; planner and mocker run the same release as the profiler.
 */
export function imagesOf(
  { workersImage, profilerImage, base }: DeploymentRequest,
  backend: Backend,
  flavour: MockerRequest["flavour"],
): { workers: string; planner: string; mocker: string } {
  const known = profilerImage ?? workersImage ?? DEFAULT_IMAGE;
  const keepsBase = base !== undefined && profilerImage === undefined;
  return {
    workers: workersImage ?? (keepsBase ? "" : backendImage(known, backend)),
    planner: plannerImage(known),
    mocker: flavour === "understudy" ? OWN_IMAGE : plannerImage(known),
  };
}
