import { useEffect, useState } from "preact/hooks";
import type { WebUiDetails } from "../../types.ts";
import { fixed, plain, plural } from "../numbers.ts";
import type { Rows } from "../rows.ts";
import { ThemeButton } from "./theme-button.tsx";

const MINUTE_MS = 60_000;

export interface PageHeaderProps {
  details: WebUiDetails;
  rows: Rows;
  remainingMs: number;
  /** Whether a selection is still waited for. */
  open: boolean;
}

/** What was profiled, for which targets, and what went wrong. */
export function PageHeader({ details, rows, remainingMs, open }: PageHeaderProps) {
  const origins = [...new Set([...rows.prefill, ...rows.decode].map((row) => row.origin))];
  const facts: [string, string][] = [
    ["backend", details.backend],
    ["targets", `TTFT ≤ ${plain(details.ttftMs)} ms, ITL ≤ ${plain(details.itlMs)} ms`],
    ["requests", `${fixed(details.isl, 0)} tokens in, ${fixed(details.osl, 0)} out`],
    ["numbers", origins.map(originText).join(", ")],
  ];
  return (
    <header class="page">
      <div class="top">
        <p class="brand">Understudy</p>
        <nav aria-label="Parts of the page">
          <a href="#cost">Pairs</a>
          <a href="#prefill">Prefill</a>
          <a href="#decode">Decode</a>
        </nav>
        <ThemeButton />
      </div>
      <h1>{details.model}: pick a configuration</h1>
      <p class="shows">
        The profiler waits for one prefill and one decode configuration, and then writes the deployment.{" "}
        {open && <Remaining ms={remainingMs} />}
      </p>
      <dl class="facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      {details.warnings.length > 0 && (
        <section class="warnings" aria-labelledby="warnings-title">
          <h2 id="warnings-title">
            <span aria-hidden="true">! </span>
            {plural(details.warnings.length, "warning")} while profiling
          </h2>
          <ul>
            {details.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </section>
      )}
    </header>
  );
}

/** How long the profiler waits. */
function Remaining({ ms }: { ms: number }) {
  const [start] = useState(() => performance.now());
  const [now, setNow] = useState(start);
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), MINUTE_MS / 4);
    return () => clearInterval(timer);
  }, []);
  const minutes = Math.ceil(Math.max(0, ms - (now - start)) / MINUTE_MS);
  return <span class="remaining">It waits for {plural(minutes, "more minute", "more minutes")}.</span>;
}

function originText(origin: string): string {
  const texts: Record<string, string> = {
    measured: "measured",
    table: "estimated from measured operations",
    scaled: "estimated from operations measured on other GPUs",
    analytic: "estimated from data sheets",
  };
  return texts[origin] ?? origin;
}
