import { tokensSeed } from "#mocker/text";

/**
 * A made-up embedding: equal tokens have equal ones, of length 1. It says nothing of the text's meaning.
 * @param tokens of the input
 */
export function mockEmbedding(tokens: Int32Array, dimensions: number): Float32Array {
  const vector = new Float32Array(dimensions);
  const seed = tokensSeed(tokens);
  let sum = 0;
  for (let i = 0; i < dimensions; i++) {
    const value = (tokensSeed(Int32Array.of(seed | 0, Math.floor(seed / 2 ** 32), i)) % 2 ** 32) / 2 ** 31 - 1;
    vector[i] = value;
    sum += value * value;
  }
  const length = Math.sqrt(sum) || 1;
  for (let i = 0; i < dimensions; i++) vector[i]! /= length;
  return vector;
}
