import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { PrometheusClient, type PrometheusOptions } from "../../../../planner/sources/prometheus/client.ts";
import { type Asked, fakeServer } from "../fake-deployment.ts";

function client(endpoint: string, options: Partial<PrometheusOptions> = {}): PrometheusClient {
  const made = new PrometheusClient({ endpoint, ...options });
  onTestFinished(() => made.close());
  return made;
}

const vector = (...result: unknown[]) => JSON.stringify({ status: "success", data: { resultType: "vector", result } });
const sample = (value: string, metric: Record<string, string> = {}) => ({ metric, value: [1_700_000_000.1, value] });

describe("a query", () => {
  it("asks by GET with what was given besides, a long one by POST", async () => {
    const asked: (Asked & { url: URL })[] = [];
    const { url } = await fakeServer((at, request) => {
      asked.push({ ...request, url: at });
      return { body: vector() };
    });
    const prometheus = client(`${url}/prefix/`, { extraQueryParams: { tenant: "a b" } });
    expect(await prometheus.query("sum(up)")).toEqual([]);
    const long = `sum({__name__=~"${"x".repeat(3000)}"})`;
    await prometheus.query(long);
    expect(asked.map(({ method, url: { pathname } }) => [method, pathname])).toEqual([
      ["GET", "/prefix/api/v1/query"],
      ["POST", "/prefix/api/v1/query"],
    ]);
    expect(asked.map(({ url: { searchParams } }) => searchParams.get("tenant"))).toEqual(["a b", "a b"]);
    expect(asked[0]!.url.searchParams.get("query")).toBe("sum(up)");
    expect(new URLSearchParams(asked[1]!.body).get("query")).toBe(long);
  });

  it("reads numbers as Prometheus writes them", async () => {
    const values = ["1.5", "0", "NaN", "+Inf", "-Inf", "1e-07"];
    const { url } = await fakeServer(() => ({ body: vector(...values.map((value) => sample(value, { le: value }))) }));
    expect((await client(url).query("x")).map(({ value }) => value)).toEqual([
      1.5,
      0,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      1e-7,
    ]);
    const { url: scalar } = await fakeServer(() => ({
      body: JSON.stringify({ status: "success", data: { resultType: "scalar", result: [1, "7"] } }),
    }));
    expect(await client(scalar).query("7")).toEqual([{ labels: {}, value: 7 }]);
  });

  it.each<[string, { status?: number; body: string } | null, string]>([
    [
      "a refusal of the expression",
      { status: 400, body: JSON.stringify({ status: "error", errorType: "bad_data", error: "parse error" }) },
      "answered 400, bad_data: parse error",
    ],
    [
      "an expression that took too long",
      { status: 503, body: JSON.stringify({ status: "error", errorType: "timeout", error: "query timed out" }) },
      "answered 503, timeout: query timed out",
    ],
    [
      "something before it that refuses",
      { status: 403, body: "<h1>Forbidden</h1>" },
      "answered 403: <h1>Forbidden</h1>",
    ],
    ["an error without a body", { status: 502, body: "" }, "answered 502"],
    ["JSON of something else", { body: '{"hello":1}' }, "answered with something that is no vector"],
    ["JSON that breaks off", { body: '{"status":"succ' }, 'answered 200: {"status":"succ'],
    ["a matrix", { body: '{"status":"success","data":{"resultType":"matrix","result":[]}}' }, "no vector"],
    ["a connection that breaks", null, "other side closed"],
  ])("says why there is no answer: %s", async (_, answer, message) => {
    const { url } = await fakeServer(() => answer);
    await expect(client(url).query("x")).rejects.toThrow(message);
  });

  it("waits for no answer longer than it was told, and takes none that is too long", async () => {
    const { url } = await fakeServer(() => "never");
    await expect(client(url, { timeoutMs: 50 }).query("x")).rejects.toThrow();
    const { url: long } = await fakeServer(() => ({ body: vector(sample("1", { pad: "x".repeat(100_000) })) }));
    await expect(client(long, { maxBytes: 10_000 }).query("x")).rejects.toThrow();
  });

  it("reads the token's file anew for every query", async () => {
    const folder = mkdtempSync(join(tmpdir(), "understudy-token-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const tokenFile = join(folder, "token");
    const tokens: unknown[] = [];
    const { url } = await fakeServer((_, { headers }) => {
      tokens.push(headers.authorization);
      return { body: vector() };
    });
    const prometheus = client(url, { tokenFile });
    await expect(prometheus.query("x")).rejects.toThrow("its token can't be read: ENOENT");
    writeFileSync(tokenFile, "first\n");
    await prometheus.query("x");
    writeFileSync(tokenFile, "second");
    await prometheus.query("x");
    await client(url, { token: "given" }).query("x");
    await client(url).query("x");
    expect(tokens).toEqual(["Bearer first", "Bearer second", "Bearer given", undefined]);
  });

  it("has so many under way at once, and no more", async () => {
    const waiting: ServerResponse[] = [];
    const seen: number[] = [];
    // Nobody is answered before three wait, and then all of them: with fewer at once it would never end.
    const http = createHttpServer((_, response) => {
      waiting.push(response);
      seen.push(waiting.length);
      if (waiting.length === 3) for (const each of waiting.splice(0)) each.end(vector());
    });
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void http.close());
    const prometheus = client(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { concurrency: 3 });
    await Promise.all(Array.from({ length: 9 }, () => prometheus.query("x")));
    expect(seen).toEqual([1, 2, 3, 1, 2, 3, 1, 2, 3]);
  });
});

describe("a query over TLS", () => {
  const file = (name: string) => join(import.meta.dirname, "..", "tls", name);
  let https: Server;
  let url: string;
  beforeAll(async () => {
    const [cert, key] = ["certificate.pem", "key.pem"].map((name) => readFileSync(file(name)));
    https = createServer({ cert: cert!, key: key! }, (_, response) => response.end(vector(sample("1"))));
    await new Promise<void>((resolve) => https.listen(0, "127.0.0.1", resolve));
    url = `https://127.0.0.1:${(https.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    https.closeAllConnections();
    await new Promise((resolve) => https.close(resolve));
  });

  it("checks the certificate where it is asked to, against the authorities it is given", async () => {
    expect(await client(url, { sslVerify: false }).query("x")).toHaveLength(1);
    await expect(client(url, { sslVerify: true }).query("x")).rejects.toThrow("self-signed certificate");
    expect(await client(url, { sslVerify: true, caBundle: file("certificate.pem") }).query("x")).toHaveLength(1);
  });

  it("checks it with a CA bundle in any case: why else would there be one", async () => {
    const folder = mkdtempSync(join(tmpdir(), "understudy-ca-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, "empty.pem"), "");
    await expect(client(url, { caBundle: join(folder, "empty.pem") }).query("x")).rejects.toThrow("self-signed");
    expect(() => client(url, { caBundle: join(folder, "none.pem") })).toThrow(
      expect.objectContaining({ code: "PLANNER_PROMETHEUS_FILE" }),
    );
  });
});
