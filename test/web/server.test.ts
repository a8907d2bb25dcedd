import { createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { pickWithWebUi, type WebUiOptions } from "#src/web";
import { ask, type OpenWebUi, openWebUi, post } from "./pick.ts";
import { content, sweep } from "./sweep.ts";

let open: OpenWebUi[] = [];

async function start(options: Partial<WebUiOptions> = {}): Promise<OpenWebUi> {
  const ui = await openWebUi(options);
  open.push(ui);
  return ui;
}

afterEach(async () => {
  await Promise.all(open.map((ui) => ui.end()));
  open = [];
});

const json = (text: string) => JSON.parse(text);

describe("waiting for the user", () => {
  it("[R094] [R148] ends with the rows that the user picked, in the documents' words", async () => {
    const ui = await start();
    expect(json((await post(ui.url, { plotType: "prefill", rowIndex: 2 })).text).message).toBe(
      "Prefill config #2 selected. Please select a Decode configuration.",
    );
    const second = await post(ui.url, { plotType: "decode", rowIndex: 9 });
    expect(json(second.text).message).toBe(
      "Configuration selected! Prefill config #2, Decode config #9. Processing...",
    );
    expect(await ui.pick).toEqual({ prefill: 2, decode: 9, timedOut: false });
    const port = new URL(ui.url).port;
    expect(ui.log).toEqual([
      "info: Launching WebUI on port 0...",
      `info: WebUI launched. Waiting for user selection on http://127.0.0.1:${port}`,
      "info: User selected: Prefill=2, Decode=9",
    ]);
    expect(ui.cancelled()).toBe(1);
  });

  it("[R147] ends with both rows of a pair", async () => {
    const ui = await start();
    const [prefill, decode] = content().data.cost.index_mapping[3]!;
    await post(ui.url, { plotType: "cost", rowIndex: 3 });
    expect(await ui.pick).toEqual({ prefill, decode, timedOut: false });
  });

  it("leaves the port free when it has ended", async () => {
    const ui = await start();
    await post(ui.url, { plotType: "cost", rowIndex: 0 });
    await ui.pick;
    await expect(ask(ui.url)).rejects.toThrow("ECONNREFUSED");
  });

  it("takes the first rows where nobody picks within an hour, and says so", async () => {
    const ui = await start();
    expect(ui.timeoutMs()).toBe(3_600_000);
    await post(ui.url, { plotType: "prefill", rowIndex: 2 });
    ui.timeOut();
    expect(await ui.pick).toEqual({ prefill: 0, decode: 0, timedOut: true });
    expect(ui.log.at(-1)).toBe("error: Selection timeout - no selection made within 1 hour");
  });

  it.each([
    [90_000, "90 seconds"],
    [600_000, "10 minutes"],
    [1500, "1500 ms"],
  ])("names another time-out of %i ms as it is", async (timeoutMs, text) => {
    const ui = await start({ timeoutMs });
    ui.timeOut();
    await ui.pick;
    expect(ui.log.at(-1)).toBe(`error: Selection timeout - no selection made within ${text}`);
  });

  it("tells the page how long it waits still, and what was picked so far", async () => {
    let now = 5000;
    const ui = await start({ now: () => now });
    now += 600_000;
    await post(ui.url, { plotType: "decode", rowIndex: 1 });
    expect(json((await ask(ui.url, { path: "/session" })).text)).toMatchObject({
      remainingMs: 3_000_000,
      selection: { prefill: null, decode: 1, complete: false },
      details: { model: "Qwen/Qwen3-32B-FP8" },
    });
  });

  it("ends with the reason of its signal, and closes its port", async () => {
    const abort = new AbortController();
    const ui = await start({ signal: abort.signal });
    abort.abort(new Error("interrupted"));
    await expect(ui.pick).rejects.toThrow("interrupted");
    await expect(ask(ui.url)).rejects.toThrow("ECONNREFUSED");
    await expect(pickWithWebUi({ content: content(), port: 0, signal: abort.signal })).rejects.toThrow("interrupted");
  });

  it("is not shown where there is nothing to pick from", async () => {
    const results = { ...sweep(), decode: [] };
    await expect(pickWithWebUi({ content: content({ results }), port: 0 })).rejects.toMatchObject({
      code: "WEB_NOTHING_TO_PICK",
      message: expect.stringContaining("no decode result"),
    });
  });
});

describe("the port", () => {
  it("[R145] is 8000 unless another is given", async () => {
    // Whether or not something listens there, the default shows.
    const { promise, resolve } = Promise.withResolvers<string>();
    const abort = new AbortController();
    const pick = pickWithWebUi({ content: content(), signal: abort.signal, listening: resolve });
    const seen = await Promise.race([promise, pick.then(String, (error: Error) => error.message)]);
    abort.abort();
    await pick.catch(() => {});
    expect(["http://127.0.0.1:8000", "port 8000 of 127.0.0.1 is in use"]).toContain(seen);
  });

  it("[R145] ends in an error that says what to do where it is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => other.once("listening", resolve));
    const { port } = other.address() as { port: number };
    await expect(pickWithWebUi({ content: content(), port })).rejects.toMatchObject({
      code: "WEB_PORT_TAKEN",
      where: "--webui-port",
      message: `port ${port} of 127.0.0.1 is in use`,
      hint: "--webui-port 0 takes any free one",
    });
    other.close();
  });

  it("listens on loopback alone unless told otherwise", async () => {
    const ui = await start();
    expect(new URL(ui.url).hostname).toBe("127.0.0.1");
    const everywhere = await start({ host: "0.0.0.0" });
    expect(everywhere.log.at(-1)).toMatch(/Waiting for user selection on http:\/\/0\.0\.0\.0:\d+$/);
  });
});

describe("what is served", () => {
  it("[R146] is the page, the data as they are written to webui_data.json, and nothing beyond", async () => {
    const ui = await start();
    const page = await ask(ui.url);
    expect(page).toMatchObject({ status: 200, headers: { "content-type": "text/html; charset=utf-8" } });
    const assets = [...page.text.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map((match) => match[1]!);
    expect(assets.map((path) => path.split(".").at(-1)).toSorted()).toEqual(["css", "js"]);
    for (const path of assets) expect((await ask(ui.url, { path: `/${path}` })).status).toBe(200);
    expect(json((await ask(ui.url, { path: "/webui_data.json" })).text)).toEqual(content().data);
    for (const path of [
      "/main.tsx",
      "/../package.json",
      "/assets/../../package.json",
      "/assets/%2e%2e/%2e%2e/package.json",
      "/assets/..%2f..%2fpackage.json",
      "//etc/passwd",
      "/assets",
    ]) {
      expect({ path, status: (await ask(ui.url, { path })).status }).toEqual({ path, status: 404 });
    }
  });

  it("[R149] is the configuration of any two rows", async () => {
    const ui = await start();
    const { text, headers } = await ask(ui.url, { path: "/config?prefill=2&decode=0" });
    expect(headers["content-type"]).toBe("text/plain; charset=utf-8");
    expect(text).toMatch(
      /^# DynamoGraphDeployment Configuration\n# Prefill: 4 GPU\(s\), TP=4\n# Decode: 1 GPU\(s\), TP=1\n/,
    );
    expect(text).toContain("kind: DynamoGraphDeployment");
    const status = async (query: string) => (await ask(ui.url, { path: `/config?${query}` })).status;
    expect(await status("prefill=2&decode=99")).toBe(404);
    expect(await status("prefill=2")).toBe(400);
    expect(await status("prefill=__proto__&decode=0")).toBe(400);
    expect(await status("prefill=1&prefill=2&decode=0")).toBe(400);
  });

  it("lets the page run its own scripts alone, and stand in no frame", async () => {
    const ui = await start();
    for (const path of ["/", "/session", "/nothing"]) {
      const { headers } = await ask(ui.url, { path });
      expect(headers["content-security-policy"]).toMatch(
        /^default-src 'none'; script-src 'self';.*frame-ancestors 'none'$/,
      );
      expect(headers).toMatchObject({ "x-content-type-options": "nosniff", "cache-control": "no-store" });
    }
  });
});

describe("what is refused", () => {
  const PICK = { plotType: "cost", rowIndex: 0 };

  it.each(["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "a b", "@"])(
    "pages that were opened under the name %j",
    async (host) => {
      const ui = await start();
      const answers = [
        await ask(ui.url, { headers: { host } }),
        await ask(ui.url, { path: "/webui_data.json", headers: { host } }),
        await post(ui.url, PICK, { host, origin: `http://${host}` }),
      ];
      // Node itself refuses a malformed name.
      for (const { status } of answers) expect([400, 403]).toContain(status);
      expect(json((await ask(ui.url, { path: "/session" })).text).selection.complete).toBe(false);
    },
  );

  it.each(["localhost:9000", "127.0.0.1", "[::1]:8000", "10.1.2.3:8000", "profiler.localhost"])(
    "not the name %s, which can't be made to point here",
    async (host) => {
      const ui = await start();
      expect((await ask(ui.url, { headers: { host } })).status).toBe(200);
      expect((await post(ui.url, PICK, { host, origin: `http://${host}` })).status).toBe(200);
    },
  );

  it("not the name it was told to listen on", async () => {
    const ui = await start({ host: "localhost" });
    expect((await ask(ui.url, { headers: { host: "localhost:1" } })).status).toBe(200);
  });

  it.each<[string, Record<string, string>]>([
    ["another origin", { origin: "http://evil.example" }],
    ["another port of this machine", { origin: "http://127.0.0.1:1" }],
    ["an opaque origin", { origin: "null" }],
    ["a cross-site request", { "sec-fetch-site": "cross-site" }],
    ["a page of the same site", { "sec-fetch-site": "same-site" }],
    ["a navigation", { "sec-fetch-site": "none" }],
  ])("a selection that comes from %s", async (_name, headers) => {
    const ui = await start();
    const { status, text } = await post(ui.url, PICK, headers);
    expect(status).toBe(403);
    expect(json(text).error.code).toBe("foreign_origin");
  });

  it("a selection from what an HTML form can send", async () => {
    const ui = await start();
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
      expect(await post(ui.url, PICK, { "content-type": type })).toMatchObject({ status: 415 });
    }
    expect((await ask(ui.url, { method: "POST", path: "/selection" })).status).toBe(415);
  });

  it.each([
    ["not JSON", "{", 400],
    ["empty", "", 400],
    ["no row", '{"plotType":"prefill","rowIndex":77}', 400],
    ["too long", JSON.stringify({ ...PICK, padding: "x".repeat(2000) }), 413],
  ])("a selection that is %s", async (_name, body, status) => {
    const ui = await start();
    const answer = await post(ui.url, body);
    expect(answer.status).toBe(status);
    expect(json(answer.text).error.message).toMatch(/\S/);
  });

  it("other methods", async () => {
    const ui = await start();
    for (const [method, path, status] of [
      ["POST", "/", 405],
      ["PUT", "/selection", 405],
      ["GET", "/selection", 405],
      ["DELETE", "/nothing", 404],
    ] as const) {
      const answer = await ask(ui.url, { method, path });
      expect({ method, path, status: answer.status }).toEqual({ method, path, status });
    }
  });
});
