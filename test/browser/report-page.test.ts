import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { RequestStatus } from "#src/record";
import { writeReports } from "#src/report";
import { syntheticRun } from "../report/synthetic-run.ts";
import { describeWithChromium } from "../tools.ts";

await describeWithChromium("report.html in a browser", (executablePath) => {
  const dir = mkdtempSync(join(tmpdir(), "understudy-page-"));
  const small = join(dir, "small");
  const large = join(dir, "large");
  let browser: Browser;
  let complaints: string[] = [];

  beforeAll(async () => {
    writeReports(syntheticRun({ requests: 3000 }), small, { kinds: ["html"] });
    writeReports(syntheticRun({ requests: 100_000 }), large, { kinds: ["html"] });
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true });
  });
  afterEach(() => {
    // Errors, warnings and any request that leaves the file, in each of the tests.
    expect(complaints).toEqual([]);
    complaints = [];
  });

  async function open(folder: string, options: BrowserContextOptions = {}, script?: string): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    if (script !== undefined) await page.addInitScript(script);
    page.on("console", (message) => complaints.push(`console ${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    page.on("request", (request) => {
      if (!/^(file|data):/.test(request.url())) complaints.push(`request: ${request.url()}`);
    });
    await page.goto(pathToFileURL(join(folder, "report.html")).href);
    await page.evaluate("document.fonts.ready.then(() => true)");
    return page;
  }

  const overflow = (page: Page) =>
    page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");

  it.each([320, 390, 700, 1100, 1280, 1920])("fits a window of %i px without scrolling sideways", async (width) => {
    const page = await open(small, { viewport: { width, height: 800 } });
    expect(await overflow(page)).toBe(0);
    await page.evaluate('for (const details of document.querySelectorAll("details")) details.open = true');
    expect(await overflow(page)).toBe(0);
    const visible = await page.locator("#load svg:visible").count();
    expect(visible).toBe(1);
    await page.context().close();
  });

  it("opens a decision by keyboard, and the cursor goes to its moment", async () => {
    const page = await open(small);
    const first = page.locator("details.decision").first();
    await first.locator("summary").focus();
    expect(await first.getByText("Formula values").isVisible()).toBe(false);
    await page.keyboard.press("Enter");
    expect(await first.getByText("Formula values").isVisible()).toBe(true);
    expect(await first.getByText("Inputs at the tick").isVisible()).toBe(true);
    const time = await first.locator("summary time").textContent();
    await expect.poll(() => page.locator("#ttft .readout .time").textContent()).toBe(time);
    await page.context().close();
  });

  it("opens a group of quiet ticks, and each tick in it, out of the page itself", async () => {
    const page = await open(small);
    await page.locator("details.ticks > summary").first().click();
    const tick = page.locator("details.ticks details.decision").first();
    await tick.locator("summary").click();
    await expect.poll(() => tick.getByText("Formula values").isVisible()).toBe(true);
    const time = await tick.locator("summary time").textContent();
    await expect.poll(() => page.locator("#ttft .readout .time").textContent()).toBe(time);
    await page.context().close();
  });

  it("moves one cursor through all charts, by pointer and by arrow keys", async () => {
    const page = await open(small);
    const plot = page.locator("#kv-usage .plot");
    await plot.scrollIntoViewIfNeeded();
    await plot.hover();
    const figures = await page.locator("figure.time").count();
    expect(figures).toBeGreaterThanOrEqual(8);
    const lefts = () =>
      page.locator(".cursor:visible").evaluateAll((lines) => lines.map((line) => line.getBoundingClientRect().left));
    await expect.poll(async () => (await lefts()).length).toBe(figures);
    const before = await lefts();
    expect(Math.max(...before) - Math.min(...before)).toBeLessThan(1);
    await page.locator(".timeline").focus();
    await page.keyboard.press("End");
    await expect.poll(async () => (await lefts())[0]! > before[0]!).toBe(true);
    expect(await page.locator("#load .readout").textContent()).toMatch(/^30:\d\dobserved [\d.]+ req\/s/);
    await page.context().close();
  });

  it("follows the system's colours, and the switch overrules them", async () => {
    const background = (page: Page) => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await open(small, { colorScheme: "light" });
    const dark = await open(small, { colorScheme: "dark" });
    const [onLight, onDark] = [await background(light), await background(dark)];
    expect(onLight).not.toBe(onDark);
    await light.locator("#theme").click();
    expect(await light.locator("#theme").textContent()).toBe("Theme: light");
    expect(await background(light)).toBe(onLight);
    await light.locator("#theme").click();
    expect(await background(light)).toBe(onDark);
    await Promise.all([light.context().close(), dark.context().close()]);
  });

  it("says everything but the plot of requests without its script", async () => {
    const page = await open(small, { javaScriptEnabled: false });
    expect(await page.locator("figure.time svg:visible").count()).toBeGreaterThanOrEqual(8);
    await page.locator("details.decision summary").first().click();
    expect(await page.getByText("Formula values").first().isVisible()).toBe(true);
    await page.context().close();
  });

  it("prints on light paper, charts and all", async () => {
    const page = await open(small, { colorScheme: "dark" });
    await page.emulateMedia({ media: "print", colorScheme: "dark" });
    expect(await page.evaluate('getComputedStyle(document.body).getPropertyValue("--card")')).toBe("#ffffff");
    expect(await page.locator("#load svg:visible").count()).toBe(1);
    expect(await page.locator("nav:visible, button:visible").count()).toBe(0);
    const pdf = await page.pdf({ format: "A4" });
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    await page.context().close();
  });

  it("shows 100,000 requests, tells of the one under the pointer and steps through the missed ones", async () => {
    const page = await open(large);
    const painted = () =>
      page.evaluate<number>(`(() => {
        const canvas = document.getElementById("scatter");
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data;
        let count = 0;
        for (let i = 3; i < pixels.length; i += 4) if (pixels[i] > 0) count++;
        return count;
      })()`);
    await expect.poll(painted).toBeGreaterThan(20_000);
    expect(await page.locator("#scatter-note").textContent()).toMatch(/^99,\d{3} kept both limits/);
    const canvas = page.locator("#scatter");
    await canvas.scrollIntoViewIfNeeded();
    const box = (await canvas.boundingBox())!;
    await page.mouse.move(box.x + box.width * 0.45, box.y + box.height * 0.6);
    await expect.poll(() => page.locator("#scatter-readout").textContent()).toMatch(/TTFT [\d.]+ ms/);
    await canvas.focus();
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => page.locator("#scatter-readout").textContent()).toMatch(/missed|never got an answer/);
    await page.locator("#scatter-y").selectOption("itl");
    await page.locator("#scatter-x").selectOption("isl");
    await expect.poll(painted).toBeGreaterThan(5_000);
    await page.context().close();
  });

  it("tells of requests that never got an answer where there are any, and not as values of a scale", async () => {
    const answered = syntheticRun({ requests: 300 });
    answered.requests.status.fill(RequestStatus.completed);
    const one = syntheticRun({ requests: 300 });
    one.requests.status.fill(RequestStatus.completed);
    one.requests.status[7] = RequestStatus.failed;
    one.requests.status[8] = RequestStatus.unfinished;
    const shown = async (name: string, run: typeof one) => {
      writeReports(run, join(dir, name), { kinds: ["html"] });
      const page = await open(join(dir, name), {}, RECORD_TEXTS);
      await expect.poll(() => page.evaluate<string[]>("painted")).toContain("time of arrival (min)");
      const texts = await page.evaluate<string[]>("painted");
      const note = await page.locator("#scatter-note").textContent();
      const distribution = await page.locator("#ttft-distribution").textContent();
      await page.context().close();
      return { texts, note, distribution };
    };
    const without = await shown("answered", answered);
    expect(without.texts).not.toContain("never");
    expect(without.note).not.toContain("never");
    expect(without.distribution).not.toContain("never");
    const with2 = await shown("two-lost", one);
    expect(with2.texts).toContain("never");
    expect(with2.note).toMatch(/, 2 never got an answer to the end \(marks at the top\)$/);
    expect(with2.distribution).toContain("the 2 of 300 that never completed are not in it");
  });
});

/** Keeps what is written on canvases. */
const RECORD_TEXTS = `window.painted = [];
const fillText = CanvasRenderingContext2D.prototype.fillText;
CanvasRenderingContext2D.prototype.fillText = function (text, ...place) {
  painted.push(text);
  return fillText.call(this, text, ...place);
};`;
