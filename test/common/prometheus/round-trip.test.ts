import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { parsePrometheus, registry } from "#common/prometheus";

const metricName = fc.stringMatching(/^[a-zA-Z_:][a-zA-Z0-9_:]{0,8}$/);
const labelName = fc.stringMatching(/^[a-zA-Z][a-zA-Z0-9_]{0,6}$/).filter((name) => name !== "le");
const anyText = fc.string({ unit: fc.oneof(fc.constantFrom("\\", '"', "\n", "}", "{", ",", " ", "#"), fc.string()) });
const value = fc.oneof(
  fc.double(),
  fc.integer(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0),
);
const family = fc.uniqueArray(labelName, { maxLength: 3 }).chain((labels) =>
  fc.record({
    help: anyText,
    labels: fc.constant(labels),
    children: fc.uniqueArray(
      fc.record({ values: fc.tuple(...labels.map(() => anyText)), value: value, observed: fc.array(fc.double()) }),
      { maxLength: 4, selector: ({ values }) => JSON.stringify(values) },
    ),
  }),
);

describe("what the registry writes", () => {
  it("the parser reads back, whatever texts and numbers there are", () => {
    fc.assert(
      fc.property(fc.dictionary(metricName, family, { maxKeys: 4, noNullPrototype: true }), (gauges) => {
        const metrics = registry({ constant: "a\\b" });
        for (const [name, { help, labels, children }] of Object.entries(gauges)) {
          const gauge = metrics.gauge(name, help, labels);
          for (const child of children) gauge.labels(...child.values).set(child.value);
        }
        const read = parsePrometheus(metrics.text());
        expect([...read.keys()].sort()).toEqual(Object.keys(gauges).sort());
        for (const [name, { help, labels, children }] of Object.entries(gauges)) {
          const found = read.get(name)!;
          // Leading blanks of a help text are not told from the separator.
          expect(found.help).toBe(help.replace(/^[ \t]+/, ""));
          const shown = labels.length === 0 && children.length === 0 ? [{ values: [], value: 0 }] : children;
          expect(found.samples.map((sample) => sample.value)).toEqual(shown.map((child) => child.value));
          expect(found.samples.map((sample) => sample.labels)).toEqual(
            shown.map((child) => ({
              constant: "a\\b",
              ...Object.fromEntries(labels.map((label, i) => [label, child.values[i]])),
            })),
          );
        }
      }),
      { numRuns: 300 },
    );
  });

  it("holds each observation in the bucket that it belongs to", () => {
    const bounds = fc.uniqueArray(fc.double({ noNaN: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 12 });
    const observed = fc.array(fc.double({ noNaN: true, min: -1e6, max: 1e6 }));
    fc.assert(
      fc.property(bounds, observed, (unsorted, values) => {
        // +0 and −0 are one bound.
        const buckets = [...new Set(unsorted.map((bound) => bound + 0))].sort((a, b) => a - b);
        const metrics = registry();
        const histogram = metrics.histogram("h", "H.", [], buckets);
        for (const each of values) histogram.observe(each);
        const { samples } = parsePrometheus(metrics.text()).get("h")!;
        const expected = [...buckets, Number.POSITIVE_INFINITY].map((le) => values.filter((v) => v <= le).length);
        expect(samples.slice(0, -2).map((sample) => sample.value)).toEqual(expected);
        expect(samples.at(-1)!.value).toBe(values.length);
      }),
    );
  });

  it("makes the parser either read or point at a place, whatever is cut or changed in it", () => {
    const metrics = registry();
    metrics.histogram("h", "H.", ["a"], [1, 2]).labels('x"\\').observe(1.5);
    metrics.counter("c_total", "C.").inc();
    const text = metrics.text();
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(6), fc.string({ maxLength: 3 }), (at, cut, put) => {
        try {
          parsePrometheus(text.slice(0, at) + put + text.slice(at + cut));
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
          expect((error as UserError).where).toMatch(/^metrics:\d+:\d+$/);
        }
      }),
      { numRuns: 500 },
    );
  });
});
