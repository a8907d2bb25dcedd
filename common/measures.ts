/** Measures of a run that are shares, 0..1. */
export const SHARE_MEASURES = [
  "slaAttainment",
  "ttftAttainment",
  "itlAttainment",
  "prefixHitRate",
  "routerHitRate",
  "routerRegretRate",
] as const;
