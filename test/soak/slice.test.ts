import { describe, expect, it } from "vitest";
import { describeWithTool } from "../tools.ts";
import { type Campaign, loadCampaigns } from "./campaign.ts";

const SEED = 20_261_129;
/** A thousand closed loops take a while on a busy machine, ms. */
const SLICE_TIMEOUT_MS = 900_000;
const campaigns = await loadCampaigns();

it("has campaigns of different names, each with a slice smaller than the whole", () => {
  expect(campaigns.length).toBeGreaterThan(0);
  expect(new Set(campaigns.map(({ name }) => name)).size).toBe(campaigns.length);
  for (const { sliceRuns, soakRuns } of campaigns) expect(sliceRuns).toBeLessThanOrEqual(soakRuns);
});

for (const campaign of campaigns) {
  const title = `campaign ${campaign.name}`;
  if (campaign.needs === undefined) describe(title, () => slice(campaign));
  else await describeWithTool(title, campaign.needs, () => slice(campaign));
}

function slice(campaign: Campaign): void {
  it(
    `${campaign.proves}: ${campaign.sliceRuns} ${campaign.cases}`,
    async () => {
      const { runs, failures } = await campaign.run(campaign.sliceRuns, SEED);
      expect(failures).toEqual([]);
      expect(runs).toBe(campaign.sliceRuns);
    },
    SLICE_TIMEOUT_MS,
  );
}
