import type { EndpointOptions, EndpointResult } from "./endpoint.ts";

export type { EndpointOptions, EndpointProgress, EndpointResult } from "./endpoint.ts";

/**
 * Measures one running OpenAI endpoint at the points that a profile is made of. What it takes to do so is loaded here: other
 * users of the profiler send no requests.
 * @throws UserError where nobody answers, the model is not served, a setting is missing, or no point could be measured
 */
export async function profileEndpoint(options: EndpointOptions): Promise<EndpointResult> {
  const { measureEndpoint } = await import("./endpoint.ts");
  return measureEndpoint(options);
}
