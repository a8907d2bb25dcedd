export { addProfileOptions, type GivenFlag, type ProfilingInput, profileInputFrom } from "./options.ts";
export { type ReadServices, readProfilingRequest } from "./read-request.ts";
