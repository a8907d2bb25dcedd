/**
 * Takes the pictures that README and docs show (docs/assets): plots of a profiling run and of planner studies; the WebUI and the
 * main scenario's report in Chromium.
 *   node scripts/screenshots.ts [FOLDER]
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { ensureChromium } from "./test-tools.ts";

const MAIN = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const SCENARIO = "sin-5-45-i3000-o300";
/** The example of docs/profiler.md. */
const PROFILING =
  "--model Qwen/Qwen3-32B --backend trtllm --gpu h200_sxm --isl 3000 --osl 150 --ttft 200 --itl 20 --use-ai-configurator";
/** Those of docs/planner-studies.md. */
const STUDY = "--profile h200-llama-3.1-8b-fp8-tp1-estimate --interval 60s --ttft 200ms --itl 10ms";
const PLOTS = ["decode_performance.png", "selected_decode_interpolation/decode_itl_interpolation.png"];
/** Wide enough for the desktop's layout; the README shows it at two thirds of that. */
const VIEWPORT = { width: 1280, height: 900 };
/** The picture ends with this chart; the tables between the answer and the charts are left out. */
const LAST_CHART = "#decode-workers";
const LEFT_OUT = "#answer h2, #answer h2 ~ *";

const folder = process.argv[2] ?? fileURLToPath(new URL("../docs/assets", import.meta.url));
const work = mkdtempSync(join(tmpdir(), "understudy-screenshots-"));
try {
  mkdirSync(folder, { recursive: true });
  understudy("profile", ...PROFILING.split(" "), "--output-dir", "profiling_results");
  for (const plot of PLOTS) copyFileSync(join(work, "profiling_results", plot), join(folder, basename(plot)));
  plotStudies();
  await takeWebUi(join(folder, "webui.png"));
  const page = await openPage(pathToFileURL(runScenario()).href);
  await page.addStyleTag({ content: `${LEFT_OUT} { display: none !important; }` });
  const end = (await page.locator(LAST_CHART).boundingBox())!;
  const clip = { x: 0, y: 0, width: VIEWPORT.width, height: Math.ceil(end.y + end.height) + 10 };
  await page.screenshot({ path: join(folder, "report.png"), clip, fullPage: true });
  await page.context().browser()!.close();
} finally {
  rmSync(work, { recursive: true, force: true });
}

/** The dry run and the comparison of docs/planner-studies.md. */
function plotStudies(): void {
  understudy("trace", "generate", "scenario", library(`${SCENARIO}.yaml`), "-o", "sinus.jsonl");
  const study = ["--trace", "sinus.jsonl", ...STUDY.split(" ")];
  understudy("planner", "dry-run", ...study, "--predictor", "constant", "-o", "dry-run.png");
  understudy("planner", "compare", ...study, "--predictors", "constant,arima,kalman,ensemble", "-o", "predictors.png");
  for (const plot of ["dry-run.png", "predictors.png"]) copyFileSync(join(work, plot), join(folder, plot));
}

function library(file: string): string {
  return fileURLToPath(new URL(`../scenarios/library/${file}`, import.meta.url));
}

/** Path of the report of a run of the main scenario. */
function runScenario(): string {
  understudy("start");
  return join(work, "understudy-results", SCENARIO, "report.html");
}

function understudy(...args: string[]): void {
  const { status } = spawnSync(process.execPath, [MAIN, ...args], { cwd: work, stdio: ["ignore", "ignore", 2] });
  if (status !== 0) throw new Error(`understudy ${args[0]} ended with exit code ${status}`);
}

/** The page of `--pick-with-webui` with a pair of engines selected. */
async function takeWebUi(path: string): Promise<void> {
  const args = [MAIN, "profile", ...PROFILING.split(" "), "--pick-with-webui", "--webui-port", "0"];
  const profiler = spawn(process.execPath, [...args, "--output-dir", "picked"], {
    cwd: work,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  for await (const chunk of profiler.stderr) {
    said += String(chunk);
    if (/^Pick a configuration on http:\S+$/m.test(said)) break;
  }
  const page = await openPage(/^Pick a configuration on (http:\S+)$/m.exec(said)![1]!);
  await page.locator('[data-table="cost"] tbody tr').nth(1).click();
  await page.screenshot({ path });
  await page.context().browser()!.close();
  profiler.kill();
  await once(profiler, "exit");
}

async function openPage(url: string) {
  const browser = await chromium.launch({ executablePath: await ensureChromium(), args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: VIEWPORT, colorScheme: "light", reducedMotion: "reduce" });
  await page.goto(url);
  await page.evaluate("document.fonts.ready");
  return page;
}
