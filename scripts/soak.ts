/** Runs the random searches of test/soak/campaigns at full length, and says what came of them: `npm run soak -- --help`. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { writeFileAtomically } from "#common";
import { type Campaign, loadCampaigns } from "../test/soak/campaign.ts";

const PAGE = fileURLToPath(new URL("../docs/reliability.md", import.meta.url));
const BEGIN = "<!-- soak: begin, written by npm run soak -- --write -->";
const END = "<!-- soak: end -->";
const REDRAW_MS = 200;
const PLAIN_LINE_MS = 10_000;

interface Row {
  name: string;
  text: string;
}

const HELP = `npm run soak -- [options]: random searches for cases that break a promise (docs/reliability.md)
  --only TEXT  campaigns whose name contains TEXT
  --count N    cases a campaign (each has its own full length)
  --seed N     the same seed draws the same cases (new ones each time)
  --write      put the results into docs/reliability.md
  --list       what there is: name, full length, what is proven
  --help       this text

Exit code 1 where a case broke a promise, 2 for mistakes in options, 130 after Ctrl-C (printed, but not written).

  npm run soak -- --only planner --count 5000 --seed 7`;

const values = options();
if (values.help) {
  console.log(HELP);
  process.exit(0);
}
const seed = whole("seed", values.seed) ?? Date.now() % 1_000_000_000;
const count = whole("count", values.count);
const campaigns = (await loadCampaigns()).filter(({ name }) => name.includes(values.only));
if (campaigns.length === 0) refuse(`--only ${values.only}: no campaign has this in its name; --list shows them all`);
if (values.list) {
  for (const { name, proves, cases, soakRuns } of campaigns)
    console.log(`${name.padEnd(28)} ${soakRuns} ${cases}: ${proves}`);
} else {
  await soak(campaigns);
}

async function soak(chosen: Campaign[]): Promise<void> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const rows: Row[] = [];
  let broken = 0;
  for (const campaign of chosen) {
    if (stop.signal.aborted) break;
    const wanted = count ?? campaign.soakRuns;
    const began = performance.now();
    const { runs, failures } = await campaign.run(wanted, seed, {
      signal: stop.signal,
      onProgress: progressOf(campaign.name, wanted),
    });
    const took = (performance.now() - began) / 1000;
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
    const outcome = failures.length === 0 ? "held" : `broken by ${failures.length}`;
    console.log(`${campaign.name}: ${outcome}, ${runs} ${campaign.cases} in ${took.toFixed(0)} s, seed ${seed}`);
    for (const failure of failures) console.log(failure);
    broken += failures.length;
    const date = new Date().toISOString().slice(0, 10);
    rows.push({
      name: campaign.name,
      text: `| ${campaign.name} | ${campaign.proves} | ${runs.toLocaleString("en")} ${campaign.cases} | ${seed} | ${date} | ${outcome} |`,
    });
  }
  if (stop.signal.aborted) {
    process.exitCode = 130;
    return;
  }
  if (values.write) writePage(rows);
  process.exitCode = broken === 0 ? 0 : 1;
}

function progressOf(name: string, wanted: number): (done: number) => void {
  const { isTTY } = process.stderr;
  let lastMs = performance.now();
  return (done) => {
    const nowMs = performance.now();
    if (nowMs - lastMs < (isTTY ? REDRAW_MS : PLAIN_LINE_MS)) return;
    lastMs = nowMs;
    const text = `${name}: ${done} of ${wanted} (${Math.floor((100 * done) / wanted)} %)`;
    process.stderr.write(isTTY ? `\r\x1b[K${text}` : `${text}\n`);
  };
}

/** Replaces the rows of the campaigns that ran; those of others stay. */
function writePage(rows: Row[]): void {
  const page = readFileSync(PAGE, "utf8");
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${PAGE}: found no "${BEGIN}" … "${END}"`);
  const table = page
    .slice(begin + BEGIN.length, end)
    .trim()
    .split("\n");
  const known = new Map(table.slice(2).map((text) => [text.split("|")[1]!.trim(), text]));
  for (const { name, text } of rows) known.set(name, text);
  const sorted = [...known].sort(([a], [b]) => a.localeCompare(b)).map(([, text]) => text);
  const lines = [BEGIN, ...table.slice(0, 2), ...sorted, END];
  writeFileAtomically(PAGE, page.slice(0, begin) + lines.join("\n") + page.slice(end + END.length));
}

function options() {
  try {
    return parseArgs({
      options: {
        only: { type: "string", default: "" },
        count: { type: "string" },
        seed: { type: "string" },
        write: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (error) {
    // All that parseArgs throws is about what was typed.
    refuse(`${(error as Error).message.split(". ")[0]}; --help shows all options`);
  }
}

function whole(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,9}$/.test(text)) refuse(`--${flag} ${text}: expected a whole number from 1`);
  return Number(text);
}

function refuse(message: string): never {
  console.error(message);
  process.exit(2);
}
