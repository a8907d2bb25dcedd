import { Elector, type ElectorOptions, electionTimes } from "../leadership/elector.ts";
import type { Leadership } from "../types.ts";
import { type ClusterOptions, KubernetesClient } from "./client.ts";
import { LeaseCampaign } from "./lease-campaign.ts";

export interface KubernetesLeadershipOptions extends ElectorOptions {
  cluster?: ClusterOptions;
  /** Name of the Lease, one for each deployment that is planned for. */
  lease: string;
}

/** Of several planners with the same Lease, one alone leads. @throws UserError where no cluster can be found */
export async function kubernetesLeadership(options: KubernetesLeadershipOptions): Promise<Leadership> {
  const { cluster = {}, lease, identity, pace } = options;
  const times = electionTimes(options.times);
  const client = await KubernetesClient.open(cluster);
  const campaign = new LeaseCampaign({
    client,
    name: lease,
    identity,
    leaseMs: times.leaseMs,
    requestMs: times.renewDeadlineMs / 2,
    ...(pace === undefined ? {} : { pace }),
  });
  return new Elector(campaign, options);
}
