export { BearerTokens } from "./bearer-tokens.ts";
export { hostPort } from "./host-port.ts";
export { isOwnHost, isOwnOrigin, type RequestOrigin } from "./request-origin.ts";
