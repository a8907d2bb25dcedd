import { describe, expect, it } from "vitest";
import { reportPage } from "#src/report";
import { expectWellFormed, visibleText } from "./markup.ts";
import { recordOf } from "./record.ts";
import { syntheticRun } from "./synthetic-run.ts";

/** Places where a value that is not there shows through. */
function holes(page: string): string[] {
  return visibleText(page).match(/.{0,60}(?:NaN|undefined|Infinity|\[object).{0,30}/g) ?? [];
}

const HOSTILE = '</script><img src=x onerror="alert(1)"> & <!--';

const late = (arrivalMs: number) => ({ arrivalMs, ttftMs: 1, itlMs: 1, osl: 2 });

describe("report.html", () => {
  const record = syntheticRun({ requests: 4000 });
  const page = reportPage(record);

  it("is the same text for the same run", () => {
    expect(reportPage(syntheticRun({ requests: 4000 })) === page).toBe(true);
  });

  it("names nothing outside itself", () => {
    const links = [...page.matchAll(/(?:src|href)\s*=\s*"([^"]*)"|url\(([^)]{0,80})/g)].map((m) => m[1] ?? m[2]!);
    expect(links.length).toBeGreaterThan(4);
    for (const link of links) expect(link).toMatch(/^(#|data:)/);
    expect(page.replaceAll("http://www.w3.org/2000/svg", "").match(/https?:\/\/.{0,40}/g)).toBeNull();
    expect(page.includes("default-src 'none'")).toBe(true);
  });

  it("is well-formed, every link in it leads somewhere, and no id stands twice", () => {
    expectWellFormed(page);
    const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map((match) => match[1]!);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
  });

  it("has no hole where a number is missing", () => {
    expect(holes(page)).toEqual([]);
  });

  it("shows names and reasons as text, whatever they hold", () => {
    const hostile = syntheticRun({ requests: 200 });
    hostile.name = HOSTILE;
    hostile.shows = HOSTILE;
    for (const decision of hostile.decisions) {
      decision.reasons = [{ code: HOSTILE, role: null, text: HOSTILE }];
      decision.values = { [HOSTILE]: 1 };
    }
    const made = reportPage(hostile);
    expectWellFormed(made);
    expect(made.includes("<img")).toBe(false);
  });

  it.each([
    ["no requests", recordOf([])],
    ["one failed request", recordOf([{ arrivalMs: 0, ttftMs: 1, itlMs: 1, osl: 1, status: 2 }], { endMs: 1000 })],
    ["requests beyond the run", recordOf([5000, Infinity].map(late), { endMs: 1000 })],
    ["an aggregated run", syntheticRun({ requests: 300, minutes: 3, mode: "agg" })],
  ])("is made of %s too", (_, odd) => {
    const made = reportPage(odd);
    expectWellFormed(made);
    expect(holes(made)).toEqual([]);
  });

  it("carries at most 120,000 points, and all of the missed ones among them", () => {
    const large = syntheticRun({ requests: 150_000 });
    const data = JSON.parse(/id="data">(.*?)<\/script>/.exec(reportPage(large))![1]!);
    expect(data.scatter).toMatchObject({ shown: 120_000, total: 150_000 });
    const flags = Buffer.from(data.scatter.flags, "base64");
    let missed = 0;
    for (let i = 0; i < flags.length; i += 2) if (flags.readUInt16LE(i) !== 0) missed++;
    const { requests, sla } = large;
    let expected = 0;
    for (let i = 0; i < requests.count; i++) {
      const ttft = requests.firstTokenMs[i]! - requests.arrivalMs[i]!;
      const itl = (requests.lastTokenMs[i]! - requests.firstTokenMs[i]!) / (requests.outputTokens[i]! - 1);
      if (!(ttft <= sla.ttftMs) || !(itl <= sla.itlMs)) expected++;
    }
    expect(missed).toBe(expected);
  });
});
