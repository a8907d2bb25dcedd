export { builtinTokenizer } from "./builtin.ts";
export { BlockHasher, blockHashes, sequenceHashes, tokensSeed } from "./hashing.ts";
export { loadTokenizer } from "./hugging-face.ts";
export { type PromptShape, promptIds, promptText } from "./prompts.ts";
export type * from "./types.ts";
export { wordStream } from "./word-stream.ts";
