import { describe, expect, it } from "vitest";
import { UserError } from "#common";
import { parsePrometheus } from "#common/prometheus";

/** The example of Prometheus' documentation of its text format. */
const EXAMPLE = `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\\\DIR\\\\FILE.TXT",error="Cannot find file:\\n\\"FILE.TXT\\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# A histogram, which has a pretty complex representation in the text format:
# HELP http_request_duration_seconds A histogram of the request duration.
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="0.1"} 33444
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
http_request_duration_seconds_count 144320

# Finally a summary, which has a complex representation, too:
# HELP rpc_duration_seconds A summary of the RPC duration in seconds.
# TYPE rpc_duration_seconds summary
rpc_duration_seconds{quantile="0.01"} 3102
rpc_duration_seconds{quantile="0.99"} 76656
rpc_duration_seconds_sum 1.7560473e+07
rpc_duration_seconds_count 2693
`;

describe("the parser", () => {
  it("reads the documentation's example", () => {
    const families = parsePrometheus(EXAMPLE);
    expect([...families.keys()]).toEqual([
      "http_requests_total",
      "msdos_file_access_time_seconds",
      "metric_without_timestamp_and_labels",
      "something_weird",
      "http_request_duration_seconds",
      "rpc_duration_seconds",
    ]);
    expect(families.get("http_requests_total")).toEqual({
      name: "http_requests_total",
      type: "counter",
      help: "The total number of HTTP requests.",
      samples: [
        {
          name: "http_requests_total",
          labels: { method: "post", code: "200" },
          value: 1027,
          timestampMs: 1395066363000,
        },
        { name: "http_requests_total", labels: { method: "post", code: "400" }, value: 3, timestampMs: 1395066363000 },
      ],
    });
    expect(families.get("msdos_file_access_time_seconds")!.samples[0]!.labels).toEqual({
      path: "C:\\DIR\\FILE.TXT",
      error: 'Cannot find file:\n"FILE.TXT"',
    });
    expect(families.get("something_weird")!.samples[0]).toMatchObject({
      value: Number.POSITIVE_INFINITY,
      timestampMs: -3982045,
    });
    expect(families.get("http_request_duration_seconds")!.samples).toHaveLength(5);
    expect(families.get("rpc_duration_seconds")!.samples.map(({ name }) => name)).toEqual([
      "rpc_duration_seconds",
      "rpc_duration_seconds",
      "rpc_duration_seconds_sum",
      "rpc_duration_seconds_count",
    ]);
  });

  it("takes blanks, tabs, trailing commas, carriage returns and numbers in all their forms", () => {
    const families = parsePrometheus(
      ' a { x = "1" , } \t 1e-3 \r\nb NaN\nc -inf\nd .5\ne 5.\n# EOF\n#TYPE f gauge\nf{} -0 12',
    );
    const value = (name: string) => families.get(name)!.samples[0]!.value;
    expect(families.get("a")!.samples[0]).toEqual({ name: "a", labels: { x: "1" }, value: 0.001, timestampMs: null });
    expect(value("b")).toBeNaN();
    expect(value("c")).toBe(Number.NEGATIVE_INFINITY);
    expect([value("d"), value("e")]).toEqual([0.5, 5]);
    expect(families.get("f")).toMatchObject({ type: "gauge", samples: [{ labels: {}, timestampMs: 12 }] });
  });

  it("keeps a counter that is called x_count out of a gauge called x", () => {
    const families = parsePrometheus("# TYPE x gauge\nx 1\nx_count 2\n");
    expect(families.get("x")!.samples).toHaveLength(1);
    expect(families.get("x_count")!.type).toBe("untyped");
  });

  it.each([
    ["a 1\n2b 3\n", "scrape:2:1", 'found "2b", expected a metric name'],
    ["a\n", "scrape:1:2", "found no value, expected a number"],
    ["a 1,5\n", "scrape:1:3", 'found "1,5", expected a number'],
    ["a 0x10\n", "scrape:1:3", 'found "0x10"'],
    ["a 1 2 3\n", "scrape:1:7", 'found "3" after the sample'],
    ["a 1 2.5\n", "scrape:1:5", "expected a timestamp in whole ms"],
    ['a{b="c} 1\n', "scrape:1:5", "found no end of the label's value"],
    ['a{b="c" d="e"} 1\n', "scrape:1:9", 'found "d", expected "," or "}"'],
    ['a{b="c",b="d"} 1\n', "scrape:1:9", "found label b twice"],
    ["a{b=c} 1\n", "scrape:1:5", 'found "c", expected "\\""'],
    ['a{1="c"} 1\n', "scrape:1:3", "expected a label name"],
    ["a{b", "scrape:1:4", "found the end of line"],
    ["# TYPE a number\n", "scrape:1:10", 'found type "number", expected one of counter'],
    ["# HELP 9 x\n", "scrape:1:8", "after HELP, expected a metric name"],
    ["a 1\n# TYPE a counter\n", "scrape:2:8", "found the TYPE of a after its samples"],
    ["<html>\n", "scrape:1:1", 'found "<html>", expected a metric name'],
  ])("says where and what is wrong with %j", (text, where, message) => {
    let thrown: unknown;
    try {
      parsePrometheus(text, "scrape");
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(UserError);
    expect(thrown).toMatchObject({ code: "COMMON_BAD_METRICS", where });
    expect((thrown as UserError).message).toContain(message);
  });
});
