import { X509Certificate } from "node:crypto";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { selfSignedCertificate } from "../../../src/deployment/cluster/kubelet/certificate.ts";
import { startKubelet } from "../../../src/deployment/cluster/kubelet/kubelet.ts";

describe("a self-signed certificate", () => {
  it.each([Date.UTC(2026, 10, 29), Date.UTC(2051, 0, 1)])("names the node and its address, from %i on", (nowMs) => {
    const { cert, key } = selfSignedCertificate("understudy-llm", "127.0.0.1", nowMs);
    const found = new X509Certificate(cert);
    expect(found.subject).toBe("CN=understudy-llm");
    expect(found.issuer).toBe(found.subject);
    expect(found.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(found.verify(found.publicKey)).toBe(true);
    expect(Date.parse(found.validFrom)).toBe(nowMs - 3_600_000);
    expect(Date.parse(found.validTo)).toBe(nowMs + 365 * 24 * 3_600_000);
    expect(key).toContain("PRIVATE KEY");
  });

  it("of a long name is cut to what X.509 takes", () => {
    const { cert } = selfSignedCertificate("x".repeat(253), "127.0.0.1", Date.UTC(2026, 0, 1));
    expect(new X509Certificate(cert).subject).toBe(`CN=${"x".repeat(64)}`);
  });
});

describe("a node's kubelet", () => {
  async function made() {
    const folder = mkdtempSync(join(tmpdir(), "understudy-kubelet-"));
    const log = join(folder, "decode-0.log");
    writeFileSync(log, "one\ntwo\nthree\n");
    const pods = new Map([["llm/d-decode-0", log]]);
    const kubelet = await startKubelet({
      name: "understudy-llm",
      logOf: (namespace, pod) => pods.get(`${namespace}/${pod}`) ?? null,
      now: Date.now,
    });
    onTestFinished(async () => {
      await kubelet.close();
      rmSync(folder, { recursive: true });
    });
    const open = (path: string) =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const { address: host, port } = kubelet;
        // API servers that are given no authority for kubelets check none either.
        request({ host, port, path: `/containerLogs/${path}`, rejectUnauthorized: false }, resolve)
          .on("error", reject)
          .end();
      });
    const get = async (path: string) => {
      const response = await open(path);
      let text = "";
      for await (const chunk of response) text += String(chunk);
      return { status: response.statusCode, text };
    };
    return { log, pods, open, get };
  }

  it("gives a container's log, its end, or its beginning", async () => {
    const { get } = await made();
    expect(await get("llm/d-decode-0/main")).toEqual({ status: 200, text: "one\ntwo\nthree\n" });
    expect(await get("llm/d-decode-0/main?tailLines=2")).toEqual({ status: 200, text: "two\nthree\n" });
    expect(await get("llm/d-decode-0/main?limitBytes=5")).toEqual({ status: 200, text: "one\nt" });
  });

  it("follows it until the pod is gone", async () => {
    const { log, pods, open } = await made();
    const response = await open("llm/d-decode-0/main?follow=true&tailLines=1");
    let text = "";
    for await (const chunk of response) {
      text += String(chunk);
      if (text === "three\n") appendFileSync(log, "four\n");
      else pods.clear();
    }
    expect(text).toBe("three\nfour\n");
  });

  it.each([
    ["llm/other/main", 404, "pod llm/other not found"],
    ["elsewhere/d-decode-0/main", 404, "not found"],
    ["llm/d-decode-0/sidecar", 404, "container sidecar"],
    ["llm/d-decode-0/main?previous=true", 400, "previous terminated container"],
    ["llm/d-decode-0/main?sinceSeconds=10", 400, "no times"],
    ["llm/d-decode-0/main?timestamps=true", 400, "no times"],
    ["llm/d-decode-0/main?tailLines=-1", 400, "expected a whole number"],
  ])("says what it has not: %s", async (path, status, text) => {
    const { get } = await made();
    expect(await get(path)).toEqual({ status, text: expect.stringContaining(text) });
  });
});
