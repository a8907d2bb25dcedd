import { useMemo } from "preact/hooks";
import type { TargetLine } from "../../types.ts";
import { type PlottedLine, PointChart } from "../charts/point-chart.tsx";
import { fixed, significant } from "../numbers.ts";
import { type CostRow, type CostUnit, costValue } from "../rows.ts";
import { byAnswer, costText, costTitle, engineName } from "../titles.ts";
import { CostControls } from "./cost-controls.tsx";
import { type Column, DataTable } from "./data-table.tsx";

export interface CostSectionProps {
  /** `GPU Hours Per 1000 i3000o150 requests` */
  title: string;
  rows: CostRow[];
  unit: CostUnit;
  onUnit: (unit: CostUnit) => void;
  /** The target of ITL. */
  target: TargetLine;
  hot: number | null;
  selected: number | null;
  disabled: boolean;
  onHot: (row: number | null) => void;
  onSelect: (row: CostRow) => void;
  onShowConfig: (row: CostRow) => void;
}

/** Pairs of prefill and decode configurations than which none is better in both, and what 1000 requests take with them. */
export function CostSection(props: CostSectionProps) {
  const { rows, unit, hot } = props;
  const lines = useMemo(() => linesOf(rows, unit), [rows, unit]);
  const sorted = useMemo(() => [...rows].sort(byAnswer), [rows]);
  const columns = useMemo(() => columnsOf(unit), [unit]);
  const target = useMemo(
    () => ({ value: 1000 / props.target.value, label: props.target.label }),
    [props.target.value, props.target.label],
  );
  const pointed = hot === null ? undefined : rows[hot];
  const what = unit.inDollars ? props.title.replace("GPU Hours", "Cost ($)") : props.title;
  return (
    <section id="cost" aria-labelledby="cost-title">
      <h2 id="cost-title">Prefill with decode</h2>
      <p class="note">
        The recommended way: one row picks both. These are the pairs than which no other is both faster and more frugal.
      </p>
      <CostControls unit={unit} onUnit={props.onUnit} />
      <div class="halves wide-table">
        <PointChart
          title={costTitle(rows, unit)}
          subtitle={`${what}; hollow points are beyond a target`}
          colour="forecast"
          x="tokens/s of one user (1000 / ITL)"
          y={unit.inDollars ? "cost of 1,000 requests ($)" : "GPU hours of 1,000 requests"}
          lines={lines}
          target={target}
          height={380}
          hot={hot}
          selected={props.selected}
          readout={pointed === undefined ? "" : readout(pointed, unit)}
          onHot={props.onHot}
          onPick={(row) => props.disabled || props.onSelect(rows[row]!)}
        />
        <DataTable
          id="cost"
          caption={`Pareto-optimal pairs, by ${unit.inDollars ? "cost" : "GPU hours"} of 1,000 requests`}
          columns={columns}
          rows={sorted}
          name={(row) => `prefill ${engineName(row.prefill)} with decode ${engineName(row.decode)}`}
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

function columnsOf(unit: CostUnit): Column<CostRow>[] {
  return [
    { heading: "Prefill", value: (row) => row.prefill.mapping, text: (row) => row.prefill.mapping },
    { heading: "Decode", value: (row) => row.decode.mapping, text: (row) => row.decode.mapping },
    { heading: "Requests", value: (row) => row.decode.concurrency!, text: (row) => fixed(row.decode.concurrency!, 0) },
    {
      heading: "TTFT (ms)",
      value: (row) => row.prefill.latencyMs,
      text: (row) => fixed(row.prefill.latencyMs, 2),
      over: (row) => !row.prefill.keeps,
    },
    {
      heading: "ITL (ms)",
      value: (row) => row.decode.latencyMs,
      text: (row) => fixed(row.decode.latencyMs, 2),
      over: (row) => !row.decode.keeps,
    },
    { heading: "Tokens/s/user", value: (row) => row.tokensPerUser, text: (row) => fixed(row.tokensPerUser, 2) },
    unit.inDollars
      ? { heading: "Cost ($)", value: (row) => costValue(row, unit), text: (row) => fixed(costValue(row, unit), 4) }
      : { heading: "GPU hours", value: (row) => row.gpuHours, text: (row) => fixed(row.gpuHours, 4) },
  ];
}

/** A line for each prefill configuration. */
function linesOf(rows: CostRow[], unit: CostUnit): PlottedLine[] {
  return [...Map.groupBy(rows, (row) => row.prefill)].map(([prefill, line]) => ({
    name: `TTFT ${significant(prefill.latencyMs)} ms`,
    joined: true,
    points: line
      .map((row) => ({
        x: row.tokensPerUser,
        y: costValue(row, unit),
        row: row.index,
        keeps: row.keeps,
        label: `${row.prefill.mapping} + ${row.decode.mapping}: ${costText(row, unit)}`,
      }))
      .sort((one, other) => one.x - other.x),
  }));
}

function readout(row: CostRow, unit: CostUnit): string {
  return `Prefill ${row.prefill.mapping} with decode ${engineName(row.decode)}: TTFT ${fixed(row.prefill.latencyMs, 2)} ms, ITL ${fixed(row.decode.latencyMs, 2)} ms, ${costText(row, unit)}`;
}
