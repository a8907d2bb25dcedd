import { wrongType } from "../errors.ts";
import type { Component } from "../graph/component.ts";
import { countAt, type JsonObject, objectAt, textAt } from "../graph/json.ts";
import type { Probe, ReplicaTemplate } from "./types.ts";

type ProbeName = keyof ReplicaTemplate["probes"];

/** The component's HTTP probes, with Kubernetes' presets; of others the note that they are left aside. */
export function probesOf(component: Component, note: (text: string) => void): ReplicaTemplate["probes"] {
  const read = (name: ProbeName): Probe | null => {
    const field = `${name}Probe` as const;
    const found = component.probe(field);
    if (!found) return null;
    const where = `${component.path}.${field}`;
    const http = objectAt(found, "httpGet", where);
    if (!http) {
      note(`its ${field} is left aside: only httpGet can be asked here, and its own health endpoint is asked instead`);
      return null;
    }
    return {
      path: textAt(http, "path", `${where}.httpGet`) ?? "/",
      port: portOf(http, `${where}.httpGet`),
      initialDelaySeconds: countAt(found, "initialDelaySeconds", where) ?? 0,
      periodSeconds: countAt(found, "periodSeconds", where) ?? 10,
      timeoutSeconds: countAt(found, "timeoutSeconds", where) ?? 1,
      failureThreshold: countAt(found, "failureThreshold", where) ?? 3,
      successThreshold: countAt(found, "successThreshold", where) ?? 1,
    };
  };
  return { readiness: read("readiness"), liveness: read("liveness"), startup: read("startup") };
}

function portOf(http: JsonObject, where: string): number | string {
  const { port } = http;
  if (typeof port === "string" && port !== "") return /^\d+$/.test(port) ? Number(port) : port;
  if (typeof port === "number" && Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  throw wrongType(`${where}.port`, "a port, by number or name", port);
}
