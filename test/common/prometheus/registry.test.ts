import { describe, expect, it } from "vitest";
import { registry } from "#common/prometheus";

describe("the registry", () => {
  it("writes families in the order of definition, children in the order of first use", () => {
    const metrics = registry({ model_name: "llama" });
    const tokens = metrics.counter("vllm:generation_tokens_total", "Tokens out.");
    const success = metrics.counter("vllm:request_success_total", "Requests by reason.", ["finished_reason"]);
    const running = metrics.gauge("vllm:num_requests_running", "Running now.");
    success.labels("stop").inc();
    success.labels("length").inc(2);
    success.labels("stop").inc();
    tokens.inc(7);
    running.set(3.5);
    running.dec();
    expect(metrics.text()).toBe(
      [
        "# HELP vllm:generation_tokens_total Tokens out.",
        "# TYPE vllm:generation_tokens_total counter",
        'vllm:generation_tokens_total{model_name="llama"} 7',
        "# HELP vllm:request_success_total Requests by reason.",
        "# TYPE vllm:request_success_total counter",
        'vllm:request_success_total{model_name="llama",finished_reason="stop"} 2',
        'vllm:request_success_total{model_name="llama",finished_reason="length"} 2',
        "# HELP vllm:num_requests_running Running now.",
        "# TYPE vllm:num_requests_running gauge",
        'vllm:num_requests_running{model_name="llama"} 2.5',
        "",
      ].join("\n"),
    );
  });

  it("cumulates buckets, which take values up to and including their bound", () => {
    const metrics = registry();
    const histogram = metrics.histogram("ttft_seconds", "TTFT.", [], [0.1, 1, 2.5]);
    for (const value of [0.1, 0.100001, 1, 2.5, 3]) histogram.observe(value);
    histogram.observe(0.5, 10);
    expect(metrics.text()).toBe(
      [
        "# HELP ttft_seconds TTFT.",
        "# TYPE ttft_seconds histogram",
        'ttft_seconds_bucket{le="0.1"} 1',
        'ttft_seconds_bucket{le="1.0"} 13',
        'ttft_seconds_bucket{le="2.5"} 14',
        'ttft_seconds_bucket{le="+Inf"} 15',
        `ttft_seconds_sum ${0.1 + 0.100001 + 1 + 2.5 + 3 + 0.5 * 10}`,
        "ttft_seconds_count 15",
        "",
      ].join("\n"),
    );
  });

  it("puts NaN and what is too large into +Inf, what is negative into the first bucket", () => {
    const histogram = registry().histogram("x", "X.", ["who"], [1, 2, Number.POSITIVE_INFINITY]);
    const child = histogram.labels("me");
    child.observe(Number.NaN);
    child.observe(Number.POSITIVE_INFINITY);
    child.observe(-5);
    expect([...child.bucketCounts]).toEqual([1, 0, 2]);
    expect(child.count).toBe(3);
    expect(child.sum).toBeNaN();
  });

  it("shows metrics without labels from the start, and labelled ones when they are first used", () => {
    const metrics = registry();
    metrics.counter("a_total", "A.");
    metrics.counter("b_total", "B.", ["x"]);
    metrics.histogram("c", "C.", [], [1]);
    const lines = metrics
      .text()
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(lines).toEqual(["a_total 0", 'c_bucket{le="1.0"} 0', 'c_bucket{le="+Inf"} 0', "c_sum 0", "c_count 0"]);
  });

  it("asks collectors at each scrape and forgets children that are removed", () => {
    const metrics = registry();
    const blocks = metrics.gauge("blocks", "Blocks.", ["worker"]);
    const total = metrics.counter("passes_total", "Passes.");
    let passes = 0;
    metrics.collect(() => {
      passes += 5;
      total.setTotal(passes);
      blocks.labels("a").set(passes);
    });
    expect(metrics.text()).toContain('blocks{worker="a"} 5\n');
    blocks.labels("b").set(1);
    blocks.remove("a");
    const text = metrics.text();
    expect(text).toContain("passes_total 10\n");
    // The collector made "a" anew, behind "b".
    expect(text.indexOf('blocks{worker="b"} 1')).toBeLessThan(text.indexOf('blocks{worker="a"} 10'));
    blocks.clear();
    expect(blocks.text()).toBe("# HELP blocks Blocks.\n# TYPE blocks gauge\n");
  });

  it("refuses malformed and doubled definitions", () => {
    const metrics = registry({ job: "x" });
    metrics.counter("taken", "T.");
    expect(() => metrics.gauge("taken", "T.")).toThrow("defined twice");
    expect(() => metrics.gauge("1st", "T.")).toThrow("no metric name");
    expect(() => metrics.gauge("a", "T.", ["b:c"])).toThrow("no label name");
    expect(() => metrics.gauge("a", "T.", ["job"])).toThrow("occurs twice");
    expect(() => metrics.histogram("h", "H.", ["le"], [1])).toThrow("names the buckets");
    expect(() => metrics.histogram("h", "H.", [], [1, 1])).toThrow("must ascend");
    expect(() => metrics.histogram("h", "H.", [], [Number.NaN])).toThrow("must ascend");
    expect(() => registry({ __name__: "x" })).toThrow("no label name");
    expect(() => metrics.counter("c", "C.", ["a", "b"]).labels("only")).toThrow("has labels [a, b], found 1");
    expect(() => metrics.counter("d", "D.").inc(-1)).toThrow("never falls");
  });
});
