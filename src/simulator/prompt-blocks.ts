import type { RequestColumns } from "#mocker/engine";
import { namesOutput, type PromptBlocks, type Workload } from "#scenarios/workload";
import { PairNumbers } from "./pair-numbers.ts";

/**
 * The columns that engines of one block size see: contents (of prompts, and of what is generated where that has names) as chain
 * ids per full engine block, cut where no other request shares the chain (what nobody shares needs no name).
 *
 * Engine block j covers tokens [j·bs, (j+1)·bs) of the prompt; its content is made of the trace ids it overlaps and where
 * in them it lies, its identity of the content and the identity of the block before.
 * @param attempt how often each request has come before, where requests may come again: then all of their blocks have names, since
 * a prompt may find itself in a cache
 */
export function requestColumns(
  workload: Workload,
  blockSize: number,
  attempt: Uint16Array | null = null,
): RequestColumns {
  const { isl, osl, prompts, count } = workload;
  if (attempt !== null) return { ...allNamed(workload, blockSize), attempt };
  if (prompts === null) return { isl, osl, blockOffset: null, blockIds: null };
  const ids = idChains(prompts, count);
  const perId = prompts.blockTokens / blockSize;
  // Where engine blocks lie within trace ids, the chain of ids names them: no block needs a chain of its own.
  const byId = Number.isInteger(perId) && (ids.chain.size + 1) * perId < 2 ** 31;
  return byId
    ? columnsById(workload, prompts, blockSize, ids.nodes, ids.chain.size)
    : columnsByBlock(workload, prompts, blockSize, sharedIds(prompts, count, ids));
}

/** The same for engines of any block size; engines of one share theirs. */
export function columnsByBlockSize(
  workload: Workload,
  attempt: Uint16Array | null,
): (blockSize: number) => RequestColumns {
  const made = new Map<number, RequestColumns>();
  return (blockSize) => {
    const columns = made.get(blockSize) ?? requestColumns(workload, blockSize, attempt);
    made.set(blockSize, columns);
    return columns;
  };
}

/** The columns where each trace id covers a whole number of engine blocks: these are known by the chain of ids and their place in the last. */
function columnsById(
  { isl, osl, count }: Workload,
  prompts: PromptBlocks,
  blockSize: number,
  nodes: Int32Array,
  nodeCount: number,
): RequestColumns {
  const perId = prompts.blockTokens / blockSize;
  // Full blocks in the last id of each chain, of the request that has most there and of the next: as many as this one are shared.
  const most = new Int32Array(nodeCount + 1);
  const shared = new Int32Array(nodeCount + 1);
  const blocksOf = new Int32Array(count);
  for (let request = 0; request < count; request++) {
    const from = prompts.offset[request]!;
    const blocks = Math.min(
      namedBlocks(prompts, request, isl[request]!, osl[request]!, blockSize),
      (prompts.offset[request + 1]! - from) * perId,
    );
    blocksOf[request] = blocks;
    for (let at = from, left = blocks; left > 0; at++, left -= perId) {
      const node = nodes[at]!;
      const here = Math.min(left, perId);
      if (here > most[node]!) {
        shared[node] = most[node]!;
        most[node] = here;
      } else if (here > shared[node]!) {
        shared[node] = here;
      }
    }
  }
  const blockOffset = new Int32Array(count + 1);
  for (let request = 0; request < count; request++) {
    let kept = 0;
    let left = blocksOf[request]!;
    for (let at = prompts.offset[request]!; left > 0; at++) {
      const here = Math.min(left, shared[nodes[at]!]!);
      kept += here;
      left = here < perId ? 0 : left - perId;
    }
    blockOffset[request + 1] = blockOffset[request]! + kept;
  }
  const blockIds = new Int32Array(blockOffset[count]!);
  for (let request = 0; request < count; request++) {
    const end = blockOffset[request + 1]!;
    for (let at = prompts.offset[request]!, block = blockOffset[request]!; block < end; at++) {
      const first = nodes[at]! * perId;
      for (let j = 0; j < perId && block < end; j++) blockIds[block++] = first + j;
    }
  }
  return { isl, osl, blockOffset, blockIds };
}

/** The columns where engine blocks and trace ids overlap as they will. @param shared leading ids of each request that others begin with, too */
function columnsByBlock(
  { isl, osl, count }: Workload,
  prompts: PromptBlocks,
  blockSize: number,
  shared: Int32Array,
): RequestColumns {
  const chain = new ChainInterner();
  const offset = new Int32Array(count + 1);
  let ids = new Int32Array(1024);
  let used = 0;
  for (let request = 0; request < count; request++) {
    offset[request] = used;
    const blocks = Math.min(
      namedBlocks(prompts, request, isl[request]!, osl[request]!, blockSize),
      Math.floor((shared[request]! * prompts.blockTokens) / blockSize),
    );
    let node = 0;
    for (let j = 0; j < blocks; j++) {
      if (used === ids.length) ids = growInt32(ids);
      node = blockNode(chain, node, prompts, request, j, blockSize);
      chain.count(node);
      ids[used++] = node;
    }
  }
  offset[count] = used;
  return keepShared(isl, osl, offset, ids, chain);
}

/** Full engine blocks of the prompt, and of what is generated where ids name it. */
function namedBlocks(prompts: PromptBlocks, request: number, isl: number, osl: number, blockSize: number): number {
  const ids = prompts.offset[request + 1]! - prompts.offset[request]!;
  return Math.floor((isl + (namesOutput(ids, isl, prompts.blockTokens) ? osl : 0)) / blockSize);
}

/** The chain up to engine block `j` of a request, whose trace ids reach so far; `node` is the chain up to the block before. */
function blockNode(
  chain: ChainInterner,
  node: number,
  { offset, ids, blockTokens }: PromptBlocks,
  request: number,
  j: number,
  blockSize: number,
): number {
  const startToken = j * blockSize;
  const first = Math.floor(startToken / blockTokens);
  const last = Math.floor((startToken + blockSize - 1) / blockTokens);
  let reached = node;
  for (let t = first; t <= last; t++) {
    reached = chain.child(reached, ids[offset[request]! + t]!, t === first ? startToken - t * blockTokens : 0);
  }
  return reached;
}

/** Every full block of every prompt has a name, and so has what is generated where its content is known; equal ones equal names. */
function allNamed({ isl, osl, prompts, count }: Workload, blockSize: number): RequestColumns {
  const blockOffset = new Int32Array(count + 1);
  for (let request = 0; request < count; request++) {
    const blocks =
      prompts === null
        ? Math.floor(isl[request]! / blockSize)
        : namedBlocks(prompts, request, isl[request]!, osl[request]!, blockSize);
    blockOffset[request + 1] = blockOffset[request]! + blocks;
  }
  const blockIds = new Int32Array(blockOffset[count]!);
  const chain = new ChainInterner();
  for (let request = 0; request < count; request++) {
    const known =
      prompts === null
        ? 0
        : Math.floor(((prompts.offset[request + 1]! - prompts.offset[request]!) * prompts.blockTokens) / blockSize);
    let node = 0;
    for (let at = blockOffset[request]!, j = 0; at < blockOffset[request + 1]!; at++, j++) {
      node = j < known ? blockNode(chain, node, prompts!, request, j, blockSize) : chain.unique();
      blockIds[at] = node;
    }
  }
  return { isl, osl, blockOffset, blockIds };
}

/** For each id of `prompts` the number of its chain, from 1 to the chain's size. */
function idChains(prompts: PromptBlocks, count: number) {
  const chain = new ChainInterner();
  const nodes = new Int32Array(prompts.offset[count]!);
  for (let request = 0; request < count; request++) {
    let node = 0;
    for (let at = prompts.offset[request]!; at < prompts.offset[request + 1]!; at++) {
      node = chain.child(node, prompts.ids[at]!, 0);
      nodes[at] = node;
    }
  }
  return { nodes, chain };
}

/** Leading trace ids of each request that another request begins with, too: blocks beyond them are shared with nobody. */
function sharedIds(prompts: PromptBlocks, count: number, { nodes, chain }: ReturnType<typeof idChains>): Int32Array {
  for (const node of nodes) chain.count(node);
  const shared = new Int32Array(count);
  for (let request = 0; request < count; request++) {
    const from = prompts.offset[request]!;
    let at = from;
    while (at < prompts.offset[request + 1]! && chain.uses(nodes[at]!) > 1) at++;
    shared[request] = at - from;
  }
  return shared;
}

function keepShared(
  isl: Int32Array,
  osl: Int32Array,
  offset: Int32Array,
  ids: Int32Array,
  chain: ChainInterner,
): RequestColumns {
  const count = isl.length;
  const blockOffset = new Int32Array(count + 1);
  let kept = 0;
  for (let request = 0; request < count; request++) {
    blockOffset[request] = kept;
    for (let at = offset[request]!; at < offset[request + 1]! && chain.uses(ids[at]!) > 1; at++) ids[kept++] = ids[at]!;
  }
  blockOffset[count] = kept;
  return { isl, osl, blockOffset, blockIds: ids.slice(0, kept) };
}

/** Numbers for (parent, content, offset in content) chains; 0 is the root. */
class ChainInterner {
  readonly #contents = new PairNumbers();
  readonly #children = new PairNumbers();
  /** Of each pair of parent and content: the chain's number. */
  #nodeOf = new Int32Array(1024);
  #uses = new Int32Array(1024);
  #nodes = 0;

  child(parent: number, contentId: number, offsetTokens: number): number {
    // Most contents are looked at from their beginning alone.
    const content = offsetTokens === 0 && contentId >= 0 ? contentId : -1 - this.#contents.of(contentId, offsetTokens);
    const known = this.#children.size;
    const pair = this.#children.of(parent, content);
    if (pair < known) return this.#nodeOf[pair]!;
    const node = ++this.#nodes;
    if (pair >= this.#nodeOf.length) this.#nodeOf = growInt32(this.#nodeOf);
    this.#nodeOf[pair] = node;
    return node;
  }

  get size(): number {
    return this.#nodes;
  }

  /** A node that nothing else leads to. */
  unique(): number {
    return ++this.#nodes;
  }

  count(node: number): void {
    while (node >= this.#uses.length) this.#uses = growInt32(this.#uses);
    this.#uses[node]!++;
  }

  uses(node: number): number {
    return this.#uses[node] ?? 0;
  }
}

function growInt32(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
