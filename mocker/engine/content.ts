import type { RequestColumns, RequestSource } from "./types.ts";

/** Content id of a block that only its request can ever hit (its own prompt tail and what it generated). */
export function uniqueContentId(request: number, blockIndex: number): number {
  return -1 - (request * 2 ** 20 + blockIndex);
}

/** Content id of the full block at `blockIndex` of a request's prompt and output. */
export function contentId(columns: RequestColumns, request: number, blockIndex: number): number {
  if (columns.blockIds !== null && columns.blockOffset !== null) {
    const at = columns.blockOffset[request]! + blockIndex;
    if (at < columns.blockOffset[request + 1]!) return columns.blockIds[at]!;
  }
  const { attempt } = columns;
  return uniqueContentId(attempt === undefined ? request : request + attempt[request]! * attempt.length, blockIndex);
}

/** Columns read request by request. */
export function columnsSource(columns: RequestColumns): RequestSource {
  return {
    isl: (request) => columns.isl[request]!,
    osl: (request) => columns.osl[request]!,
    contentId: (request, blockIndex) => contentId(columns, request, blockIndex),
  };
}

/** The same, which tells as well where a request's own blocks begin. */
export function ownBlocksSource(columns: RequestColumns): RequestSource {
  const { blockIds, blockOffset } = columns;
  const ids = blockIds ?? new Int32Array(0);
  return {
    ...columnsSource(columns),
    sharedContents: (request) =>
      blockIds === null || blockOffset === null
        ? { ids, from: 0, end: 0 }
        : { ids, from: blockOffset[request]!, end: blockOffset[request + 1]! },
  };
}
