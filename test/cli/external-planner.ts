/**
 * Planners of one's own as programs: `node external-planner.ts http LOG` listens and says `port N`, `node external-planner.ts store FOLDER`
 * answers through a folder. Both want two prefill workers and one decode worker, whatever they see, and say so only where it is not so.
 */
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { FileStore } from "#planner/connectors";

const WANTED = { prefill: 2, decode: 1 };
const [, , kind, where] = process.argv;

if (kind === "http") {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(parts).toString());
      const { tick, nowMs, stage, traffic, workers } = body;
      appendFileSync(where!, `${JSON.stringify({ url: request.url, tick, nowMs, stage, traffic, workers })}\n`);
      const targets = Object.entries(WANTED).map(([role, replicas]) => ({ role, replicas, type: "SET" }));
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ kind: "override", targets }));
    });
  });
  server.listen(0, "127.0.0.1", () => process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`));
} else {
  const store = new FileStore(where!);
  const prefix = "v1/judge/planner/";
  process.stdout.write("ready\n");
  for (;;) {
    const view = await store.read(prefix);
    const value = (key: string) => view.values.get(`${prefix}${key}`)?.value;
    const seen = Number(value("observation_id") ?? -1);
    if (seen > Number(value("observed_id") ?? -1)) {
      const isSo = value("num_prefill_workers") === "2" && value("num_decode_workers") === "1";
      const decision = isSo
        ? {}
        : {
            [`${prefix}num_prefill_workers`]: "2",
            [`${prefix}num_decode_workers`]: "1",
            [`${prefix}decision_id`]: String(Number(value("decision_id") ?? -1) + 1),
          };
      await store.commit({ write: { ...decision, [`${prefix}observed_id`]: String(seen) } });
    } else {
      await store.changed(prefix, view.revision, 10_000);
    }
  }
}
