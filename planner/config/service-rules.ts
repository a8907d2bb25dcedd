import type { FieldName } from "./layers.ts";
import type { RuleProblem } from "./rules.ts";
import type { PlannerDocument } from "./schema.ts";

const PORTS = ["live_dashboard_port", "control_api_port", "metric_reporting_prometheus_port"] as const;

/** Refusals of what the service itself is told: one port can't be listened at twice. */
export function serviceProblems(document: PlannerDocument, given: (field: FieldName) => boolean): RuleProblem[] {
  return PORTS.flatMap((other, i) =>
    PORTS.slice(0, i).flatMap((one) => {
      const port = document[one];
      if (port === 0 || port !== document[other]) return [];
      const [field, taken] = given(other) ? [other, one] : [one, other];
      return [{ field, message: `found ${port}, expected another port: it is ${taken}, too`, hint: "0 turns one off" }];
    }),
  );
}
