import { expect, it } from "vitest";
import { placeReplica } from "../../../src/deployment/runner/placement.ts";

it("replicas have a process each while there are few, and share them evenly when there are many", () => {
  const hosts: { id: string; replicas: number }[] = [];
  for (let i = 0; i < 10; i++) {
    const id = placeReplica(hosts, 4);
    const host = hosts.find((each) => each.id === id);
    if (host === undefined) hosts.push({ id: `host-${i}`, replicas: 1 });
    else host.replicas++;
  }
  expect(hosts.map(({ replicas }) => replicas)).toEqual([3, 3, 2, 2]);
  hosts[2]!.replicas = 0;
  expect(placeReplica(hosts, 4)).toBe("host-2");
});
