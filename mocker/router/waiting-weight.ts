/**
 * An aggregated worker's request counts this much until its first token is out, and 1 from then on, in requests: vLLM's data-parallel
 * load balancer scores engines by 4 × waiting + running. By requests alone a new worker would draw every prompt for a while.
 */
export const WAITING_WEIGHT = 4;
