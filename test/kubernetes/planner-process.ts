/**
 * A planner's leadership in a process of its own, to be killed: `node planner-process.ts KUBECONFIG LEASE IDENTITY LEASE_MS RETRY_MS`. Writes a
 * line of JSON at each change of the lead.
 */
import { kubernetesLeadership } from "#planner/connectors";

const [kubeconfig = "", lease = "", identity = "", leaseMs = "15000", retryMs = "2000"] = process.argv.slice(2);
const times = { leaseMs: Number(leaseMs), renewDeadlineMs: Number(leaseMs) * (2 / 3), retryMs: Number(retryMs) };
const leadership = await kubernetesLeadership({ cluster: { kubeconfig }, lease, identity, times });
const say = (isLeader: boolean) =>
  process.stdout.write(`${JSON.stringify({ identity, isLeader, atUnixMs: Date.now() })}\n`);
process.once("SIGTERM", async () => {
  await leadership.release();
  process.exit(0);
});
await leadership.start(say);
say(false);
