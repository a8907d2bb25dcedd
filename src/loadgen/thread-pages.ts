import { MessageChannel, type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import { families, type Workload } from "#scenarios";
import type { LoadColumns } from "./columns.ts";
import { type Pages, requestsByPage } from "./rows.ts";
import type { Part } from "./split.ts";

/** What a thread is given to write into pages that another thread keeps. */
export interface ThreadPages {
  port: MessagePort;
  /** 0 while the thread waits for a page. */
  answered: Int32Array;
  pageRows: number;
  /** How many requests of each page are the thread's. */
  requests: Int32Array;
}

type PageMessage = { kind: "take" | "done"; page: number };

/** How many requests of each page each part of a workload has. */
export function requestsOfParts(workload: Workload, parts: readonly Part[], pageRows: number): Int32Array[] {
  const family = families(workload);
  const partOf = new Int32Array(workload.count).fill(-1);
  parts.forEach(({ openHeads, closedLoops }, part) => {
    for (const heads of [openHeads, ...closedLoops.map((loop) => loop.heads)]) {
      for (const head of heads) partOf[family[head]!] = part;
    }
  });
  return parts.map((_, part) =>
    requestsByPage(workload.count, pageRows, (request) => partOf[family[request]!] === part),
  );
}

/** Lets one thread write into pages that are kept here, in shared memory; to be closed when the thread has done. */
export function lendPages(pages: Pages, pageRows: number, requests: Int32Array) {
  const { port1: here, port2: port } = new MessageChannel();
  const answered = new Int32Array(new SharedArrayBuffer(4));
  here.on("message", ({ kind, page }: PageMessage) => {
    if (kind === "done") return pages.done(page);
    here.postMessage(pages.take(page));
    Atomics.store(answered, 0, 1);
    Atomics.notify(answered, 0);
  });
  return { lent: { port, answered, pageRows, requests } satisfies ThreadPages, close: () => here.close() };
}

/** The other side. A thread stands still until it has the page it asks for: once in so many thousand requests. */
export function borrowedPages({ port, answered }: ThreadPages): Pages & { close(): void } {
  const tell = (message: PageMessage) => port.postMessage(message);
  return {
    take: (page) => {
      Atomics.store(answered, 0, 0);
      tell({ kind: "take", page });
      Atomics.wait(answered, 0, 0);
      return receiveMessageOnPort(port)!.message as LoadColumns;
    },
    done: (page) => tell({ kind: "done", page }),
    close: () => port.close(),
  };
}
