/** What clients tell routers of their requests, as Dynamo's agent hints; columns of one value per request. */
export interface RoutingHints {
  /** NaN: nothing said. */
  priority: Float64Array;
  /** NaN: nothing said. */
  strictPriority: Float64Array;
  /** Names of policy classes (or families), and the place in them that a request names, or −1. */
  classNames: string[];
  classOf: Int32Array;
}

/** The same of one request; absent: nothing said. */
export interface RequestHints {
  priority?: number | undefined;
  strictPriority?: number | undefined;
  policyClass?: string | undefined;
}

export function hintsOf(
  { priority, strictPriority, classNames, classOf }: RoutingHints,
  request: number,
): RequestHints {
  const policyClass = classNames[classOf[request]!];
  return {
    ...(Number.isNaN(priority[request]!) ? {} : { priority: priority[request]! }),
    ...(Number.isNaN(strictPriority[request]!) ? {} : { strictPriority: strictPriority[request]! }),
    ...(policyClass === undefined ? {} : { policyClass }),
  };
}

/** Columns of what each request says; undefined where none says anything. */
export function routingHints(
  count: number,
  of: (request: number) => RequestHints | undefined,
): RoutingHints | undefined {
  const hints: RoutingHints = {
    priority: new Float64Array(count).fill(Number.NaN),
    strictPriority: new Float64Array(count).fill(Number.NaN),
    classNames: [],
    classOf: new Int32Array(count).fill(-1),
  };
  const places = new Map<string, number>();
  let anything = false;
  for (let request = 0; request < count; request++) {
    const { priority, strictPriority, policyClass } = of(request) ?? {};
    anything ||= priority !== undefined || strictPriority !== undefined || policyClass !== undefined;
    if (priority !== undefined) hints.priority[request] = priority;
    if (strictPriority !== undefined) hints.strictPriority[request] = strictPriority;
    if (policyClass === undefined) continue;
    let place = places.get(policyClass);
    if (place === undefined) {
      place = hints.classNames.push(policyClass) - 1;
      places.set(policyClass, place);
    }
    hints.classOf[request] = place;
  }
  return anything ? hints : undefined;
}
