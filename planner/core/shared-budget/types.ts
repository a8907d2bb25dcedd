import type { Role, Targets } from "../types.ts";

/** GPUs that all deployments together may have, both ends included; null: no limit on that side. */
export interface BudgetBand {
  minGpus: number | null;
  maxGpus: number | null;
}

/** The workers of one role of one of several deployments. */
export interface SharedPool {
  /** Name of the deployment, unlike all others'. */
  deployment: string;
  role: Role;
  /** Replicas that are asked for, ready or not: they have their GPUs or will have them. */
  replicas: number;
  /** 0: it takes no part in the budget. */
  gpusPerReplica: number;
  /** Whether the deployment takes changes now: only then it can be the partner of somebody's request. */
  takesChanges: boolean;
}

/** All that stands within the budget at one moment. */
export interface SharedFleet {
  /** In an order that does not change between decisions: among equals, the earlier comes first. */
  pools: readonly SharedPool[];
  /** GPUs of what nobody scales. */
  otherGpus: number;
}

/** What a pool's planner last wished for, granted or not. */
export interface Intent {
  deployment: string;
  role: Role;
  replicas: number;
  /** Unix ms. */
  atMs: number;
  /** The load that the planner expected, as it told it; absent: it did not. Nothing is decided by it. */
  predictedLoad?: Readonly<Record<string, unknown>>;
}

export interface SharedRequest {
  deployment: string;
  /** Roles that the wish says nothing of stay as they are. */
  targets: Partial<Targets>;
}

/**
 * How a candidate was taken. `full`: all it wished, within the band; `approaching`: all it wished, and still outside; `partial`: as much as
 * lands on the band's edge; `crossed`: not even one replica fitted; `left`: not looked at after the one that crossed.
 */
export type PackingVerdict = "full" | "approaching" | "partial" | "crossed" | "left";

/** One cached intent of the opposite direction, and what became of it. */
export interface PackingStep {
  deployment: string;
  role: Role;
  from: number;
  wished: number;
  /** Equal to `from` where it was not taken. */
  to: number;
  /** GPUs that `to` changes. */
  deltaGpus: number;
  verdict: PackingVerdict;
  /** GPUs of all after the request and the steps so far. */
  totalGpus: number;
}

/** Changes of one deployment, to be made together. */
export interface Leg {
  deployment: string;
  targets: Partial<Targets>;
  deltaGpus: number;
}

/**
 * `unlimited`: there is no budget; `paired`: granted together with others' wishes of the opposite direction; `standalone`: granted alone;
 * `towards-band`: granted alone, as it brings a total that lies outside nearer to the band; `denied`.
 */
export type SharedVerdict = "unlimited" | "paired" | "standalone" | "towards-band" | "denied";

/** A decision with every value that it came from. */
export interface SharedDecision {
  verdict: SharedVerdict;
  /** Why it was denied; empty otherwise. */
  message: string;
  /** In the order in which they are to be carried out: what frees GPUs comes first. Empty where nothing is to be changed. */
  legs: readonly Leg[];
  /** GPUs that are asked for: now, after the request alone, after all legs. */
  totals: { now: number; standalone: number; after: number };
  /** GPUs that the request alone changes. */
  deltaGpus: number;
  /** Whether the request itself has roles that grow and roles that shrink. */
  isInternallyPaired: boolean;
  /** GPUs by which the floor is relaxed: for the request alone, and with partners. */
  tolerance: { standalone: number; paired: number };
  band: BudgetBand;
  /** Candidates by the size of their change, smallest first. */
  packing: readonly PackingStep[];
}
