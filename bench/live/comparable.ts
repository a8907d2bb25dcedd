/** Other mock servers that the package registries hold, started as their users start them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { saveMockerTable } from "#profiles";
import { ensurePythonVenv } from "../../scripts/test-tools.ts";
import { processUsage } from "./proc-usage.ts";
import { WORKER } from "./servers.ts";

const READY_TIMEOUT_MS = 60_000;

/** Processes that were started for a row. `urls` is where clients go. */
export interface Comparable {
  url: string;
  servers: { usage: () => Promise<ReturnType<typeof processUsage>> }[];
  stop(): Promise<void>;
}

/** Dynamo 1.6.1: what its mocker and frontend import, without GPUs, etcd or NATS. */
const DYNAMO = ["ai-dynamo==1.6.1", "ai-dynamo-runtime==1.6.1"];
const DYNAMO_IMPORTS = [
  "jinja2",
  "msgspec",
  "numpy",
  "packaging",
  "prometheus-client",
  "pydantic>=2.10.6,<=2.13.5",
  "pyyaml",
  "typing_extensions",
  "uvloop",
];

/** Dynamo's own mocker behind its own frontend, with TTFT 100 ms and ITL 10 ms. @throws ToolMissing */
export async function startDynamo(): Promise<Comparable> {
  const python = await ensurePythonVenv(DYNAMO_IMPORTS, { alone: DYNAMO });
  const folder = mkdtempSync(join(tmpdir(), "understudy-dynamo-"));
  writeModel(folder);
  const table = join(folder, "fixed.npz");
  const constant = {
    prefillIsl: [1, 1e6],
    prefillTtftMs: [WORKER.prefillMs, WORKER.prefillMs],
    decodeActiveKvTokens: [0, 1e8],
    decodeContextLength: [1, 1e6],
    decodeItlMs: [
      [WORKER.itlMs, WORKER.itlMs],
      [WORKER.itlMs, WORKER.itlMs],
    ],
  };
  saveMockerTable(constant, table);
  const port = await freePort();
  const env = { ...process.env, DYN_FILE_KV: join(folder, "kv"), DYN_LOG: "error" };
  const limits = [
    "--max-num-seqs",
    String(WORKER.maxNumSeqs),
    "--max-num-batched-tokens",
    String(WORKER.maxNumBatchedTokens),
  ];
  const discovery = ["--discovery-backend", "file", "--request-plane", "tcp"];
  const mocker = [
    "-m",
    "dynamo.mocker",
    "--model-path",
    folder,
    "--model-name",
    "bench",
    "--planner-profile-data",
    table,
  ];
  const frontend = ["-m", "dynamo.frontend", "--http-host", "127.0.0.1", "--http-port", String(port)];
  const processes = [
    spawn(python, [...frontend, ...discovery], { env, stdio: "ignore" }),
    spawn(python, [...mocker, ...limits, ...discovery], { env, stdio: "ignore" }),
  ];
  return ready(`http://127.0.0.1:${port}`, "bench", processes, () => rmSync(folder, { recursive: true, force: true }));
}

/** fakeai, a mock server in Python; it chooses how long its answers are. @throws ToolMissing */
export async function startFakeai(): Promise<Comparable> {
  // Its package names numpy and pillow as optional, and imports them all the same.
  const python = await ensurePythonVenv(["fakeai==0.3.2", "numpy", "pillow"]);
  const port = await freePort();
  const times = ["--ttft", String(WORKER.prefillMs), "--itl", String(WORKER.itlMs)];
  const command = ["-c", "from fakeai.cli import main; main()", "server", "--port", String(port), ...times];
  return ready(`http://127.0.0.1:${port}`, "gpt", [spawn(python, command, { stdio: "ignore" })], () => {});
}

async function ready(url: string, model: string, processes: ChildProcess[], clean: () => void): Promise<Comparable> {
  const stop = async () => {
    await Promise.all(processes.map(end));
    clean();
  };
  const deadline = Date.now() + READY_TIMEOUT_MS;
  for (;;) {
    const models = await fetch(`${url}/v1/models`).then(
      (response) => response.text(),
      () => "",
    );
    if (models.includes(model)) break;
    if (Date.now() > deadline || processes.some(({ exitCode }) => exitCode !== null)) {
      await stop();
      throw new Error("it does not get ready");
    }
    await sleep(200);
  }
  const servers = processes.map(({ pid }) => ({ usage: async () => processUsage(pid!) }));
  return { url, servers, stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  const killer = setTimeout(() => child.kill("SIGKILL"), 5000);
  child.kill("SIGTERM");
  await ended;
  clearTimeout(killer);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" ? address!.port : 0;
}

/** The least that Dynamo takes for a model: a tokenizer of words and the shape of a Llama. */
function writeModel(folder: string): void {
  const special = ["<unk>", "<s>", "</s>"];
  const words = [...special, ...Array.from({ length: 4000 }, (_, i) => `w${i}`), "word"];
  const added = special.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const vocab = Object.fromEntries(words.map((word, id) => [word, id]));
  const files = {
    "tokenizer.json": {
      version: "1.0",
      truncation: null,
      padding: null,
      added_tokens: added,
      normalizer: null,
      pre_tokenizer: { type: "Whitespace" },
      post_processor: null,
      decoder: null,
      model: { type: "WordLevel", vocab, unk_token: "<unk>" },
    },
    "tokenizer_config.json": {
      chat_template: "{% for m in messages %}{{ m['content'] }} {% endfor %}",
      bos_token: "<s>",
      eos_token: "</s>",
      unk_token: "<unk>",
      tokenizer_class: "PreTrainedTokenizerFast",
      model_max_length: 131_072,
    },
    "config.json": {
      architectures: ["LlamaForCausalLM"],
      model_type: "llama",
      hidden_size: 64,
      intermediate_size: 128,
      num_hidden_layers: 2,
      num_attention_heads: 4,
      num_key_value_heads: 4,
      vocab_size: words.length,
      max_position_embeddings: 131_072,
      bos_token_id: 1,
      eos_token_id: 2,
      torch_dtype: "bfloat16",
    },
    "generation_config.json": { bos_token_id: 1, eos_token_id: 2 },
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(content));
}
