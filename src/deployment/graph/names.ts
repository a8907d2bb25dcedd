import type { Backend } from "#src/estimator";

export type WorkerBackend = Backend | "mocker";

/** Name of a worker in the backends' own manifests, and in Dynamo's discovery. */
export interface CanonicalName {
  backend: WorkerBackend;
  role: "prefill" | "decode" | "worker";
  name: string;
  /** Name of the component that it registers as. */
  component: string;
}

/** Names in Dynamo's manifests, newest first; those of TensorRT-LLM changed after release 0.6. */
const CANONICAL: readonly CanonicalName[] = [
  { backend: "vllm", role: "prefill", name: "VllmPrefillWorker", component: "prefill" },
  { backend: "vllm", role: "decode", name: "VllmDecodeWorker", component: "backend" },
  { backend: "vllm", role: "worker", name: "VllmWorker", component: "backend" },
  { backend: "sglang", role: "prefill", name: "prefill", component: "prefill" },
  { backend: "sglang", role: "decode", name: "decode", component: "backend" },
  { backend: "trtllm", role: "prefill", name: "prefill", component: "prefill" },
  { backend: "trtllm", role: "decode", name: "decode", component: "backend" },
  { backend: "trtllm", role: "prefill", name: "TRTLLMPrefillWorker", component: "tensorrt_llm_next" },
  { backend: "trtllm", role: "decode", name: "TRTLLMDecodeWorker", component: "tensorrt_llm" },
  { backend: "trtllm", role: "worker", name: "TRTLLMWorker", component: "backend" },
  { backend: "mocker", role: "prefill", name: "prefill", component: "prefill" },
  { backend: "mocker", role: "decode", name: "decode", component: "backend" },
];

/** Of one backend, or of all. */
export function canonicalNames(backend?: WorkerBackend): readonly CanonicalName[] {
  return backend === undefined ? CANONICAL : CANONICAL.filter((entry) => entry.backend === backend);
}
