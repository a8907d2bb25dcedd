import { createReadStream, existsSync, statSync } from "node:fs";
import { open } from "node:fs/promises";

/** Between two looks at a log that is followed, ms. */
const LOOK_MS = 200;
const BLOCK_BYTES = 65_536;

export interface LogOptions {
  /** Only the last so many lines of what is there; default: all of it. */
  tail?: number | undefined;
  /** Goes on with what comes until then. Restarts of the process go into the same file. */
  follow?: AbortSignal | undefined;
}

/** Text of a log file, as it comes. A file that is not there yet is empty. */
export async function* readLog(path: string, { tail, follow }: LogOptions): AsyncGenerator<Buffer> {
  const { start, end } = await partOf(path, tail);
  if (follow === undefined) {
    // What is written meanwhile is not of the last lines that were asked for.
    if (end > start) yield* createReadStream(path, { start, end: end - 1 });
    return;
  }
  let position = start;
  for (;;) {
    const file = statSync(path, { throwIfNoEntry: false });
    // Set aside at a restart: it begins anew.
    if (file !== undefined && file.size < position) position = 0;
    if (file !== undefined && file.size > position) {
      for await (const chunk of createReadStream(path, { start: position, end: file.size - 1 })) {
        position += (chunk as Buffer).length;
        yield chunk as Buffer;
      }
    }
    if (follow.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, LOOK_MS);
      function done(): void {
        clearTimeout(timer);
        follow!.removeEventListener("abort", done);
        resolve();
      }
      follow.addEventListener("abort", done, { once: true });
    });
  }
}

/** Where the last `lines` lines of a file begin, read from its end, or all of them; and where the file ends now. */
async function partOf(path: string, lines: number | undefined): Promise<{ start: number; end: number }> {
  if (!existsSync(path)) return { start: 0, end: 0 };
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    if (lines === undefined) return { start: 0, end: size };
    if (lines === 0) return { start: size, end: size };
    const buffer = Buffer.alloc(BLOCK_BYTES);
    let found = 0;
    for (let end = size; end > 0; end -= BLOCK_BYTES) {
      const start = Math.max(0, end - BLOCK_BYTES);
      const { bytesRead } = await file.read(buffer, 0, end - start, start);
      for (let i = bytesRead - 1; i >= 0; i--) {
        // The end of the last line is not the beginning of one more.
        if (buffer[i] !== 10 || start + i === size - 1) continue;
        if (++found === lines) return { start: start + i + 1, end: size };
      }
    }
    return { start: 0, end: size };
  } finally {
    await file.close();
  }
}
