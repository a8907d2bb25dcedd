"""Reads op latencies out of the `aiconfigurator` package (Apache-2.0), for scripts/dump-op-tables.ts, which packs them.

    python dump-op-tables.py systems                          one JSON line: [[system, backend, version], …] with data
    python dump-op-tables.py tables SYSTEM BACKEND VERSION    one JSON line: latencies in microseconds
    python dump-op-tables.py support                          one JSON line: what the package's own support matrix says passes
    python dump-op-tables.py models                           one JSON line: bundled model configurations, by Hugging Face id
    python dump-op-tables.py sheets                           one JSON line: data sheets of the systems

Points are the package's own measured coordinates (thinned), asked through its engine, so that clamping, version backfill and
kernel selection are the package's. Nothing is downloaded.
"""

import json
import logging
import math
import os
import sys

from package_facts import models, name_of, sheets, support, systems

logging.disable(logging.CRITICAL)

# Rows of activations. Pairs such as 256, 257 keep the steps at which kernels switch.
ROWS = [1, 2, 4, 8, 12, 16, 17, 32, 33, 48, 64, 65, 96, 128, 129, 160, 193, 256, 257, 512, 513, 768, 769, 1024, 1025, 1536,
        2048, 3072, 4096, 4353, 8192, 16384, 32768]  # fmt: skip
GEMM_FORMATS = ("bfloat16", "fp8", "fp8_block", "nvfp4")
SCALE_ROWS = [1, 8, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768]

# Dense models that the package does not bundle: hidden size, query heads, KV heads, head size, MLP width, vocabulary.
MORE_DENSE = [
    (3584, 28, 4, 128, 18944, 152064),  # Qwen2.5-7B
    (5120, 40, 8, 128, 13824, 152064),  # Qwen2.5-14B
    (5120, 40, 8, 128, 27648, 152064),  # Qwen2.5-32B
    (8192, 64, 8, 128, 29568, 152064),  # Qwen2.5-72B
    (2048, 16, 2, 128, 11008, 151936),  # Qwen2.5-3B
    (1536, 12, 2, 128, 8960, 151936),  # Qwen2.5-1.5B
    (896, 14, 2, 64, 4864, 151936),  # Qwen2.5-0.5B
    (2560, 32, 8, 128, 9728, 151936),  # Qwen3-4B
    (5120, 40, 8, 128, 17408, 151936),  # Qwen3-14B
    (3072, 24, 8, 128, 8192, 128256),  # Llama-3.2-3B
    (2048, 32, 8, 64, 8192, 128256),  # Llama-3.2-1B
    (4096, 32, 8, 128, 14336, 32768),  # Mistral-7B
    (5120, 32, 8, 128, 14336, 131072),  # Mistral-Nemo
]
# Hybrids of other layer kinds have op graphs of their own: their products don't decide which nodes are kept.
OTHER_GRAPHS = ("VL", "3.5", "3.6", "emma", "Nemotron", "V4", "M3", "K3", "Step", "MiMo-V2", "Flash")

# Expert blocks: hidden size, width, experts per token, experts, power law of the routing, formats beside those of all.
EXPERTS = [
    (2048, 768, 8, 128, "power_law_1.2", ("bfloat16", "fp8_block")),  # Qwen3-30B-A3B
    (4096, 1536, 8, 128, "power_law_1.2", ("bfloat16", "fp8_block", "nvfp4")),  # Qwen3-235B-A22B
    (6144, 2560, 8, 160, "power_law_1.2", ("bfloat16", "fp8_block")),  # Qwen3-Coder-480B-A35B
    (2880, 2880, 4, 32, "power_law_1.2", ("w4a16_mxfp4", "w4a8_mxfp4_mxfp8")),  # gpt-oss-20b
    (2880, 2880, 4, 128, "power_law_1.2", ("w4a16_mxfp4", "w4a8_mxfp4_mxfp8")),  # gpt-oss-120b
    (3072, 1536, 8, 256, "power_law_1.2", ("fp8_block", "nvfp4")),  # MiniMax-M2.5
    (4096, 14336, 2, 8, "power_law_1.2", ("bfloat16", "fp8")),  # Mixtral-8x7B
    (6144, 16384, 2, 8, "power_law_1.2", ("bfloat16", "fp8")),  # Mixtral-8x22B
    (7168, 2048, 8, 256, "power_law_1.01", ("fp8_block", "nvfp4")),  # DeepSeek-V3
    (7168, 2048, 8, 384, "power_law_1.01", ("fp8_block", "int4_wo", "nvfp4")),  # Kimi-K2
    (6144, 2048, 8, 256, "power_law_1.01", ("bfloat16", "fp8_block", "nvfp4")),  # GLM-5
    (5120, 8192, 1, 16, "power_law_1.01", ("bfloat16", "fp8")),  # Llama-4-Scout
    (5120, 8192, 1, 128, "power_law_1.01", ("bfloat16", "fp8")),  # Llama-4-Maverick
    (2048, 512, 8, 256, "power_law_1.2", ("bfloat16",)),  # Qwen3.5-35B-A3B
    (3072, 1024, 8, 256, "power_law_1.2", ("bfloat16", "nvfp4")),  # Qwen3.5-122B-A10B
    (4096, 1024, 10, 512, "power_law_1.2", ("bfloat16", "nvfp4")),  # Qwen3.5-397B-A17B
]
EXPERT_TOKENS = [1, 2, 4, 8, 16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192,
                 16384, 24576, 32768, 65536]  # fmt: skip
SPLITS = [(tp, ep) for tp in (1, 2, 4, 8, 16) for ep in (1, 2, 4, 8, 16) if tp * ep <= 16]

# Attention: (head size, window) with the models that have it; the first in full, the others thinner.
SHAPES = [(128, 0), (64, 0), (64, 128), (128, 8192), (256, 0)]
PROMPTS = [16, 64, 128, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 32768]
FEW_PROMPTS = [64, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768]
CONTEXTS = [64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072]
FEW_CONTEXTS = [128, 512, 1024, 2048, 4096, 8192, 16384, 65536, 131072]
BATCHES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]
FEW_BATCHES = [1, 4, 8, 16, 32, 64, 128, 256, 512, 1024]

MLA_HEADS = [8, 16, 32, 64, 128]
MLA_BATCHES = [1, 2, 4, 16]
MLA_PROMPTS = [16, 64, 128, 256, 512, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 12288, 16384, 32768]
MLA_CONTEXTS = [65, 129, 257, 513, 1025, 2049, 4097, 8193, 16385, 32769, 65537, 131073]
# Models whose latent attention is taken: with number of heads before any split.
MLA_MODELS = [("deepseek-ai/DeepSeek-V3", 128), ("moonshotai/Kimi-K2.5", 64)]

COLLECTIVES = {"all_gather": "all_gather", "reduce_scatter": "reduce_scatter", "all_to_all": "alltoall",
               "all_reduce": "all_reduce"}  # fmt: skip
ELEMENTS = [2**i for i in range(7, 30)]


def by_name(table):
    return {name_of(key): value for key, value in (table or {}).items()}


class Sampler:
    def __init__(self, system, backend, version):
        from aiconfigurator_core.sdk import perf_database
        from aiconfigurator_core.sdk.engine import EngineHandle
        from aiconfigurator_core.sdk.operations.attention import (
            ContextAttention,
            GenerationAttention,
            resolved_lane_order_for_op,
        )
        from aiconfigurator_core.sdk.operations.communication import NCCL, CustomAllReduce
        from aiconfigurator_core.sdk.operations.gemm import GEMM
        from aiconfigurator_core.sdk.operations.moe import MoE

        self.system, self.backend, self.version = system, backend, version
        self.db = perf_database.get_database(system, backend, version)
        self.handle = EngineHandle.for_database(self.db)
        for op in (GEMM, ContextAttention, GenerationAttention, MoE, CustomAllReduce, NCCL):
            op.load_data(self.db)
        self.lanes = {
            "ContextAttention": resolved_lane_order_for_op(self.db, "_context_attention_data", None),
            "GenerationAttention": resolved_lane_order_for_op(self.db, "_generation_attention_data", None),
        }

    def ask(self, ops, context=True, batch=1, s=1, x=None):
        """Microseconds of each op, None where the package has no data."""
        kwargs = {"is_context": context, "batch_size": batch, "s": s, "x": x}
        # The engine merges ops of one name.
        for index, op in enumerate(ops):
            for body in op.values():
                body["name"] = f"o{index}"
        try:
            rows = self.handle.evaluate_ops_json(json.dumps(ops), **kwargs)
            return [1e3 * row[1] for row in rows]
        except Exception:  # noqa: BLE001 - one op without data fails the list: ask one by one
            if len(ops) == 1:
                return [None]
            return [self.ask([op], context, batch, s, x)[0] for op in ops]

    # -- products -------------------------------------------------------------------------------------------------

    def gemm(self):
        raw = by_name(self.db._gemm_data)
        groups = {}
        for fmt in GEMM_FORMATS:
            if fmt not in raw:
                continue
            measured = {(n, k) for rows in raw[fmt].values() for n, ks in rows.items() for k in ks}
            rows = [m for m in ROWS if m in raw[fmt]] if len(raw[fmt]) > 40 else sorted(raw[fmt])
            nodes = sorted(needed_nodes(measured))
            ops = [{"Gemm": gemm_body(n, k, fmt)} for n, k in nodes]
            columns = [self.ask(ops, x=m) for m in rows]
            group = groups.setdefault((tuple(rows), tuple(nodes)), {})
            group[fmt] = [list(column) for column in zip(*columns, strict=True)]
        scales = {}
        static = by_name(self.db._compute_scale_data).get("fp8"), by_name(self.db._scale_matrix_data).get("fp8")
        for key, table in zip(("quantise", "transform"), static, strict=True):
            if not table or "fp8" not in raw:
                continue
            rows = [m for m in SCALE_ROWS if m in table]
            ks = sorted(set.intersection(*(set(table[m]) for m in rows)))
            ks = [k for k in ks if 256 <= k <= 16384]
            values = [[1e3 * table[m][k]["latency"] for m in rows] for k in ks]
            if any(v > 0 for row in values for v in row):
                scales[key] = {"m": rows, "k": ks, "us": values}
        return {
            "groups": [
                {"m": rows, "nodes": [x for node in nodes for x in node], "formats": formats}
                for (rows, nodes), formats in groups.items()
            ],
            "scales": scales,
        }

    # -- attention ------------------------------------------------------------------------------------------------

    def attention(self, kind, heads, kv_heads, head, window, kv, fmha="bfloat16"):
        body = {
            "name": "a", "scale_factor": 1.0, "n": heads, "n_kv": kv_heads, "head_size": head, "window_size": window,
            "kv_cache_dtype": kv, "lane_order": self.lanes[kind],
        }  # fmt: skip
        if kind == "ContextAttention":
            body.update(fmha_quant_mode=fmha, use_qk_norm=False, cp_size=1)
        return {kind: body}

    def extras(self, heads, kv_heads, head, kv):
        """What the package adds to a measured context attention: copies and rotary embedding of one token's bytes."""
        gpu = self.db.system_spec["gpu"]

        def memory(size):
            return 1e6 * (
                size / (gpu["mem_bw"] * gpu["mem_bw_empirical_scaling_factor"]) + gpu["mem_empirical_constant_latency"]
            )

        kv_bytes = 1 if kv in ("fp8", "int8") else 2
        return 1.1 * (2 * memory(2 * (heads + kv_heads) * head) + 2 * memory(kv_heads * head * kv_bytes))

    def context_attention(self):
        raw = {name_of(f): by_name(by_kv) for f, by_kv in self.db._context_attention_data.items()}
        tables = []
        for fmha, by_kv in raw.items():
            for kv, by_heads in by_kv.items():
                for index, (head, window) in enumerate(SHAPES):
                    for key in (0, 1, 2, 4, 8, 16):
                        measured = by_heads.get(key, {}).get(head, {}).get(window)
                        if not measured or (key == 0 and index > 0):
                            continue
                        tables += self.context_table(fmha, kv, head, window, key, measured, index > 0)
        return tables

    def context_table(self, fmha, kv, head, window, key, measured, few):
        widest = 64
        if key == 0:
            heads = [n for n in (1, 2, 4, 8, 16, 32, 64) if n in measured]
        else:
            heads = [n for n in (key * 8,) if n in measured] if few else [n for n in sorted(measured) if n <= widest]
        if not heads:
            return []
        heads = thin(heads, 7)
        # Beyond the widest measured one, more heads of one prompt and more prompts cost the same.
        work = [(n, 1) for n in heads] + [(heads[-1], b) for b in ((2, 8, 32) if few else (2, 4, 8, 16, 32))]
        longest = {s for by_s in measured.values() for s in by_s}
        prompts = [s for s in (FEW_PROMPTS if few else PROMPTS) if s in longest]
        rows = []
        for n, b in work:
            kv_heads = n if key == 0 else key
            op = self.attention("ContextAttention", n, kv_heads, head, window, kv, fmha)
            times = [self.ask([op], batch=b, s=s)[0] for s in prompts]
            extra = self.extras(n, kv_heads, head, kv)
            rows.append([None if t is None else max(t - extra, 0.1) for t in times])
        return [
            {"fmha": fmha, "kv": kv, "head": head, "window": window, "kvHeads": key, "work": [n * b for n, b in work],
             "tokens": prompts, "us": rows}
        ]  # fmt: skip

    def generation_attention(self):
        tables = []
        for kv, by_heads in by_name(self.db._generation_attention_data).items():
            for index, (head, window) in enumerate(SHAPES):
                few = index > 0
                for key in (0, 1, 2, 4, 8, 16):
                    measured = by_heads.get(key, {}).get(head, {}).get(window)
                    if not measured or (key == 0 and few):
                        continue
                    wanted = (1, 4, 16, 64) if key == 0 else (key * 8,) if few else (key * 2, key * 4, key * 8, key * 16)
                    heads = [n for n in wanted if n in measured] or thin(sorted(measured), 1)
                    batches, contexts = (FEW_BATCHES, FEW_CONTEXTS) if few else (BATCHES, CONTEXTS)
                    rows = []
                    for n in heads:
                        op = self.attention("GenerationAttention", n, n if key == 0 else key, head, window, kv)
                        for b in batches:
                            rows.append([self.ask([op], context=False, batch=b, s=s)[0] for s in contexts])
                    tables.append(
                        {"kv": kv, "head": head, "window": window, "kvHeads": key, "heads": heads, "batch": batches,
                         "tokens": contexts, "us": rows}
                    )  # fmt: skip
        return tables

    # -- latent attention -----------------------------------------------------------------------------------------

    def mla(self):
        from aiconfigurator_core.sdk.config_builders import build_model_config
        from aiconfigurator_core.sdk.engine import build_ops_json
        from aiconfigurator_core.sdk.models import get_model

        context, generation = [], []
        for model, all_heads in MLA_MODELS:
            blocks = {}
            for heads in [n for n in MLA_HEADS if n <= all_heads]:
                tp = all_heads // heads
                config = build_model_config(tp_size=tp, pp_size=1, attention_dp_size=1, moe_tp_size=1, moe_ep_size=tp)
                built = get_model(model, config, self.backend)
                for phase, ops in (("context", built.context_ops), ("generation", built.generation_ops)):
                    for op in json.loads(build_ops_json(ops)):
                        for body in op.values():
                            if body["name"] == f"{phase}_mla_block":
                                blocks[phase, heads] = op, body
            for gemm in ("bfloat16", "fp8_block", "nvfp4"):
                for kv in ("bfloat16", "fp8"):
                    for fmha in ("bfloat16", "fp8"):
                        context += self.mla_table("context", blocks, all_heads, fmha, kv, gemm)
                    generation += self.mla_table("generation", blocks, all_heads, None, kv, gemm)
        return {"context": context, "generation": generation}

    def mla_table(self, phase, blocks, all_heads, fmha, kv, gemm):
        of_context = phase == "context"
        heads = sorted(n for at, n in blocks if at == phase)
        batches, tokens = (MLA_BATCHES, MLA_PROMPTS) if of_context else (BATCHES[:-1], MLA_CONTEXTS)
        rows = []
        for n in heads:
            op, body = blocks[phase, n]
            layers = body["primary"] if "primary" in body else op
            layers = next(iter(layers.values()))["scale_factor"]
            text = json.dumps(op)
            op = requantised(json.loads(text), fmha or "bfloat16", kv, gemm)
            for b in batches:
                # All at once would stop at the first hole.
                times = []
                for s in tokens:
                    t = self.ask([op], context=of_context, batch=b, s=s)[0]
                    times.append(None if t is None else t / layers)
                rows.append(times)
            if all(t is None for row in rows for t in row):
                return []
        table = {"modelHeads": all_heads, "kv": kv, "gemm": gemm, "heads": heads, "batch": batches, "tokens": tokens,
                 "us": rows}  # fmt: skip
        return [{"fmha": fmha, **table} if of_context else table]

    # -- experts --------------------------------------------------------------------------------------------------

    def experts(self):
        raw = by_name(self.db._moe_data)
        blocks = []
        for hidden, inter, topk, count, law, formats in EXPERTS:
            for fmt in formats:
                measured = raw.get(fmt, {}).get(law, {}).get(topk, {}).get(count, {}).get(hidden, {}).get(inter, {})
                splits = [(tp, ep) for tp, ep in SPLITS if measured.get(tp, {}).get(ep)]
                if not splits:
                    continue
                sizes = {t for tp, ep in splits for t in measured[tp][ep]}
                tokens = [t for t in EXPERT_TOKENS if t in sizes or t > max(sizes)]
                ops = [
                    {
                        "Moe": {
                            "name": "m", "scale_factor": 1.0, "hidden_size": hidden, "inter_size": inter, "topk": topk,
                            "num_experts": count, "moe_tp_size": tp, "moe_ep_size": ep, "attention_dp_size": 1,
                            "quant_mode": fmt, "workload_distribution": law, "is_gated": True, "moe_backend": None,
                            "enable_eplb": False, "is_context": True,
                        }
                    }
                    for tp, ep in splits
                ]  # fmt: skip
                columns = [self.ask(ops, x=t) for t in tokens]
                blocks.append(
                    {"hidden": hidden, "inter": inter, "topk": topk, "experts": count, "format": fmt,
                     "splits": [x for split in splits for x in split], "tokens": tokens,
                     "us": [list(row) for row in zip(*columns, strict=True)]}
                )  # fmt: skip
        return blocks

    # -- communication --------------------------------------------------------------------------------------------

    def communication(self):
        tables = []
        reduce = by_name(self.db._custom_allreduce_data).get("half", {})
        for gpus, strategies in sorted(reduce.items()):
            sizes = sorted(next(iter(strategies.values())))
            op = {"CustomAllReduce": {"name": "a", "scale_factor": 1.0, "hidden_size": 1, "tp_size": gpus,
                                      "quant": "half", "seq_split": 1}}  # fmt: skip
            sizes = [size for size in sizes if size in ELEMENTS]
            tables.append({"kind": "custom_all_reduce", "gpus": gpus, "elements": sizes,
                           "us": [self.ask([op], x=size)[0] for size in sizes]})  # fmt: skip
        measured = by_name(self.db._nccl_data or self.db._oneccl_data).get("half", {})
        for kind, theirs in COLLECTIVES.items():
            for gpus, by_size in sorted(measured.get(theirs, {}).items()):
                op = {"Nccl": {"name": "n", "scale_factor": 1.0, "hidden_size": 1.0, "num_gpus": gpus, "dtype": "half",
                               "operation": theirs, "seq_split": 1}}  # fmt: skip
                sizes = [size for size in sorted(by_size) if size in ELEMENTS]
                tables.append({"kind": kind, "gpus": gpus, "elements": sizes,
                               "us": [self.ask([op], x=size)[0] for size in sizes]})  # fmt: skip
        return tables

    def everything(self):
        return {
            "system": self.system,
            "backend": self.backend,
            "version": self.version,
            "gemm": self.gemm(),
            "context": self.context_attention(),
            "generation": self.generation_attention(),
            "mla": self.mla(),
            "experts": self.experts(),
            "communication": self.communication(),
        }


def thin(values, count):
    """At most `count` of the values, spread evenly, the ends among them."""
    if len(values) <= count:
        return values
    if count == 1:
        return [values[len(values) // 2]]
    return sorted({values[round(i * (len(values) - 1) / (count - 1))] for i in range(count)})


def gemm_body(n, k, fmt):
    return {"name": "g", "scale_factor": 1.0, "n": n, "k": k, "quant_mode": fmt, "scale_num_tokens": 1,
            "low_precision_input": False, "seq_split": 1, "below_grid_sol": False}  # fmt: skip


def requantised(op, fmha, kv, gemm):
    """The op, and all it consists of, in other formats."""
    if isinstance(op, list):
        return [requantised(item, fmha, kv, gemm) for item in op]
    if not isinstance(op, dict):
        return op
    out = {}
    for key, value in op.items():
        if key == "Gemm":
            out[key] = {**value, "quant_mode": gemm}
        elif key == "MlaBmm":
            out[key] = {**value, "quant_mode": "bfloat16" if gemm == "bfloat16" else "fp8"}
        elif key == "kv_cache_dtype":
            out[key] = kv
        elif key == "fmha_quant_mode":
            out[key] = fmha
        elif key == "gemm_quant_mode":
            out[key] = gemm
        else:
            out[key] = requantised(value, fmha, kv, gemm)
    return out


_SHAPES = None


def product_shapes():
    """(n, k) of all matrices of the models with a usual graph, split over 1 to 16 GPUs."""
    global _SHAPES
    if _SHAPES is not None:
        return _SHAPES
    from aiconfigurator_core.sdk.common import DefaultHFModels
    from aiconfigurator_core.sdk.config_builders import build_model_config
    from aiconfigurator_core.sdk.engine import build_ops_json
    from aiconfigurator_core.sdk.models import get_model

    shapes = set()

    def walk(op):
        for kind, body in op.items():
            if kind == "Gemm":
                shapes.add((body["n"], body["k"]))
            elif kind == "Overlap":
                for child in body["group_a"] + body["group_b"]:
                    walk(child)
            elif kind == "Fallback":
                for child in body["fallback"]:
                    walk(child)

    for model in sorted(str(model) for model in DefaultHFModels):
        if any(part in model for part in OTHER_GRAPHS):
            continue
        for tp in (1, 2, 4, 8, 16):
            try:
                config = build_model_config(tp_size=tp, pp_size=1, attention_dp_size=1, moe_tp_size=1, moe_ep_size=tp)
                built = get_model(model, config, "trtllm")
                ops = json.loads(build_ops_json(built.context_ops)) + json.loads(build_ops_json(built.generation_ops))
            except Exception:  # noqa: BLE001 - a split that this model does not have
                continue
            for op in ops:
                walk(op)
    for hidden, heads, kv_heads, head, inter, vocabulary in MORE_DENSE:
        for tp in (1, 2, 4, 8):
            if heads % tp == 0:
                wide = heads * head // tp
                shapes |= {(wide + 2 * max(1, kv_heads // tp) * head, hidden), (hidden, wide),
                           (2 * inter // tp, hidden), (hidden, inter // tp), (vocabulary // tp, hidden)}  # fmt: skip
    _SHAPES = shapes
    return shapes


def needed_nodes(measured):
    """Those of the measured (n, k) that a known model's product is interpolated from: its four nearest in logarithms."""
    places = [(math.log(n), math.log(k), (n, k)) for n, k in sorted(measured)]
    keep = set()
    for n, k in product_shapes():
        x, y = math.log(n), math.log(k)
        keep.update(place[2] for place in sorted(places, key=lambda p: (p[0] - x) ** 2 + (p[1] - y) ** 2)[:4])
    # A coarse net for everybody else.
    coarse = (128, 512, 1024, 2048, 4096, 8192, 16384, 65536)
    keep.update(node for node in measured if node[0] in coarse and node[1] in coarse)
    return keep


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    command, *rest = sys.argv[1:]
    if command == "tables":
        answer = Sampler(*rest).everything()
    else:
        answer = {"systems": systems, "support": support, "models": models, "sheets": sheets}[command]()
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
