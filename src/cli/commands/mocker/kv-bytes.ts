import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { badFlag } from "./errors.ts";

/** Bytes of an element by the names of vLLM's `--kv-cache-dtype` and of `torch_dtype`. */
const DTYPE_BYTES: Readonly<Record<string, number>> = {
  float32: 4,
  bfloat16: 2,
  float16: 2,
  half: 2,
  fp8: 1,
  fp8_ds_mla: 1,
  fp8_e4m3: 1,
  fp8_e5m2: 1,
  fp8_inc: 1,
};

/**
 * Bytes of KV per token of a model on disk: layers × 2 × KV heads × head size × bytes of an element (for latent attention, as
 * DeepSeek has it: layers × (rank + rotary size)). Null where the folder holds no config.json.
 * @param dtype of the cache; `auto` is the model's own
 * @throws UserError MOCKER_BAD_FLAG where the config lacks what is needed
 */
export function kvBytesPerToken(folder: string, dtype: string): number | null {
  const file = join(folder, "config.json");
  if (!existsSync(file)) return null;
  const root = parsed(file);
  const config = (typeof root.text_config === "object" && root.text_config ? root.text_config : root) as Config;
  const layers = integer(config, file, ["num_hidden_layers", "n_layer", "num_layers"]);
  const model = String(config.torch_dtype ?? config.dtype ?? root.torch_dtype ?? "bfloat16");
  const bytes = DTYPE_BYTES[dtype === "auto" ? model : dtype] ?? 2;
  if (typeof config.kv_lora_rank === "number") {
    return layers * (config.kv_lora_rank + Number(config.qk_rope_head_dim ?? 0)) * bytes;
  }
  const heads = integer(config, file, ["num_attention_heads", "n_head"]);
  const kvHeads = typeof config.num_key_value_heads === "number" ? config.num_key_value_heads : heads;
  const headSize =
    typeof config.head_dim === "number"
      ? config.head_dim
      : Math.floor(integer(config, file, ["hidden_size", "n_embd"]) / heads);
  return layers * 2 * kvHeads * headSize * bytes;
}

type Config = Record<string, unknown>;

function parsed(file: string): Config {
  try {
    const config: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof config === "object" && config !== null) return config as Config;
  } catch {
    // Told below.
  }
  throw badFlag("--model-path", file, "a model's config.json", "--kv-bytes-per-token says it without one");
}

function integer(config: Config, file: string, names: readonly string[]): number {
  for (const name of names) {
    const value = config[name];
    if (typeof value === "number" && Number.isInteger(value) && value > 0) return value;
  }
  throw badFlag("--model-path", file, `a config.json with ${names[0]}`, "--kv-bytes-per-token says it without one");
}
