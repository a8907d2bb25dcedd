import { escapeHelp, formatLabels, formatValue, isLabelName, isMetricName } from "./format.ts";

/** What all metrics of a registry share. */
export interface MetricDefinition {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** `a="x"` of the registry, in front of each sample's own labels; may be empty. */
  readonly constantLabels: string;
}

/** One family: its children by label values, in the order of their first use. */
export abstract class Metric<Child> {
  abstract readonly type: "counter" | "gauge" | "histogram";
  readonly definition: MetricDefinition;
  protected readonly children = new Map<string, Child>();

  constructor(definition: MetricDefinition) {
    this.definition = definition;
    if (!isMetricName(definition.name)) throw new Error(`"${definition.name}" is no metric name`);
    for (const label of definition.labelNames) {
      if (!isLabelName(label)) throw new Error(`"${label}" is no label name (${definition.name})`);
    }
  }

  protected abstract newChild(labels: string): Child;
  /** The lines of one child, each with its line feed. */
  protected abstract lines(child: Child): string;

  /** The child with these label values; keep it where it is used often, so that nothing is looked up per observation. */
  labels(...values: string[]): Child {
    const key = values.length === 1 ? values[0]! : values.join("\u0000");
    let child = this.children.get(key);
    if (child === undefined) {
      const { name, labelNames, constantLabels } = this.definition;
      if (values.length !== labelNames.length) {
        throw new Error(`${name} has labels [${labelNames.join(", ")}], found ${values.length} values`);
      }
      const own = formatLabels(labelNames, values);
      child = this.newChild(constantLabels !== "" && own !== "" ? `${constantLabels},${own}` : constantLabels + own);
      this.children.set(key, child);
    }
    return child;
  }

  /** Forgets one child, so that it is shown no more. */
  remove(...values: string[]): void {
    this.children.delete(values.join("\u0000"));
  }

  /** Forgets all children. */
  clear(): void {
    this.children.clear();
  }

  text(): string {
    const { name, help } = this.definition;
    let text = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${this.type}\n`;
    for (const child of this.children.values()) text += this.lines(child);
    return text;
  }
}

/** The value of a counter or gauge, in a typed array: adding to it allocates nothing. */
abstract class ScalarChild {
  /** `name{labels} `. */
  readonly head: string;
  protected readonly state = new Float64Array(1);

  constructor(head: string) {
    this.head = head;
  }

  get value(): number {
    return this.state[0]!;
  }
}

export class CounterChild extends ScalarChild {
  /** @param by at least 0 */
  inc(by = 1): void {
    if (!(by >= 0)) throw new RangeError(`a counter never falls: ${this.head}by ${by}`);
    this.state[0]! += by;
  }

  /** For a total that is kept elsewhere and copied at scrape; a value that falls is a reset to Prometheus. */
  setTotal(total: number): void {
    this.state[0] = total;
  }
}

export class GaugeChild extends ScalarChild {
  set(value: number): void {
    this.state[0] = value;
  }

  inc(by = 1): void {
    this.state[0]! += by;
  }

  dec(by = 1): void {
    this.state[0]! -= by;
  }
}

function scalarLine(child: ScalarChild): string {
  return `${child.head}${formatValue(child.value)}\n`;
}

function head(name: string, labels: string): string {
  return labels === "" ? `${name} ` : `${name}{${labels}} `;
}

/** Only goes up. Without labels it is its own child. */
export class Counter extends Metric<CounterChild> {
  readonly type = "counter";

  protected newChild(labels: string): CounterChild {
    return new CounterChild(head(this.definition.name, labels));
  }

  protected lines(child: CounterChild): string {
    return scalarLine(child);
  }

  inc(by = 1): void {
    this.labels().inc(by);
  }

  setTotal(total: number): void {
    this.labels().setTotal(total);
  }
}

/** Goes up and down. Without labels it is its own child. */
export class Gauge extends Metric<GaugeChild> {
  readonly type = "gauge";

  protected newChild(labels: string): GaugeChild {
    return new GaugeChild(head(this.definition.name, labels));
  }

  protected lines(child: GaugeChild): string {
    return scalarLine(child);
  }

  set(value: number): void {
    this.labels().set(value);
  }

  inc(by = 1): void {
    this.labels().inc(by);
  }

  dec(by = 1): void {
    this.labels().dec(by);
  }
}
