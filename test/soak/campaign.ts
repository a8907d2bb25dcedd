import { readdirSync } from "node:fs";
import fc from "fast-check";

/** A random search for a case that breaks a promise. Each file in `campaigns/` exports one as `campaign`. */
export interface Campaign {
  /** Its name on the command line, such as `planner-budget`. */
  name: string;
  /** What must hold in every case, as a clause: "the GPU budget is never exceeded". */
  proves: string;
  /** What a case is, in the plural: "deployments with random reports". */
  cases: string;
  /** Cases in the seeded slice that the test suite runs, and in a whole soak. */
  sliceRuns: number;
  soakRuns: number;
  /** Gets the tools that it can't do without. @throws ToolMissing */
  needs?(): Promise<void>;
  /** @param seed the same seed draws the same cases @throws only where the campaign itself is broken */
  run(count: number, seed: number, control?: CampaignControl): Promise<CampaignResult>;
}

export interface CampaignControl {
  onProgress?(done: number): void;
  /** Ends the search early; what was done until then counts. */
  signal?: AbortSignal;
}

export interface CampaignResult {
  /** Cases that were tried. */
  runs: number;
  /** One text per case that broke the promise, with what it takes to draw it again. */
  failures: string[];
}

/** Cases between two reports of progress; the search can be interrupted there. */
const BATCH = 200;

/**
 * Runs a fast-check property as a campaign: in batches, each with a seed of its own that its failure names.
 * @param known cases that are tried first
 */
export async function checkProperty<Ts>(
  property: fc.IRawProperty<Ts>,
  count: number,
  seed: number,
  control: CampaignControl = {},
  known: Ts[] = [],
): Promise<CampaignResult> {
  let runs = 0;
  while (runs < count) {
    if (control.signal?.aborted) break;
    const batch = Math.min(BATCH, count - runs);
    // Not shrunk: with closed loops that would take far longer than the search.
    const details = await fc.check(property, {
      numRuns: batch,
      seed: seed + runs,
      examples: runs === 0 ? known : [],
      endOnFailure: true,
      includeErrorInReport: true,
    });
    runs += details.numRuns;
    if (details.failed) return { runs, failures: [fc.defaultReportMessage(details) ?? "failed"] };
    control.onProgress?.(runs);
    // Lets signals and progress have their turn: properties are synchronous.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { runs, failures: [] };
}

/** All campaigns, by name. */
export async function loadCampaigns(): Promise<Campaign[]> {
  const folder = new URL("campaigns/", import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  const modules = await Promise.all(
    files.map(async (name) => (await import(new URL(name, folder).href)) as { campaign: Campaign }),
  );
  return modules.map(({ campaign }) => campaign).sort((a, b) => a.name.localeCompare(b.name));
}
