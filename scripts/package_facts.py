"""What the `aiconfigurator` package knows beside latencies, for dump-op-tables.py: systems, support, models, data sheets."""

import csv
import json
import os

BACKENDS = ("trtllm", "vllm", "sglang")


def name_of(key):
    return getattr(key, "name", key)


def systems():
    from aiconfigurator_core.sdk.perf_database import get_database, resolve_query_version

    found = []
    for file in sorted(os.listdir(root())):
        system = file.removesuffix(".yaml")
        if file == system or not os.path.isdir(os.path.join(root(), "data", system)):
            continue
        for backend in BACKENDS:
            try:
                version = resolve_query_version(system, backend, "current")
                get_database(system, backend, version)
            except Exception:  # noqa: BLE001 - no data of this pair
                continue
            if os.path.isdir(os.path.join(root(), "data", system, "gemm", backend)):
                found.append([system, backend, version])
    return found


def root():
    import aiconfigurator_core

    return os.path.join(os.path.dirname(aiconfigurator_core.__file__), "systems")


def support():
    """Model, system, backend, version and mode of every passing row of the support matrix."""
    rows = []
    folder = os.path.join(root(), "support_matrix")
    for file in sorted(os.listdir(folder)):
        if file.endswith(".csv"):
            with open(os.path.join(folder, file), encoding="utf-8", newline="") as handle:
                for row in csv.DictReader(handle):
                    rows.append([row["HuggingFaceID"], row["System"], row["Backend"], row["Version"], row["Mode"],
                                 row["Status"]])  # fmt: skip
    return rows


def models():
    """Bundled configurations, with the formats and the weights that the package itself makes of them."""
    folder = os.path.join(os.path.dirname(root()), "model_configs")
    out = {}
    for file in sorted(os.listdir(folder)):
        if file.endswith("_config.json") and not file.endswith("_hf_quant_config.json"):
            stem = file.removesuffix("_config.json")
            with open(os.path.join(folder, file), encoding="utf-8") as handle:
                config = json.loads(handle.read(), parse_constant=lambda _: None)
            quant = os.path.join(folder, f"{stem}_hf_quant_config.json")
            if os.path.exists(quant):
                with open(quant, encoding="utf-8") as handle:
                    config["hf_quant_config"] = json.load(handle)
            model = stem.replace("--", "/", 1)
            out[model] = {"config": config, **built(model)}
    return out


def built(model):
    from aiconfigurator_core.sdk.config_builders import build_model_config
    from aiconfigurator_core.sdk.models import get_model

    config = build_model_config(tp_size=1, pp_size=1, attention_dp_size=1, moe_tp_size=1, moe_ep_size=1)
    for backend in BACKENDS:
        try:
            graph = get_model(model, config, backend)
        except Exception:  # noqa: BLE001 - this backend has no graph of it
            continue
        modes = {part: name_of(getattr(graph.config, f"{part}_quant_mode")) for part in ("gemm", "moe", "kvcache")}
        return {"formats": modes, "weightBytes": int(sum(op.get_weights() for op in graph.context_ops))}
    return {}


def sheets():
    import yaml

    out = {}
    for file in sorted(os.listdir(root())):
        if file.endswith(".yaml"):
            with open(os.path.join(root(), file), encoding="utf-8") as handle:
                sheet = yaml.safe_load(handle)
            if isinstance(sheet, dict) and "gpu" in sheet:
                out[file.removesuffix(".yaml")] = sheet
    return out
