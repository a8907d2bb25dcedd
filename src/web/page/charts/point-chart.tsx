import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Series, THEMES, type XyChart, xyChart } from "#src/report";
import { type Axis, axisOver, shareOf } from "./axes.ts";
import { markerShape } from "./markers.ts";

export interface PlottedPoint {
  x: number;
  y: number;
  /** Row of the table. */
  row: number;
  /** Within the targets; others are drawn hollow. */
  keeps: boolean;
  /** Stands beside the point while it is pointed at, or always where `labelled`. */
  label: string;
}

export interface PlottedLine {
  /** Stands at the line's end; empty for none. */
  name: string;
  points: PlottedPoint[];
  /** Joined by a line. */
  joined: boolean;
}

export interface PointChartProps {
  /** The chart's one message. */
  title: string;
  subtitle: string;
  colour: "prefill" | "decode" | "forecast";
  x: string;
  y: string;
  lines: PlottedLine[];
  /** Vertical, red and dashed. */
  target: { value: number; label: string };
  labelled?: boolean;
  /** Where lines have their names: beside the plot, for lines that end below each other, or at their last points. */
  names?: "beside" | "at-end";
  /** px */
  height: number;
  /** Row that is pointed at, here or in a table. */
  hot: number | null;
  selected: number | null;
  /** What is told of the row that is pointed at. */
  readout: string;
  onHot: (row: number | null) => void;
  onPick: (row: number) => void;
}

/** About the radius of a point as it is drawn, px. */
const MARKER_PX = 6;
/** Pointer distance within which a point counts as pointed at, px. */
const REACH_PX = 28;

/** Points over two axes, drawn by the report's chart functions, with a layer of points that answer the pointer. */
export function PointChart(props: PointChartProps) {
  const { lines, target, height, colour } = props;
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [x, y] = useMemo(() => axesOf(lines, target.value), [lines, target.value]);
  const frame = useMemo(() => (width === 0 ? null : drawFrame(props, x, y, width)), [props.title, lines, x, y, width]);
  const placed = useMemo(() => (frame === null ? [] : place(lines, x, y, frame.plot)), [frame, lines, x, y]);

  const nearest = (event: PointerEvent): Placed | undefined => {
    const bounds = box.current!.getBoundingClientRect();
    const [px, py] = [event.clientX - bounds.left, event.clientY - bounds.top];
    let found: Placed | undefined;
    let least = REACH_PX;
    for (const point of placed) {
      const distance = Math.hypot(point.px - px, point.py - py);
      if (distance < least) [found, least] = [point, distance];
    }
    return found;
  };
  const front = placed.filter(({ row }) => row === props.hot || row === props.selected);

  return (
    <figure class="card chart">
      <figcaption>
        <h3>{props.title}</h3>
        <div class="lines">
          <p class="what">{props.subtitle}</p>
          <output class="readout" aria-live="off">
            {props.readout}
          </output>
        </div>
      </figcaption>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the table beside it does all of this by keyboard */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: as above */}
      <div
        class="plot"
        ref={box}
        style={{ height: `${height}px`, cursor: props.hot === null ? "" : "pointer" }}
        onPointerMove={(event) => props.onHot(nearest(event)?.row ?? null)}
        onPointerLeave={() => props.onHot(null)}
        onClick={(event) => {
          const point = nearest(event as unknown as PointerEvent);
          if (point !== undefined) props.onPick(point.row);
        }}
      >
        {frame !== null && (
          <>
            {/* Made by xyChart, which escapes what it is given. */}
            <div dangerouslySetInnerHTML={{ __html: frame.svg }} />
            <svg class={`points ${colour}`} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
              {[...placed, ...front].map((point, i) => (
                <Marker
                  key={`${i < placed.length ? "" : "front-"}${point.row}`}
                  point={point}
                  hot={point.row === props.hot}
                  selected={point.row === props.selected}
                  labelled={!props.labelled && i >= placed.length && point.row === (props.hot ?? props.selected)}
                  right={frame.plot.right}
                />
              ))}
            </svg>
          </>
        )}
      </div>
    </figure>
  );
}

interface Placed extends PlottedPoint {
  px: number;
  py: number;
  line: number;
}

interface MarkerProps {
  point: Placed;
  hot: boolean;
  selected: boolean;
  labelled: boolean;
  /** Right end of the plot, px. */
  right: number;
}

function Marker({ point, hot, selected, labelled, right }: MarkerProps) {
  const state = `${point.keeps ? "" : " over"}${hot ? " hot" : ""}${selected ? " selected" : ""}`;
  const atEnd = point.px > right - 90;
  return (
    <g
      class={`point${state}`}
      data-row={point.row}
      transform={`translate(${point.px.toFixed(1)} ${point.py.toFixed(1)})`}
    >
      {selected && <circle class="ring" r="10.5" />}
      <path d={markerShape(point.line)} transform={hot ? "scale(1.45)" : undefined} />
      {labelled && (
        <text x={atEnd ? -11 : 11} y="-8" text-anchor={atEnd ? "end" : "start"}>
          {point.label}
        </text>
      )}
    </g>
  );
}

/** Edges of the plot within the picture, px. */
interface Plot {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

function axesOf(lines: PlottedLine[], target: number): [Axis, Axis] {
  const points = lines.flatMap((line) => line.points);
  return [axisOver([...points.map(({ x }) => x), target]), axisOver(points.map(({ y }) => y))];
}

function drawFrame(props: PointChartProps, x: Axis, y: Axis, width: number): { svg: string; plot: Plot } {
  const chart: XyChart = {
    title: props.title,
    x: { label: props.x, ...x },
    y: { label: props.y, ...y },
    series: props.lines.flatMap((line) => seriesOf(line, props)),
    limits: [{ ...props.target, axis: "x" }],
  };
  const svg = xyChart(chart, { width, height: props.height }, THEMES.page);
  const edges = /data-plot="([^"]+)"/.exec(svg)![1]!.split(" ").map(Number);
  return { svg, plot: { left: edges[0]!, right: edges[1]!, top: edges[2]!, bottom: edges[3]! } };
}

/** A line, and its points as places that names keep off: the layer above draws them. */
function seriesOf({ name, points, joined }: PlottedLine, props: PointChartProps): Series[] {
  const [x, y] = [points.map((point) => point.x), points.map((point) => point.y)];
  const atEnd = props.names === "at-end";
  const names = points.map((point, i) => (props.labelled ? point.label : atEnd && i === points.length - 1 ? name : ""));
  const line: Series = {
    name: atEnd ? "" : name,
    kind: "line",
    colour: props.colour,
    x,
    y,
    strokeWidth: 1.5,
    opacity: 0.55,
  };
  const dots: Series = {
    name: "",
    kind: "scatter",
    colour: props.colour,
    x,
    y,
    opacity: 0,
    pointLabels: names,
    clearance: MARKER_PX,
  };
  return joined ? [line, dots] : [dots];
}

function place(lines: PlottedLine[], x: Axis, y: Axis, plot: Plot): Placed[] {
  return lines.flatMap(({ points }, line) =>
    points.map((point) => ({
      ...point,
      line,
      px: plot.left + shareOf(x, point.x) * (plot.right - plot.left),
      py: plot.bottom - shareOf(y, point.y) * (plot.bottom - plot.top),
    })),
  );
}

/** Width of an element in whole px, as it changes. */
function useWidth(box: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const element = box.current!;
    const observer = new ResizeObserver(() => setWidth(Math.floor(element.clientWidth)));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return width;
}
