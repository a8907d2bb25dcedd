import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { comparisonPage, dryRunPage, judgePage } from "#src/report";
import { wideJudgement } from "../report/judgements.ts";
import { comparison, dryRunInput } from "../report/studies.ts";
import { describeWithChromium } from "../tools.ts";

const AXE = createRequire(import.meta.url).resolve("axe-core");

await describeWithChromium("pages of planner studies in a browser", (executablePath) => {
  const folder = mkdtempSync(join(tmpdir(), "understudy-studies-"));
  let browser: Browser;

  beforeAll(async () => {
    writeFileSync(join(folder, "dry-run.html"), dryRunPage(dryRunInput));
    writeFileSync(join(folder, "comparison.html"), comparisonPage(comparison));
    browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  describe.each([
    ["dry-run.html", "#requests"],
    ["comparison.html", "#regret"],
  ])("%s", (file, figure) => {
    async function open(options: BrowserContextOptions): Promise<{ page: Page; complaints: string[] }> {
      const context = await browser.newContext(options);
      const page = await context.newPage();
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(`console ${message.type()}: ${message.text()}`));
      page.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
      page.on("request", (request) => {
        if (!/^(file|data):/.test(request.url())) complaints.push(`request: ${request.url()}`);
      });
      await page.goto(pathToFileURL(join(folder, file)).href);
      await page.evaluate("document.fonts.ready.then(() => true)");
      return { page, complaints };
    }

    it.each([320, 390, 1280])("fits a window of %i px without scrolling sideways", async (width) => {
      const { page, complaints } = await open({ viewport: { width, height: 800 } });
      const overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      expect(await page.evaluate(overflow)).toBe(0);
      expect(await page.locator(`${figure} svg:visible`).count()).toBe(1);
      expect(complaints).toEqual([]);
      await page.context().close();
    });

    it.each(["light", "dark"] as const)("has nothing that hinders anybody, %s", async (colorScheme) => {
      const { page } = await open({ viewport: { width: 1280, height: 900 }, colorScheme, bypassCSP: true });
      await page.addScriptTag({ path: AXE });
      const found = await page.evaluate("axe.run().then(({ violations }) => violations.map(({ id }) => id))");
      expect(found).toEqual([]);
      await page.context().close();
    });

    it("reads every chart at the cursor", async () => {
      const { page } = await open({ viewport: { width: 1280, height: 900 } });
      await page.locator(".timeline").focus();
      await page.keyboard.press("ArrowRight");
      const figures = await page.locator("figure.time").count();
      expect(figures).toBeGreaterThan(0);
      // Read-outs are drawn with the next frame.
      await expect.poll(() => page.locator("figure.time .readout .time").count()).toBe(figures);
      await page.context().close();
    });
  });

  it("has no table of 24 judged scenarios that scrolls sideways at 1280 px", async () => {
    const file = join(folder, "judge.html");
    writeFileSync(
      file,
      judgePage(wideJudgement(24, ["default", "sla-compat", "load-compat", "keda", "my-own-planner"])),
    );
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await page.goto(pathToFileURL(file).href);
    await page.evaluate("document.fonts.ready.then(() => true)");
    const tables = page.locator(".scroll");
    expect(await tables.count()).toBeGreaterThan(1);
    for (const table of await tables.all()) {
      const { scrollWidth, clientWidth } = await table.evaluate(({ scrollWidth, clientWidth }) => ({
        scrollWidth,
        clientWidth,
      }));
      expect(scrollWidth).toBeLessThanOrEqual(clientWidth);
    }
    expect(await page.locator("tr.group").count()).toBe(24);
    await page.context().close();
  });
});
