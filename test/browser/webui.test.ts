import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import type { WebUiOptions } from "#src/web";
import { describeWithChromium } from "../tools.ts";
import { type OpenWebUi, openWebUi } from "../web/pick.ts";
import { content } from "../web/sweep.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

await describeWithChromium("the WebUI in a browser", (executablePath) => {
  let browser: Browser;
  let uis: OpenWebUi[] = [];
  let complaints: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  });
  afterAll(() => browser?.close());
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await Promise.all(uis.map((ui) => ui.end()));
    uis = [];
    // Errors, warnings, breaches of the content security policy and requests to anybody else, in each of the tests.
    expect(complaints).toEqual([]);
    complaints = [];
  });

  interface Opened {
    page: Page;
    ui: OpenWebUi;
  }

  async function open(
    context: BrowserContextOptions = {},
    options: Partial<WebUiOptions> = {},
    prepare: (page: Page) => Promise<unknown> = async () => {},
  ): Promise<Opened> {
    const ui = await openWebUi(options);
    uis.push(ui);
    const made = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...context });
    const page = await made.newPage();
    page.on("console", (message) => complaints.push(`console ${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    page.on("request", (request) => {
      const { origin } = new URL(request.url());
      if (origin !== ui.url && !/^(data|blob):/.test(request.url())) complaints.push(`request: ${request.url()}`);
    });
    await prepare(page);
    await page.goto(ui.url);
    await page.locator("table").first().waitFor();
    await page.evaluate("document.fonts.ready.then(() => true)");
    return { page, ui };
  }

  const rowOf = (page: Page, table: string, row: number) =>
    page.locator(`[data-table="${table}"] tbody tr[data-row="${row}"]`);
  const pointOf = (page: Page, section: string, row: number) =>
    page.locator(`#${section} .points .point[data-row="${row}"]`).first();
  const status = (page: Page) => page.getByRole("complementary", { name: "Selection" }).getByRole("status");
  const confirm = (page: Page) => page.getByRole("button", { name: "Use this configuration" });
  const classOf = (page: Page, table: string, row: number) => rowOf(page, table, row).getAttribute("class");

  it.each(["cost", "prefill", "decode"])(
    "[R146] highlights the row of the %s point under the pointer",
    async (table) => {
      const { page } = await open();
      const point = pointOf(page, table, 2);
      await point.scrollIntoViewIfNeeded();
      expect(await classOf(page, table, 2)).toBe("");
      const box = (await point.locator("path").boundingBox())!;
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
      await expect.poll(() => classOf(page, table, 2)).toBe("hot");
      expect(await page.locator(`#${table} tr.hot`).count()).toBe(1);
      expect(await page.locator(`#${table} .readout`).textContent()).toMatch(/TP=\d.*(TTFT|ITL) [\d.]+ ms/);
      // The row is in its table's view, however far down it stands.
      const [row, scroller] = await Promise.all([
        rowOf(page, table, 2).boundingBox(),
        page.locator(`[data-table="${table}"]`).boundingBox(),
      ]);
      expect(row!.y + row!.height).toBeLessThanOrEqual(scroller!.y + scroller!.height + 1);
      await page.mouse.move(2, 2);
      await expect.poll(() => classOf(page, table, 2)).toBe("");
    },
  );

  it.each(["cost", "prefill", "decode"])(
    "[R146] highlights the point of the %s row under the pointer",
    async (table) => {
      const { page } = await open();
      await rowOf(page, table, 1).hover();
      await expect.poll(() => pointOf(page, table, 1).getAttribute("class")).toContain("hot");
      expect(await page.locator(`#${table} .point.hot[data-row="0"]`).count()).toBe(0);
      await page.mouse.move(2, 2);
      await expect.poll(() => page.locator(".point.hot").count()).toBe(0);
    },
  );

  it("[R146] draws a point for every row, where its numbers are", async () => {
    const { page } = await open();
    const { data } = content();
    for (const table of ["cost", "prefill", "decode"] as const) {
      const rows = await page.locator(`[data-table="${table}"] tbody tr`).count();
      expect(rows).toBe(data[table].table.data.length);
      const points = await page.locator(`#${table} .point`).evaluateAll((all) =>
        all.map((g) => {
          const [x, y] = g
            .getAttribute("transform")!
            .match(/-?[\d.]+/g)!
            .map(Number);
          return { row: Number(g.getAttribute("data-row")), x: x!, y: y! };
        }),
      );
      expect(points.length).toBe(rows);
      // Further right and higher up is what is more, for each pair of points.
      const values = data[table].chart.datasets.flatMap((set) => set.data);
      const byRow = new Map(points.map((point) => [point.row, point]));
      for (const one of values) {
        for (const other of values) {
          const [a, b] = [byRow.get(one.tableIdx)!, byRow.get(other.tableIdx)!];
          if (one.x - other.x > 0.01) expect(a.x).toBeGreaterThanOrEqual(b.x);
          if (one.y - other.y > 0.01) expect(a.y).toBeLessThanOrEqual(b.y);
        }
      }
    }
  });

  it("[R147] picks both with a row of the pairs, and ends the waiting when it is confirmed", async () => {
    const { page, ui } = await open();
    expect(await confirm(page).isEnabled()).toBe(false);
    await rowOf(page, "cost", 4).getByText("TP=").first().click();
    const [prefill, decode] = content().data.cost.index_mapping[4]!;
    for (const [table, row] of [
      ["cost", 4],
      ["prefill", prefill],
      ["decode", decode],
    ] as const) {
      expect(await rowOf(page, table, row).getAttribute("aria-selected")).toBe("true");
    }
    await confirm(page).click();
    expect(await ui.pick).toEqual({ prefill, decode, timedOut: false });
    await expect
      .poll(() => status(page).textContent())
      .toBe(`Configuration selected! Prefill config #${prefill}, Decode config #${decode}. Processing...`);
    expect(await confirm(page).isEnabled()).toBe(false);
    expect(
      await rowOf(page, "cost", 0)
        .getByRole("button", { name: /^Select/ })
        .isEnabled(),
    ).toBe(false);
  });

  it("[R094] [R148] picks a row of prefill and a row of decode, one after the other", async () => {
    const { page, ui } = await open();
    await rowOf(page, "prefill", 3)
      .getByRole("button", { name: /^Select prefill TP=8/ })
      .click();
    await expect
      .poll(() => status(page).textContent())
      .toBe("Prefill config #3 selected. Please select a Decode configuration.");
    // What the server knows outlives the page.
    await page.reload();
    await expect.poll(() => rowOf(page, "prefill", 3).getAttribute("aria-selected")).toBe("true");
    // A pair that is on no Pareto front, so no row of the pairs has it.
    await rowOf(page, "decode", 3).click();
    expect(await page.locator('[data-table="cost"] [aria-selected="true"]').count()).toBe(0);
    await rowOf(page, "prefill", 2).click();
    await confirm(page).click();
    expect(await ui.pick).toEqual({ prefill: 2, decode: 3, timedOut: false });
    await expect.poll(() => status(page).textContent()).toContain("Prefill config #2, Decode config #3.");
  });

  it("[R147] picks with a click on a point", async () => {
    const { page } = await open();
    const point = pointOf(page, "prefill", 1).locator("path");
    await point.scrollIntoViewIfNeeded();
    const box = (await point.boundingBox())!;
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await expect.poll(() => rowOf(page, "prefill", 1).getAttribute("aria-selected")).toBe("true");
  });

  it("takes a selection back", async () => {
    const { page } = await open();
    await rowOf(page, "cost", 0).click();
    await page.getByRole("button", { name: "Clear" }).click();
    expect(await page.locator('[aria-selected="true"]').count()).toBe(0);
    expect(await confirm(page).isEnabled()).toBe(false);
  });

  it("[R149] [R198] shows a row's configuration, copies it and saves it", async () => {
    const { page } = await open({ permissions: ["clipboard-read", "clipboard-write"] });
    const opener = rowOf(page, "cost", 1).getByRole("button", { name: /^Show Config/ });
    await opener.click();
    const dialog = page.getByRole("dialog");
    const yaml = String(content().data.cost.table.data[1]!.at(-1));
    expect(await dialog.locator("pre").textContent()).toBe(yaml);
    expect(yaml).toMatch(
      /^# DynamoGraphDeployment Configuration\n# Prefill: \d GPU\(s\), TP=\d\n# Decode: \d GPU\(s\), TP=\d\n# Model: Qwen\/Qwen3-32B-FP8\n# Backend: trtllm\n/,
    );
    await dialog.getByRole("button", { name: "Copy" }).click();
    await expect.poll(() => dialog.getByRole("status").textContent()).toBe("Copied.");
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe(yaml);
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      dialog.getByRole("button", { name: /^Download/ }).click(),
    ]);
    expect(download.suggestedFilename()).toBe("dgd.yaml");
    expect(readFileSync(await download.path(), "utf8")).toBe(yaml);
    await page.keyboard.press("Escape");
    await expect.poll(() => dialog.count()).toBe(0);
    await expect.poll(() => opener.evaluate((button) => button === button.ownerDocument.activeElement)).toBe(true);
    // Looking at a configuration selects nothing.
    expect(await page.locator('[aria-selected="true"]').count()).toBe(0);
  });

  it("copies without the browser's clipboard, too", async () => {
    const { page } = await open({}, {}, (page) =>
      page.addInitScript("Object.defineProperty(navigator, 'clipboard', { value: undefined })"),
    );
    await page.evaluate(
      "document.addEventListener('copy', () => { window.copied = String(document.getSelection()); })",
    );
    await rowOf(page, "prefill", 0)
      .getByRole("button", { name: /^Show Config/ })
      .click();
    await page.getByRole("button", { name: "Copy" }).click();
    await expect.poll(() => page.getByRole("dialog").getByRole("status").textContent()).toBe("Copied.");
  });

  it("[R149] shows a row together with what is selected of the other table", async () => {
    const { page } = await open();
    await rowOf(page, "decode", 20).click();
    await rowOf(page, "prefill", 1)
      .getByRole("button", { name: /^Show Config/ })
      .click();
    await expect
      .poll(() => page.getByRole("dialog").locator("pre").textContent())
      .toContain("# Prefill: 2 GPU(s), TP=2\n# Decode: 8 GPU(s), TP=8\n");
  });

  it("[R150] turns GPU hours into dollars, at a price that the user sets", async () => {
    const { page } = await open();
    const { data } = content();
    const hours = data.cost.table.data[0]!.at(-2) as number;
    const cell = rowOf(page, "cost", 0).locator("td.number").last();
    expect(await cell.textContent()).toBe(hours.toFixed(4));
    expect(await page.getByLabel("$ per GPU-hour").count()).toBe(0);
    await page.getByRole("radio", { name: "Cost ($)" }).check();
    await expect.poll(() => cell.textContent()).toBe((hours * 3).toFixed(4));
    expect(await page.locator("#cost h3").textContent()).toMatch(/: \$0\.\d{3} for 1,000 requests$/);
    await page.getByLabel("$ per GPU-hour").fill("4.5");
    await expect.poll(() => cell.textContent()).toBe((hours * 4.5).toFixed(4));
    expect(await page.locator("#cost svg[role=img]").textContent()).toContain("cost of 1,000 requests ($)");
    await page.getByRole("radio", { name: "GPU hours" }).check();
    await expect.poll(() => cell.textContent()).toBe(hours.toFixed(4));
  });

  it("[R151] marks the targets with red dashed lines", async () => {
    const { page } = await open();
    for (const [section, label, target] of [
      ["prefill", "Target TTFT: 200.0 ms", 200],
      ["decode", "Target ITL: 15.0 ms", 15],
      ["cost", "Target ITL: 15.0 ms", 1000 / 15],
    ] as const) {
      const chart = page.locator(`#${section} svg[role=img]`);
      await chart.waitFor();
      expect(await chart.textContent()).toContain(label);
      const line = chart.locator("path[stroke-dasharray]");
      const look = await line.evaluate((path) => {
        const { stroke, strokeDasharray } = path.ownerDocument.defaultView!.getComputedStyle(path);
        return { stroke, strokeDasharray, d: path.getAttribute("d") };
      });
      expect(look).toMatchObject({ stroke: "rgb(204, 19, 66)", strokeDasharray: "6px, 4px" });
      // Vertical, and every point beyond it is drawn hollow: right of it, or left of it where more is better.
      const at = Number(/^M([\d.]+) [\d.]+V[\d.]+$/.exec(look.d!)![1]);
      const points = await page.locator(`#${section} .point`).evaluateAll((all) =>
        all.map((g) => ({
          x: Number(/-?[\d.]+/.exec(g.getAttribute("transform")!)![0]),
          over: g.classList.contains("over"),
        })),
      );
      expect(points.length).toBeGreaterThan(0);
      expect({
        target,
        wrong: points.filter(({ x, over }) => over !== (section === "cost" ? x < at : x > at)),
      }).toEqual({
        target,
        wrong: [],
      });
    }
    expect(await page.locator("#decode td.over").count()).toBeGreaterThan(0);
  });

  it("sorts by any column, and keeps rows and points together", async () => {
    const { page } = await open();
    const header = page.locator('[data-table="decode"] thead').getByRole("button", { name: "ITL (ms)" });
    const values = () => page.locator('[data-table="decode"] tbody tr td:nth-child(5)').allTextContents();
    await header.click();
    const ascending = (await values()).map((text) => Number(text.replace(/[^\d.]/g, "")));
    expect(ascending).toEqual(ascending.toSorted((a, b) => a - b));
    expect(await header.locator("xpath=..").getAttribute("aria-sort")).toBe("ascending");
    await header.click();
    expect((await values()).map((text) => Number(text.replace(/[^\d.]/g, "")))).toEqual(ascending.toReversed());
    expect(await header.locator("xpath=..").getAttribute("aria-sort")).toBe("descending");
    const first = page.locator('[data-table="decode"] tbody tr').first();
    const row = Number(await first.getAttribute("data-row"));
    await first.hover();
    await expect.poll(() => pointOf(page, "decode", row).getAttribute("class")).toContain("hot");
  });

  it("[R147] is used by keyboard alone, from the top of the page to the pick", async () => {
    const { page, ui } = await open();
    const focused = () =>
      page.evaluate<string>("document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent");
    const tabTo = async (wanted: RegExp, most = 60) => {
      for (let i = 0; i < most; i++) {
        await page.keyboard.press("Tab");
        if (wanted.test(await focused())) return;
      }
      throw new Error(`Tab does not reach ${wanted}`);
    };
    await page.keyboard.press("Tab");
    expect(await focused()).toBe("Skip to the configurations");
    await page.keyboard.press("Enter");
    await tabTo(/^Select prefill/);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowUp");
    const row = Number(await page.evaluate("document.activeElement.closest('tr').dataset.row"));
    // The focus highlights as the pointer does.
    expect(await pointOf(page, "cost", row).getAttribute("class")).toContain("hot");
    expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
    await page.keyboard.press("ArrowRight");
    expect(await focused()).toMatch(/^Show Config/);
    await page.keyboard.press("Enter");
    await expect.poll(() => page.getByRole("dialog").isVisible()).toBe(true);
    await page.keyboard.press("Escape");
    await expect.poll(focused).toMatch(/^Show Config/);
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("End");
    await page.keyboard.press("Home");
    const first = Number(await page.evaluate("document.activeElement.closest('tr').dataset.row"));
    await page.keyboard.press(" ");
    await expect.poll(() => rowOf(page, "cost", first).getAttribute("aria-selected")).toBe("true");
    await tabTo(/^Use this configuration$/);
    await page.keyboard.press("Enter");
    const [prefill, decode] = content().data.cost.index_mapping[first]!;
    expect(await ui.pick).toEqual({ prefill, decode, timedOut: false });
  });

  it("lists the warnings of the profiling run", async () => {
    const { page } = await open({}, { content: content({ warnings: ["TTFT <200 ms> & ITL can't be met"] }) });
    const banner = page.getByRole("region", { name: /2 warnings while profiling/ });
    expect(await banner.getByRole("listitem").allTextContents()).toEqual([
      "TTFT <200 ms> & ITL can't be met",
      "Left out: decode TP=16: 8 KV heads can't be split over 16 GPUs",
    ]);
  });

  it("says when the time to pick is over, and takes no selection any more", async () => {
    const { page } = await open({}, {}, (page) => page.clock.install());
    expect(await page.locator(".remaining").textContent()).toBe("It waits for 60 more minutes.");
    await page.clock.fastForward(30 * 60_000);
    await expect.poll(() => page.locator(".remaining").textContent()).toBe("It waits for 30 more minutes.");
    await page.clock.fastForward(31 * 60_000);
    await expect.poll(() => status(page).textContent()).toContain("The time to pick is over");
    expect(
      await rowOf(page, "cost", 0)
        .getByRole("button", { name: /^Select/ })
        .isEnabled(),
    ).toBe(false);
  });

  it("says when the profiler is gone", async () => {
    const { page, ui } = await open();
    await ui.end();
    await rowOf(page, "prefill", 0).click();
    await expect.poll(() => status(page).textContent()).toContain("The profiler does not answer any more");
    complaints = complaints.filter((complaint) => !complaint.includes("ERR_CONNECTION_REFUSED"));
  });

  it("follows the system's colours, and the switch overrules them", async () => {
    const background = (page: Page) => page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
    const { page: light } = await open({ colorScheme: "light" });
    const { page: dark } = await open({ colorScheme: "dark" });
    const [onLight, onDark] = [await background(light), await background(dark)];
    expect([onLight, onDark]).toEqual(["rgb(245, 247, 250)", "rgb(13, 17, 23)"]);
    const button = light.getByRole("button", { name: /^Theme/ });
    await button.click();
    expect([await button.textContent(), await background(light)]).toEqual(["Theme: light", onLight]);
    await button.click();
    expect([await button.textContent(), await background(light)]).toEqual(["Theme: dark", onDark]);
    await light.reload();
    await expect.poll(() => background(light)).toBe(onDark);
  });

  it("uses the font of the package", async () => {
    const { page } = await open();
    expect(await page.evaluate('document.fonts.check("600 15px Inter")')).toBe(true);
    expect(await page.evaluate("[...document.fonts].filter((face) => face.status === 'loaded').length")).toBe(2);
  });

  it.each([320, 390, 700, 1100, 1280, 1920])("fits a window of %i px without scrolling sideways", async (width) => {
    const { page } = await open({ viewport: { width, height: 800 } });
    await rowOf(page, "cost", 0)
      .getByRole("button", { name: /^Select/ })
      .click();
    await expect
      .poll(() => page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
      .toBe(0);
    // Charts are as wide as their cards.
    const plot = (await page.locator("#cost .plot").boundingBox())!;
    expect((await page.locator("#cost svg[role=img]").boundingBox())!.width).toBe(Math.floor(plot.width));
  });

  it.each([
    ["light", 1280],
    ["dark", 1280],
    ["light", 390],
    ["dark", 390],
  ] as const)("has no fault that axe finds, in %s at %i px", async (colorScheme, width) => {
    const { page } = await open({ colorScheme, viewport: { width, height: 900 } });
    const faults = async () => {
      await page.evaluate(AXE);
      const found = await page.evaluate<{ id: string; nodes: { html: string; failureSummary: string }[] }[]>(
        "axe.run(document, { resultTypes: ['violations'] }).then((result) => result.violations)",
      );
      return found.map(({ id, nodes }) => `${id}: ${nodes[0]!.html} ${nodes[0]!.failureSummary}`);
    };
    expect(await faults()).toEqual([]);
    await rowOf(page, "prefill", 0).click();
    await rowOf(page, "decode", 4).click();
    await page.getByRole("radio", { name: "Cost ($)" }).check();
    expect(await faults()).toEqual([]);
    await rowOf(page, "prefill", 0)
      .getByRole("button", { name: /^Show Config/ })
      .click();
    await page.getByRole("dialog").waitFor();
    expect(await faults()).toEqual([]);
  });
});
