import type { ProfilingRequest } from "../types.ts";
import type { ProfilingInput } from "./options.ts";

/** What reading a request needs from outside; each has a default that touches the machine. */
export interface ReadServices {
  /** Text of a file; `-` is stdin. */
  readFile?: (path: string) => string;
  /** True where the estimator covers the combination (`isSupported` of #src/estimator). */
  isSupported?: (model: string, system: string, backend: string) => boolean;
}

export function readProfilingRequest(_input: ProfilingInput, _services: ReadServices = {}): ProfilingRequest {
  throw new Error("being written");
}
