import type { Halves } from "../confirm.ts";
import { fixed } from "../numbers.ts";
import type { CostRow, CostUnit, EngineRow, Rows } from "../rows.ts";
import { costText, engineName } from "../titles.ts";

export interface SelectionBarProps {
  rows: Rows;
  unit: CostUnit;
  halves: Halves;
  /** The cost row of both halves, where there is one. */
  paired: CostRow | undefined;
  message: string;
  busy: boolean;
  /** No selection is taken any more. */
  over: boolean;
  onConfirm: () => void;
  onClear: () => void;
  onShowConfig: () => void;
}

/** What is selected, always in sight, and the button that uses it. */
export function SelectionBar(props: SelectionBarProps) {
  const { rows, halves, paired, over } = props;
  const prefill = halves.prefill === null ? undefined : rows.prefill[halves.prefill];
  const decode = halves.decode === null ? undefined : rows.decode[halves.decode];
  const both = prefill !== undefined && decode !== undefined;
  return (
    <aside class="bar" aria-label="Selection">
      <div class="inside">
        <Half name="Prefill" time="TTFT" row={prefill} />
        <Half name="Decode" time="ITL" row={decode} />
        {paired !== undefined && <p class="pair">{costText(paired, props.unit)} for 1,000 requests</p>}
        <p class="message" role="status">
          {props.message}
        </p>
        <div class="buttons">
          {both && (
            <button type="button" class="plain" onClick={props.onShowConfig} disabled={over}>
              Show Config
            </button>
          )}
          {(prefill !== undefined || decode !== undefined) && (
            <button type="button" class="plain" onClick={props.onClear} disabled={over || props.busy}>
              Clear
            </button>
          )}
          <button type="button" class="primary" onClick={props.onConfirm} disabled={!both || over || props.busy}>
            Use this configuration
          </button>
        </div>
      </div>
    </aside>
  );
}

function Half({ name, time, row }: { name: string; time: string; row: EngineRow | undefined }) {
  return (
    <p class={`half ${name.toLowerCase()}`}>
      <span class="name">{name}</span>{" "}
      {row === undefined ? (
        <span class="muted">none selected</span>
      ) : (
        <>
          <strong>{engineName(row)}</strong>{" "}
          <span class={row.keeps ? "muted" : "over"}>
            {time} {fixed(row.latencyMs, 2)} ms{row.keeps ? "" : ", beyond the target"}
          </span>
        </>
      )}
    </p>
  );
}
