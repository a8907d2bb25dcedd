import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithPython } from "../tools.ts";
import { type CliServer, startServer } from "./processes.ts";

const KEY = "sk-integration";
const SCRIPT = fileURLToPath(new URL("openai_client.py", import.meta.url));
const run = promisify(execFile);

await describeWithPython("the openai package (PyPI)", ["openai"], (python) => {
  let worker: CliServer;
  let frontend: CliServer;

  beforeAll(async () => {
    worker = await startServer("mocker", ["--model-name", "llama", "--speedup-ratio", "0", "--api-key", KEY]);
    frontend = await startServer("frontend", ["--worker", worker.url, "--api-key", KEY, "--worker-api-key", KEY]);
  });

  afterAll(() => Promise.all([worker?.process.end(), frontend?.process.end()]));

  it.each(["worker", "frontend"])("takes a %s for what it knows", async (which) => {
    const { url } = which === "worker" ? worker : frontend;
    const { stdout } = await run(python, [SCRIPT, `${url}/v1`, KEY]);
    expect(JSON.parse(stdout)).toEqual({
      models: ["llama"],
      chat: { words: 8, finish: "length", completion_tokens: 8 },
      chat_stream: { role: "assistant", words: 8, finish: ["length"], completion_tokens: 8 },
      completion: { words: 4, total_tokens: 7 },
      completion_stream: { words: 4 },
      request_id: "from-python",
      many: Array.from({ length: 20 }, (_, i) => i + 1),
      bad_request: { type: "BadRequestError", status: 400, code: expect.toBeOneOf([null, expect.any(String)]) },
      not_found: { type: "NotFoundError", status: 404, code: "model_not_found" },
      unauthorized: { type: "AuthenticationError", status: 401, code: "invalid_api_key" },
    });
  });
});
