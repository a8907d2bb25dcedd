import type { Backend } from "#src/estimator";

/** Last part of the images' names in Dynamo's registry. */
const RUNTIME: Record<Backend, string> = {
  vllm: "vllm-runtime",
  sglang: "sglang-runtime",
  trtllm: "tensorrtllm-runtime",
};
const PLANNER = "dynamo-planner";

/** The profiler's image with its last part renamed: registry, tag and digest stay. */
export function backendImage(profilerImage: string, backend: Backend): string {
  return renamed(profilerImage, RUNTIME[backend]);
}

/** The image of planner and Dynamo's mocker, of the same release as the profiler's. */
export function plannerImage(profilerImage: string): string {
  return renamed(profilerImage, PLANNER);
}

/** Which backend an image's name speaks of, as Dynamo names its images. */
export function backendOfImage(image: string): Backend | undefined {
  const name = splitImage(image).name;
  const found = Object.entries(RUNTIME).find(([, runtime]) => runtime === name || `dynamo-${runtime}` === name);
  if (found) return found[0] as Backend;
  return name === "trtllm-runtime" ? "trtllm" : undefined;
}

function renamed(image: string, name: string): string {
  const { path, rest } = splitImage(image);
  return `${path}${name}${rest}`;
}

/** `registry:5000/team/name:tag@sha256:…`: a colon before the last slash belongs to the registry's port. */
function splitImage(image: string): { path: string; name: string; rest: string } {
  const start = image.lastIndexOf("/", image.includes("@") ? image.indexOf("@") : undefined) + 1;
  const last = image.slice(start);
  const end = last.search(/[:@]/);
  return end < 0
    ? { path: image.slice(0, start), name: last, rest: "" }
    : { path: image.slice(0, start), name: last.slice(0, end), rest: last.slice(end) };
}
