"""Runs one row of the benchmark in DynoSim: arguments as JSON on stdin, summary and cost as JSON on stdout.

Input: {"args": [input_tokens, output_tokens, request_count], "kwargs": {...}} of dynamo.replay.run_synthetic_trace_replay,
or {"args": [trace_file], ...} of run_trace_replay. With "records" the output has every request.
"""

import json
import os
import resource
import sys
import time


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    row = json.load(sys.stdin)
    # DynoSim logs to stdout: its lines go to stderr, and ours to the real stdout.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from dynamo.replay import run_synthetic_trace_replay, run_trace_replay

    replay = run_trace_replay if len(row["args"]) == 1 else run_synthetic_trace_replay

    start_cpu, start = cpu_seconds(), time.perf_counter()
    report = replay(*row["args"], **row["kwargs"])
    run_cpu, run_wall = cpu_seconds() - start_cpu, time.perf_counter() - start
    per_request = report.per_request
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    result = {
        "summary": dict(report.summary),
        "perRequestRows": None if per_request is None else len(per_request),
        "runCpuSeconds": run_cpu,
        "runWallSeconds": run_wall,
        "processCpuSeconds": cpu_seconds(),
        "peakRssBytes": peak,
    }
    if row.get("records"):
        result["records"] = per_request
    json.dump(result, out, default=str)
    out.close()


main()
