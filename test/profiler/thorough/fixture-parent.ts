/** A process that has a candidate deployed and never deletes it: `node fixture-parent.ts FOLDER`. */
import { localDriver } from "../../../src/profiler/thorough/local/driver.ts";
import { candidate, PROFILE } from "./local-candidate.ts";

const driver = localDriver({ timing: () => ({ kind: "profile", profile: PROFILE }), speedup: 50 });
const deployment = await driver.apply(candidate("vllm"), { workFolder: process.argv[2]! });
await deployment.waitReady(60_000, new AbortController().signal);
process.stdout.write(`${deployment.url}\n`);
setInterval(() => {}, 1000);
