import { useMemo, useState } from "preact/hooks";
import type { WebUiData, WebUiSession } from "../types.ts";
import { config } from "./api.ts";
import { ConfigDialog, type ShownConfig } from "./parts/config-dialog.tsx";
import { CostSection } from "./parts/cost-section.tsx";
import { EngineSection } from "./parts/engine-section.tsx";
import { PageHeader } from "./parts/page-header.tsx";
import { SelectionBar } from "./parts/selection-bar.tsx";
import { type CostRow, type CostUnit, costRowOf, type EngineRow, rowsOf } from "./rows.ts";
import { engineName } from "./titles.ts";
import { useSelection } from "./use-selection.ts";

/** The row that is pointed at, by pointer or focus, and of which table. */
interface Hot {
  table: "prefill" | "decode" | "cost";
  row: number;
}

export function App({ data, session }: { data: WebUiData; session: WebUiSession }) {
  const { details } = session;
  const rows = useMemo(() => rowsOf(data, details), [data, details]);
  const [unit, setUnit] = useState<CostUnit>({ inDollars: false, perHour: details.gpuCostPerHour });
  const [hot, setHot] = useState<Hot | null>(null);
  const [shown, setShown] = useState<ShownConfig | null>(null);
  const selection = useSelection(session, rows);
  const { halves, disabled } = selection;

  const hotIn = (table: Hot["table"]) => (row: number | null) => setHot(row === null ? null : { table, row });
  const hotPair = hot?.table === "cost" ? rows.cost[hot.row] : undefined;
  const hotRow = (table: Hot["table"]) => (hot?.table === table ? hot.row : null);
  const paired = costRowOf(rows, halves.prefill, halves.decode);

  const showPair = async (title: string, prefill: number, decode: number) => {
    try {
      setShown({ title, yaml: await config(prefill, decode), fileName: "dgd.yaml" });
    } catch (error) {
      selection.say((error as Error).message);
    }
  };
  /** A row of one table is shown with what is selected of the other, else as the data has it. */
  const showEngine = (phase: "prefill" | "decode") => (row: EngineRow) => {
    const title = `Configuration with ${phase} ${engineName(row)}`;
    const [prefill, decode] = phase === "prefill" ? [row.index, halves.decode] : [halves.prefill, row.index];
    if (prefill === null || decode === null) setShown({ title, yaml: row.yaml, fileName: "dgd.yaml" });
    else void showPair(title, prefill, decode);
  };
  const showCost = (row: CostRow) =>
    setShown({
      title: `Configuration with prefill ${engineName(row.prefill)} and decode ${engineName(row.decode)}`,
      yaml: row.yaml,
      fileName: "dgd.yaml",
    });

  return (
    <>
      <a class="skip" href="#cost">
        Skip to the configurations
      </a>
      <PageHeader details={details} rows={rows} remainingMs={session.remainingMs} open={!disabled} />
      <main>
        <CostSection
          title={data.cost.chart.title}
          rows={rows.cost}
          unit={unit}
          onUnit={setUnit}
          target={data.decode.chart.target_line}
          hot={hotRow("cost")}
          selected={paired?.index ?? null}
          disabled={disabled}
          onHot={hotIn("cost")}
          onSelect={(row) => selection.choose({ prefill: row.prefill.index, decode: row.decode.index })}
          onShowConfig={showCost}
        />
        {(["prefill", "decode"] as const).map((phase) => (
          <EngineSection
            key={phase}
            phase={phase}
            rows={rows[phase]}
            target={data[phase].chart.target_line}
            workload={
              phase === "prefill" ? `prompts of ${details.isl} tokens` : `${details.isl} tokens in, ${details.osl} out`
            }
            hot={hotRow(phase) ?? hotPair?.[phase].index ?? null}
            selected={halves[phase]}
            disabled={disabled}
            onHot={hotIn(phase)}
            onSelect={(row) => selection.choose({ [phase]: row.index })}
            onShowConfig={showEngine(phase)}
          />
        ))}
      </main>
      <SelectionBar
        rows={rows}
        unit={unit}
        halves={halves}
        paired={paired}
        message={selection.message}
        busy={selection.busy}
        over={selection.over}
        onConfirm={selection.confirm}
        onClear={selection.clear}
        onShowConfig={() => void showPair("Selected configuration", halves.prefill!, halves.decode!)}
      />
      {shown !== null && <ConfigDialog shown={shown} onClose={() => setShown(null)} />}
    </>
  );
}
