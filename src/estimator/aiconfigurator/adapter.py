"""Answers questions about one or more engines with the `aiconfigurator` package (Apache-2.0), one JSON object a line.

Requests come on stdin, answers go to stdout, everything the package prints goes to stderr:

    {"id": 0, "op": "open", "engine": {"model", "system", "backend", "backendVersion"?, "tp", "pp", "attentionDp", "moeTp",
                                       "moeEp", "quantization"?, "memoryFraction"?, "maxBatchedTokens"?, "sanitise"?}}
    {"id": 1, "op": "prefill", "handle": 0, "isl": 3000}
    {"id": 2, "op": "decode", "handle": 0, "batch": 8, "isl": 3000, "osl": 500}

and are answered with {"id", "result"} or {"id", "error": {"code", "message"}}.

A prefill is the static context pass of one prompt. A decode step is the static generation pass, averaged over the output
with a stride of 32 tokens. Batch and prompt belong to one attention-DP rank, as the package has it.
"""

import json
import logging
import os
import sys
import warnings

STRIDE = 32
PREFILL_OSL = 5

# Rows of the fp8-block GEMM that the collected tables overstate (host overhead in vLLM's, kernel-switch spikes in SGLang's)
# are capped at this multiple of what the other backends need for the same matrix on the same GPU.
CAP = 1.2
CAP_REFERENCES = {"vllm": ("sglang", "trtllm"), "sglang": ("trtllm",)}
# These GEMMs stay in 16 bits whatever the checkpoint says.
NEVER_BLOCK_QUANTISED = ("logits_gemm", "router_gemm")


class Refusal(Exception):
    def __init__(self, code, message, **facts):
        super().__init__(message)
        self.code = code
        self.facts = facts


def known_models():
    from aiconfigurator_core.sdk.common import DefaultHFModels

    return sorted(str(name) for name in DefaultHFModels)


class Engine:
    def __init__(self, request):
        from aiconfigurator_core.sdk.perf_database import resolve_query_version

        self.model = request["model"]
        if self.model not in known_models() and not os.path.isdir(self.model):
            # The package would ask a model hub over the network; an estimate has to work without one.
            raise Refusal("unknown-model", f"no configuration of the model {self.model} is bundled", known=known_models())
        self.system = request["system"]
        self.backend = request["backend"]
        wanted = request.get("backendVersion") or "current"
        self.version = resolve_query_version(self.system, self.backend, wanted)
        self.layout = {
            "tp_size": request["tp"],
            "pp_size": request["pp"],
            "attention_dp_size": request["attentionDp"],
            "moe_tp_size": request["moeTp"],
            "moe_ep_size": request["moeEp"],
        }
        quantization = request.get("quantization") or {}
        self.quantization = {f"{name}_quant_mode": mode for name, mode in quantization.items()}
        self.handle = self.compile(self.backend, self.version, self.quantization)
        self.resolved = self.model_of(self.layout).config
        self.references = self.reference_handles() if request.get("sanitise", True) else []
        self.memory(request.get("memoryFraction"), request.get("maxBatchedTokens") or 8192)

    def compile(self, backend, version, quantization):
        from aiconfigurator_core.sdk.engine import EngineHandle

        return EngineHandle.compile(
            self.model, self.system, backend, backend_version=version, **self.layout, **quantization
        )

    def model_of(self, layout):
        from aiconfigurator_core.sdk.config_builders import build_model_config
        from aiconfigurator_core.sdk.models import get_model

        return get_model(self.model, build_model_config(**layout, **self.quantization), self.backend)

    def reference_handles(self):
        from aiconfigurator_core.sdk.perf_database import resolve_query_version

        gemm = getattr(self.resolved.gemm_quant_mode, "name", None)
        if gemm != "fp8_block":
            return []
        handles = []
        for backend in CAP_REFERENCES.get(self.backend, ()):
            try:
                version = resolve_query_version(self.system, backend, "current")
                handles.append(self.compile(backend, version, {"gemm_quant_mode": gemm}))
            except Exception as error:  # noqa: BLE001 - a missing reference only means one bound less
                print(f"no fp8-block reference of {backend}: {error}", file=sys.stderr)
        return handles

    def memory(self, fraction, max_batched_tokens):
        """KV capacity with the serving engine's own default memory fraction, unless another is asked for."""
        from aiconfigurator_core.sdk import estimate_kv_cache, perf_database
        from aiconfigurator_core.sdk.backends.factory import get_backend

        database = perf_database.get_database(self.system, self.backend, self.version)
        budget = get_backend(self.backend)._static_oom_check_kwargs(
            mem_capacity_bytes=database.system_spec["gpu"]["mem_capacity"],
            free_gpu_memory_fraction=fraction,
            backend_version=self.version,
            model_config=self.resolved,
        )
        self.fraction = budget["free_gpu_memory_fraction"]
        try:
            estimate = estimate_kv_cache(
                self.model,
                self.system,
                self.backend,
                self.version,
                max_num_tokens=max_batched_tokens,
                max_batch_size=512,
                memory_fraction_kind="of_free" if budget["fraction_of_free"] else "of_total",
                memory_fraction_value=self.fraction,
                **self.layout,
                **self.quantization,
            )
        except ValueError as error:
            if "no KV budget" in str(error):
                raise Refusal("does-not-fit", str(error)) from error
            raise
        self.kv_tokens_per_rank = estimate["total_kv_size_tokens"]
        self.weight_bytes_per_gpu = estimate["memory_breakdown"]["weights_bytes"]
        # What one token's KV weighs when nothing is split or copied over GPUs: what a transfer has to move.
        alone = {name: 1 for name in self.layout}
        self.kv_bytes_per_token = int(self.model_of(alone).get_kvcache_bytes_per_sequence(1))

    def describe(self):
        operations = self.handle.run_static_per_op(batch_size=1, isl=100, osl=2, mode="static_gen")[1]
        parts = ["gemm", "kvcache", "fmha"] + (["moe"] if any("moe" in name for name, *_ in operations) else [])
        quantization = {part: getattr(getattr(self.resolved, f"{part}_quant_mode", None), "name", None) for part in parts}
        return {
            "backendVersion": self.version,
            "quantization": quantization,
            "memoryFraction": self.fraction,
            "kvTokensPerRank": self.kv_tokens_per_rank,
            "kvBytesPerToken": self.kv_bytes_per_token,
            "weightBytesPerGpu": self.weight_bytes_per_gpu,
            "package": package_version(),
        }

    def prefill(self, isl):
        total = self.handle.run_static(batch_size=1, isl=isl, osl=PREFILL_OSL, mode="static_ctx", stride=STRIDE)[0]
        capped = self.capped(0, batch_size=1, isl=isl, osl=PREFILL_OSL, mode="static_ctx", stride=STRIDE)
        return {"ms": total - capped, "cappedMs": capped}

    def decode(self, batch, isl, osl):
        steps = osl - 1
        total = self.handle.run_static(batch_size=batch, isl=isl, osl=osl, mode="static_gen", stride=STRIDE)[1]
        # A GEMM's cost depends on the batch alone: one step tells how far its row is over the others'.
        capped = self.capped(1, batch_size=batch, isl=isl, osl=2, mode="static_gen", stride=STRIDE)
        return {"ms": total / steps - capped, "cappedMs": capped}

    def capped(self, phase, **arguments):
        """Milliseconds by which this pass's fp8-block GEMMs exceed CAP times the cheapest reference."""
        bounds = {}
        for reference in self.references:
            try:
                operations = reference.run_static_per_op(**arguments)[phase]
            except Exception as error:  # noqa: BLE001 - the reference lacks another op's data: one bound less
                print(f"no reference row: {error}", file=sys.stderr)
                continue
            for name, ms, *_ in operations:
                bounds[name] = min(bounds.get(name, float("inf")), CAP * ms)
        if not bounds:
            return 0.0
        return sum(
            max(0.0, ms - bounds[name])
            for name, ms, *_ in self.handle.run_static_per_op(**arguments)[phase]
            if name in bounds and name.endswith("_gemm") and not name.endswith(NEVER_BLOCK_QUANTISED)
        )


def package_version():
    from importlib import metadata

    # The distribution is to be renamed; its import name stays.
    for name in ("aiconfigurator", "aisimulate", "aiconfigurator-core"):
        try:
            return f"{name} {metadata.version(name)}"
        except metadata.PackageNotFoundError:
            continue
    return "aiconfigurator"


def answer(request, engines):
    op = request["op"]
    if op == "open":
        engine = Engine(request["engine"])
        engines.append(engine)
        return {"handle": len(engines) - 1, **engine.describe()}
    engine = engines[request["handle"]]
    if op == "prefill":
        return engine.prefill(request["isl"])
    if op == "decode":
        return engine.decode(request["batch"], request["isl"], request["osl"])
    raise Refusal("bad-request", f"unknown op {op!r}")


def failure(error):
    if isinstance(error, Refusal):
        return {"code": error.code, "message": str(error), **error.facts}
    if isinstance(error, ImportError):
        return {"code": "no-package", "message": str(error)}
    # The package names its own conditions by the exception's class: no data, no such version, an invalid layout.
    return {"code": "unsupported", "message": f"{type(error).__name__}: {error}"}


def main():
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    engines = []
    for line in sys.stdin:
        if not line.strip():
            continue
        request = json.loads(line)
        try:
            reply = {"id": request["id"], "result": answer(request, engines)}
        except Exception as error:  # noqa: BLE001 - every failure is answered; the client decides
            reply = {"id": request["id"], "error": failure(error)}
        answers.write(json.dumps(reply, allow_nan=False) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
