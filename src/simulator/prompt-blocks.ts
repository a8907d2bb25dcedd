import type { RequestColumns } from "#mocker/engine";
import type { PromptBlocks, Workload } from "#scenarios";

/**
 * The columns that engines of one block size see: contents (of prompts, and of what is generated where that has names) as chain
 * ids per full engine block, cut where no other request shares the chain (what nobody shares needs no name).
 *
 * Engine block j covers tokens [j·bs, (j+1)·bs) of the prompt; its content is made of the trace ids it overlaps and where
 * in them it lies, its identity of the content and the identity of the block before.
 */
export function requestColumns(workload: Workload, blockSize: number): RequestColumns {
  const { isl, osl, prompts, count } = workload;
  if (prompts === null) return { isl, osl, blockOffset: null, blockIds: null };
  const shared = sharedIds(prompts, count);
  const chain = new ChainInterner();
  const offset = new Int32Array(count + 1);
  let ids = new Int32Array(1024);
  let used = 0;
  for (let request = 0; request < count; request++) {
    offset[request] = used;
    const from = prompts.offset[request]!;
    // Ids beyond those of the prompt's last block name what is generated.
    const named = prompts.offset[request + 1]! - from > Math.ceil(isl[request]! / prompts.blockTokens);
    const blocks = Math.min(
      Math.floor((isl[request]! + (named ? osl[request]! : 0)) / blockSize),
      Math.floor((shared[request]! * prompts.blockTokens) / blockSize),
    );
    let node = 0;
    for (let j = 0; j < blocks; j++) {
      const startToken = j * blockSize;
      const endToken = startToken + blockSize;
      const first = Math.floor(startToken / prompts.blockTokens);
      const last = Math.floor((endToken - 1) / prompts.blockTokens);
      for (let t = first; t <= last; t++) {
        node = chain.child(node, prompts.ids[from + t]!, t === first ? startToken - t * prompts.blockTokens : 0);
      }
      if (used === ids.length) ids = growInt32(ids);
      ids[used++] = node;
      chain.count(node);
    }
  }
  offset[count] = used;
  return keepShared(isl, osl, offset, ids, chain);
}

/** Leading trace ids of each request that another request begins with, too: blocks beyond them are shared with nobody. */
function sharedIds(prompts: PromptBlocks, count: number): Int32Array {
  const chain = new ChainInterner();
  const nodes = new Int32Array(prompts.offset[count]!);
  for (let request = 0; request < count; request++) {
    let node = 0;
    for (let at = prompts.offset[request]!; at < prompts.offset[request + 1]!; at++) {
      node = chain.child(node, prompts.ids[at]!, 0);
      nodes[at] = node;
      chain.count(node);
    }
  }
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
  readonly #contents = new Map<number, number>();
  readonly #children = new Map<number, number>();
  #uses = new Int32Array(1024);
  #nodes = 0;

  child(parent: number, contentId: number, offsetTokens: number): number {
    // Content ids may be large; a dense index keeps the pair below 2^53.
    const contentKey = contentId * 65_536 + offsetTokens;
    let content = this.#contents.get(contentKey);
    if (content === undefined) {
      content = this.#contents.size;
      this.#contents.set(contentKey, content);
    }
    const key = parent * 2 ** 26 + content;
    let node = this.#children.get(key);
    if (node === undefined) {
      node = ++this.#nodes;
      if (node >= this.#uses.length) this.#uses = growInt32(this.#uses);
      this.#children.set(key, node);
    }
    return node;
  }

  count(node: number): void {
    this.#uses[node]!++;
  }

  uses(node: number): number {
    return this.#uses[node]!;
  }
}

function growInt32(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(array.length * 2);
  larger.set(array);
  return larger;
}
