/**
 * What this machine's Node can do at most: a loop that writes one prepared chunk to every open socket each `intervalMs`, on
 * absolute deadlines, and nothing else. It reads no HTTP; whoever writes a line gets an event stream.
 */
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { answerCalls } from "./child.ts";

export interface BaselinePlan {
  streams: number;
  intervalMs: number;
  tokens: number;
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const chunkOf = (data: string) => `${(data.length + 8).toString(16)}\r\ndata: ${data}\n\n\r\n`;

function event(text: string): string {
  const choice = { index: 0, text, logprobs: null, finish_reason: null };
  return chunkOf(
    JSON.stringify({
      id: "cmpl-0123456789abcdef0123456789abcdef",
      object: "text_completion",
      created: 1764000000,
      model: "bench",
      choices: [choice],
      usage: null,
    }),
  );
}

async function start({ streams, intervalMs, tokens }: BaselinePlan): Promise<string> {
  const sockets: Socket[] = [];
  const token = event(" word");
  const usage = { prompt_tokens: 1, completion_tokens: tokens, total_tokens: tokens + 1 };
  const end = `${chunkOf(JSON.stringify({ choices: [], usage }))}${chunkOf("[DONE]")}0\r\n\r\n`;

  function run(): void {
    const startMs = performance.now();
    let sent = 0;
    for (const socket of sockets) socket.write(HEAD, "latin1");
    const turn = () => {
      const due = Math.min(tokens, Math.floor((performance.now() - startMs) / intervalMs));
      for (; sent < due; sent++) for (const socket of sockets) socket.write(token, "latin1");
      if (sent === tokens) {
        for (const socket of sockets.splice(0)) socket.write(end, "latin1");
        return;
      }
      const waitMs = startMs + (sent + 1) * intervalMs - performance.now();
      // Timers have a grain of 1 ms: the rest is waited for in turns of the loop.
      if (waitMs > 1.2) setTimeout(turn, Math.floor(waitMs - 0.2));
      else setImmediate(turn);
    };
    turn();
  }

  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.on("data", () => {
      sockets.push(socket);
      if (sockets.length === streams) run();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

answerCalls({ start });
