import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { requestReference } from "../../../scripts/write-request-reference.ts";
import { schemas } from "../../../scripts/write-schemas.ts";
import { describeWithReference, referencePath } from "../../reference.ts";
import { readText } from "./read.ts";

const DGDR = "src/profiler/config/dgdr.schema.json";
const CONFIG = "src/profiler/config/profiling-config.schema.json";
const examples = "examples/dgdr";

interface Request {
  kind?: string;
  spec?: { profilingConfig?: { config?: unknown } };
}

const requestsIn = (path: string) =>
  parseAllDocuments(readFileSync(path, "utf8"))
    .map((document) => document.toJS() as Request)
    .filter(({ kind }) => kind === "DynamoGraphDeploymentRequest");

describe("what is published of requests", () => {
  it.each(Object.keys(requestReference()))(
    "%s is what the schemas say: node scripts/write-request-reference.ts",
    (path) => {
      expect(readFileSync(path, "utf8")).toBe(requestReference()[path]);
    },
  );

  it.each([DGDR, CONFIG])("%s is what the code says: node scripts/write-schemas.ts", (path) => {
    expect(readFileSync(path, "utf8")).toBe(schemas()[path]);
  });

  // Independent readings of the published files.
  const dgdr = z.fromJSONSchema(JSON.parse(readFileSync(DGDR, "utf8")));
  const config = z.fromJSONSchema(JSON.parse(readFileSync(CONFIG, "utf8")));

  it.each(readdirSync(examples))("accepts examples/dgdr/%s", (name) => {
    const requests = requestsIn(`${examples}/${name}`);
    expect(requests).toHaveLength(1);
    for (const request of requests) {
      expect(dgdr.safeParse(request).error?.issues).toBeUndefined();
      const own = request.spec?.profilingConfig?.config;
      if (own !== undefined) expect(config.safeParse(own).error?.issues).toBeUndefined();
    }
  });

  it("refuses what is no request, and settings of another type", () => {
    const [good] = requestsIn(`${examples}/rapid_v1beta1.yaml`);
    expect(dgdr.safeParse({ ...good, kind: "Deployment" }).success).toBe(false);
    expect(dgdr.safeParse({ ...good, spec: { ...good!.spec, searchStrategy: "through" } }).success).toBe(false);
    expect(config.safeParse({ sla: { isl: "long" } }).success).toBe(false);
  });
});

describeWithReference("the documents' samples", () => {
  it.each(readdirSync(referencePath("dgdr-v1alpha1-samples")).filter((name) => name.endsWith("_dgdr.yaml")))(
    "[R012] %s is read without a refusal, and the published schema takes it",
    (name) => {
      const path = referencePath("dgdr-v1alpha1-samples", name);
      const request = readText(readFileSync(path, "utf8"));
      expect(request.source.kind).toBe("dgdr");
      const dgdr = z.fromJSONSchema(JSON.parse(readFileSync(DGDR, "utf8")));
      for (const document of requestsIn(path)) expect(dgdr.safeParse(document).error?.issues).toBeUndefined();
    },
  );
});
