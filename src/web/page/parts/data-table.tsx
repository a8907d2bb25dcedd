import { useLayoutEffect, useRef, useState } from "preact/hooks";

export interface Column<Row> {
  heading: string;
  /** What is sorted by; texts as texts. */
  value: (row: Row) => number | string;
  text: (row: Row) => string;
  /** Beyond the target. */
  over?: (row: Row) => boolean;
}

export interface DataTableProps<Row extends { index: number }> {
  /** `prefill` */
  id: string;
  caption: string;
  columns: Column<Row>[];
  rows: readonly Row[];
  /** A row in a few words, for screen readers. */
  name: (row: Row) => string;
  /** Rows that are pointed at, here or in a chart. */
  hot: number | null;
  selected: number | null;
  disabled: boolean;
  onHot: (row: number | null) => void;
  onSelect: (row: Row) => void;
  onShowConfig: (row: Row) => void;
}

interface Order {
  column: number;
  descending: boolean;
}

/**
 * A table whose rows are picked. By keyboard it is one stop: arrow keys, Home and End go from row to row and between the two
 * buttons of a row; the columns' headings sort.
 */
export function DataTable<Row extends { index: number }>(props: DataTableProps<Row>) {
  const { id, columns, rows, hot, selected } = props;
  const [order, setOrder] = useState<Order | null>(null);
  const [stop, setStop] = useState<{ row: number; button: number } | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const sorted = order === null ? rows : sortedBy(rows, columns[order.column]!, order.descending);
  const current = stop ?? { row: selected ?? sorted[0]?.index ?? -1, button: 0 };
  useKeptInView(scroller, hot);

  const focus = (row: number, button: number) => {
    setStop({ row, button });
    scroller.current!.querySelector<HTMLElement>(`tr[data-row="${row}"] button[data-button="${button}"]`)?.focus();
  };
  const move = (event: KeyboardEvent) => {
    const at = sorted.findIndex((row) => row.index === current.row);
    const [row, button] =
      {
        ArrowUp: [at - 1, current.button],
        ArrowDown: [at + 1, current.button],
        Home: [0, current.button],
        End: [sorted.length - 1, current.button],
        ArrowLeft: [at, 0],
        ArrowRight: [at, 1],
      }[event.key] ?? [];
    if (row === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const target = sorted[Math.min(sorted.length - 1, Math.max(0, row))];
    if (target !== undefined) focus(target.index, button!);
  };

  /** The two buttons of a row: 0 selects it, 1 shows its configuration. */
  const button = (row: Row, which: 0 | 1) => {
    const isSelected = row.index === selected;
    const label = which === 1 ? "Show Config" : isSelected ? "Selected" : "Select";
    return (
      <button
        type="button"
        data-button={which}
        class={which === 0 ? "select" : "plain"}
        tabIndex={current.row === row.index && current.button === which ? 0 : -1}
        disabled={which === 0 && props.disabled}
        aria-pressed={which === 0 ? isSelected : undefined}
        aria-label={`${label} ${props.name(row)}`}
        onFocus={() => setStop({ row: row.index, button: which })}
        onClick={() => (which === 0 ? props.onSelect(row) : props.onShowConfig(row))}
      >
        {label}
      </button>
    );
  };

  return (
    <div class="card scroll" ref={scroller} data-table={id}>
      {/* biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: a table with rows to pick is ARIA's grid */}
      <table role="grid" aria-labelledby={`${id}-caption`} aria-rowcount={rows.length + 1}>
        <caption id={`${id}-caption`}>{props.caption}</caption>
        <thead>
          <tr>
            <th scope="col" class="pick">
              <span class="hidden">Select</span>
            </th>
            {columns.map((column, c) => (
              <th
                key={column.heading}
                scope="col"
                class={isNumeric(rows, column) ? "number" : ""}
                {...sortState(order, c)}
              >
                <button
                  type="button"
                  class="sort"
                  onClick={() => setOrder({ column: c, descending: order?.column === c && !order.descending })}
                >
                  {column.heading}
                  <span aria-hidden="true">{order?.column === c ? (order.descending ? " ↓" : " ↑") : ""}</span>
                </button>
              </th>
            ))}
            <th scope="col">
              <span class="hidden">Configuration</span>
            </th>
          </tr>
        </thead>
        {/* The arrow keys come from the buttons inside. */}
        <tbody onKeyDown={move}>
          {sorted.map((row) => (
            <tr
              key={row.index}
              data-row={row.index}
              aria-selected={row.index === selected}
              class={row.index === hot ? "hot" : ""}
              onPointerEnter={() => props.onHot(row.index)}
              onPointerLeave={() => props.onHot(null)}
              onFocusIn={() => props.onHot(row.index)}
              onFocusOut={() => props.onHot(null)}
              onClick={(event) => {
                if ((event.target as Element).closest("button") === null && !props.disabled) props.onSelect(row);
              }}
            >
              <td class="pick">{button(row, 0)}</td>
              {columns.map((column, c) => (
                <Cell
                  key={column.heading}
                  row={row}
                  column={column}
                  first={c === 0}
                  numeric={isNumeric(rows, column)}
                />
              ))}
              <td class="action">{button(row, 1)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface CellProps<Row> {
  row: Row;
  column: Column<Row>;
  first: boolean;
  numeric: boolean;
}

function Cell<Row>({ row, column, first, numeric }: CellProps<Row>) {
  const over = column.over?.(row) ?? false;
  const content = (
    <>
      {over && (
        <span class="mark" title="beyond the target">
          ✗<span class="hidden"> beyond the target: </span>
        </span>
      )}
      {column.text(row)}
    </>
  );
  const look = `${numeric ? "number" : ""}${over ? " over" : ""}`;
  return first ? (
    <th scope="row" class={look}>
      {content}
    </th>
  ) : (
    <td class={look}>{content}</td>
  );
}

function isNumeric<Row>(rows: readonly Row[], column: Column<Row>): boolean {
  return rows[0] !== undefined && typeof column.value(rows[0]) === "number";
}

function sortState(order: Order | null, column: number): { "aria-sort"?: "ascending" | "descending" } {
  if (order?.column !== column) return {};
  return { "aria-sort": order.descending ? "descending" : "ascending" };
}

function sortedBy<Row>(rows: readonly Row[], column: Column<Row>, descending: boolean): Row[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [column.value(one), column.value(other)];
    return sign * (typeof a === "number" ? a - (b as number) : a.localeCompare(String(b), "en", { numeric: true }));
  });
}

/** Scrolls a row that a chart points at into its table's view; the page stays where it is. */
function useKeptInView(scroller: { current: HTMLElement | null }, row: number | null): void {
  useLayoutEffect(() => {
    const box = scroller.current;
    const element = row === null ? null : box?.querySelector<HTMLElement>(`tr[data-row="${row}"]`);
    if (!box || !element || box.matches(":hover")) return;
    const head = box.querySelector("thead")!.offsetHeight;
    const [top, bottom] = [element.offsetTop - head, element.offsetTop + element.offsetHeight];
    if (top < box.scrollTop) box.scrollTop = top;
    else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
  }, [row]);
}
