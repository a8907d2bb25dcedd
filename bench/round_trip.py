"""Both ends of the round trip, by numpy: the profile that a mocker plays, and what was measured of it against that profile.

    round_trip.py make FOLDER            writes P as the SLA profiler would (raw_data.npz of prefill and decode)
    round_trip.py compare FOLDER FOLDER  P and what was measured; prints the relative errors as JSON
"""

import json
import os
import sys

import numpy as np

PREFILL = "selected_prefill_interpolation/raw_data.npz"
DECODE = "selected_decode_interpolation/raw_data.npz"

# A small engine: as fast as an 8B model on an H200, with room for some 60 requests.
MAX_KV_TOKENS = 40_000
MAX_CONTEXT = 8_192
GRANULARITY = 4
OSL = 500


def ttft_ms(isl):
    return 9.0 + 0.045 * isl + 1.1e-6 * isl**2


def itl_ms(requests, context):
    """Weights are read once a step, the KV cache once, and each request costs a little."""
    return 6.5 + 1.4e-4 * requests * context + 0.03 * requests


def make(folder):
    step = (MAX_CONTEXT - 512 - 100) // GRANULARITY
    isl = np.arange(100, MAX_CONTEXT - 512, step)
    ttft = ttft_ms(isl)
    usage, context, itl, thpt = [], [], [], []
    for prompt in range(100, MAX_CONTEXT - OSL, (MAX_CONTEXT - OSL) // GRANULARITY):
        most = MAX_KV_TOKENS // (prompt + OSL)
        counts = (
            np.arange(1, most + 1)
            if most < GRANULARITY
            else 1 + np.floor(np.arange(GRANULARITY) * (most - 1) / (GRANULARITY - 1)).astype(int)
        )
        for requests in counts:
            usage.append((prompt + OSL / 2) * requests / MAX_KV_TOKENS)
            context.append(prompt + OSL / 2)
            itl.append(itl_ms(requests, prompt + OSL / 2))
            thpt.append(requests * 1000 / itl[-1])
    for name in (PREFILL, DECODE):
        os.makedirs(os.path.dirname(os.path.join(folder, name)), exist_ok=True)
    np.savez(os.path.join(folder, PREFILL), prefill_isl=isl, prefill_ttft=ttft, prefill_thpt_per_gpu=isl * 1000 / ttft)
    np.savez(
        os.path.join(folder, DECODE),
        x_kv_usage=np.array(usage),
        y_context_length=np.array(context),
        z_itl=np.array(itl),
        z_thpt_per_gpu=np.array(thpt),
        max_kv_tokens=np.array([MAX_KV_TOKENS]),
    )
    print(json.dumps({"maxKvTokens": MAX_KV_TOKENS, "maxContext": MAX_CONTEXT, "granularity": GRANULARITY}))


def itl_of(profile, usage, context):
    """Linear over KV usage along each line of constant context, then linear over the contexts."""
    lines = np.unique(profile["y_context_length"])
    along = []
    for line in lines:
        on = profile["y_context_length"] == line
        order = np.argsort(profile["x_kv_usage"][on])
        along.append(np.interp(usage, profile["x_kv_usage"][on][order], profile["z_itl"][on][order]))
    return np.interp(context, lines, along)


def compare(reference, measured):
    report = {}
    if os.path.exists(os.path.join(measured, PREFILL)):
        p, m = np.load(os.path.join(reference, PREFILL)), np.load(os.path.join(measured, PREFILL))
        expected = np.interp(m["prefill_isl"], p["prefill_isl"], p["prefill_ttft"])
        report["ttft"] = errors(m["prefill_isl"], m["prefill_ttft"], expected)
    if os.path.exists(os.path.join(measured, DECODE)):
        p, m = np.load(os.path.join(reference, DECODE)), np.load(os.path.join(measured, DECODE))
        points = list(zip(m["x_kv_usage"], m["y_context_length"]))
        expected = np.array([itl_of(p, usage, context) for usage, context in points])
        report["itl"] = errors(points, m["z_itl"], expected)
    print(json.dumps(report))


def errors(points, found, expected):
    relative = np.abs(found / expected - 1)
    return {
        "points": len(found),
        "mean": float(relative.mean()),
        "worst": float(relative.max()),
        "at": np.array(points[int(relative.argmax())]).tolist(),
        "found": np.asarray(found).tolist(),
        "expected": np.asarray(expected).tolist(),
    }


if __name__ == "__main__":
    {"make": make, "compare": compare}[sys.argv[1]](*sys.argv[2:])
