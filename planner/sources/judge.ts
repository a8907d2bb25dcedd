/** How requests are measured against SLA and profile. */
export interface Judge {
  sla: { ttftMs: number; itlMs: number };
  feasible: (isl: number) => boolean;
  idlePrefillMs: ((isl: number, cachedTokens: number) => number) | null;
}
