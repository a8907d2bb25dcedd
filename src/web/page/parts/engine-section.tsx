import { useMemo } from "preact/hooks";
import type { TargetLine } from "../../types.ts";
import { type PlottedLine, PointChart } from "../charts/point-chart.tsx";
import { fixed, plural } from "../numbers.ts";
import type { EngineRow } from "../rows.ts";
import { engineName, engineTitle } from "../titles.ts";
import { type Column, DataTable } from "./data-table.tsx";

export interface EngineSectionProps {
  phase: "prefill" | "decode";
  rows: EngineRow[];
  target: TargetLine;
  /** What was run, in a few words. */
  workload: string;
  hot: number | null;
  selected: number | null;
  disabled: boolean;
  onHot: (row: number | null) => void;
  onSelect: (row: EngineRow) => void;
  onShowConfig: (row: EngineRow) => void;
}

const NAMES = { prefill: "Prefill", decode: "Decode" } as const;
const TIMES = { prefill: "TTFT", decode: "ITL" } as const;

/** Chart and table of all prefill or all decode configurations. */
export function EngineSection(props: EngineSectionProps) {
  const { phase, rows, hot, target } = props;
  const lines = useMemo(() => linesOf(phase, rows), [phase, rows]);
  const pointed = hot === null ? undefined : rows[hot];
  return (
    <section id={phase} aria-labelledby={`${phase}-title`}>
      <h2 id={`${phase}-title`}>{NAMES[phase]}</h2>
      <p class="note">
        {phase === "prefill"
          ? "Choose one row here and one under Decode where the pairs above are not what you want."
          : "Each line is one mapping at more and more requests at once."}
      </p>
      <div class="halves">
        <PointChart
          title={engineTitle(phase, rows, target.value)}
          subtitle={`${props.workload}; hollow points are beyond the target`}
          colour={phase}
          x={`${TIMES[phase]} (ms)`}
          y="throughput (tokens/s/GPU)"
          lines={lines}
          target={target}
          labelled={phase === "prefill"}
          names="at-end"
          height={320}
          hot={hot}
          selected={props.selected}
          readout={pointed === undefined ? "" : readout(phase, pointed)}
          onHot={props.onHot}
          onPick={(row) => props.disabled || props.onSelect(rows[row]!)}
        />
        <DataTable
          id={phase}
          caption={`${NAMES[phase]} configurations`}
          columns={columnsOf(phase)}
          rows={rows}
          name={(row) => `${phase} ${engineName(row)}`}
          hot={hot}
          selected={props.selected}
          disabled={props.disabled}
          onHot={props.onHot}
          onSelect={props.onSelect}
          onShowConfig={props.onShowConfig}
        />
      </div>
    </section>
  );
}

function columnsOf(phase: "prefill" | "decode"): Column<EngineRow>[] {
  const requests: Column<EngineRow>[] =
    phase === "prefill"
      ? []
      : [{ heading: "Requests", value: (row) => row.concurrency!, text: (row) => fixed(row.concurrency!, 0) }];
  return [
    { heading: "Mapping", value: (row) => row.mapping, text: (row) => row.mapping },
    { heading: "GPUs", value: (row) => row.gpus, text: (row) => fixed(row.gpus, 0) },
    ...requests,
    {
      heading: `${TIMES[phase]} (ms)`,
      value: (row) => row.latencyMs,
      text: (row) => fixed(row.latencyMs, 2),
      over: (row) => !row.keeps,
    },
    { heading: "tokens/s/GPU", value: (row) => row.throughputPerGpu, text: (row) => fixed(row.throughputPerGpu, 2) },
  ];
}

/** Prefill has one point a mapping; decode a line of points. */
function linesOf(phase: "prefill" | "decode", rows: EngineRow[]): PlottedLine[] {
  const point = (row: EngineRow) => ({
    x: row.latencyMs,
    y: row.throughputPerGpu,
    row: row.index,
    keeps: row.keeps,
    label: phase === "prefill" ? row.mapping : engineName(row),
  });
  if (phase === "prefill") return [{ name: "", joined: false, points: rows.map(point) }];
  return [...Map.groupBy(rows, (row) => row.mapping)].map(([name, line]) => ({
    name,
    joined: true,
    points: line.map(point).sort((one, other) => one.x - other.x),
  }));
}

function readout(phase: "prefill" | "decode", row: EngineRow): string {
  const keeps = row.keeps ? "" : ", beyond the target";
  return `${engineName(row)} on ${plural(row.gpus, "GPU")}: ${TIMES[phase]} ${fixed(row.latencyMs, 2)} ms${keeps}, ${fixed(row.throughputPerGpu, 2)} tokens/s/GPU`;
}
