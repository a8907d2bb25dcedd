/**
 * Tokens at the beginning of an answer that are reasoning, as Dynamo's mocker has it: none where the share comes to no token,
 * else at least the two that mark it.
 * @param ratio share of the output, 0..1
 */
export function thinkingTokens(outputTokens: number, ratio: number): number {
  const share = Math.floor(outputTokens * ratio);
  return outputTokens < 2 || share === 0 ? 0 : Math.min(outputTokens, Math.max(2, share));
}

/**
 * Place of the first token that is not reasoning among those of an answer, from 1; 0 where all of them are, or where the model
 * does not reason at all (a ratio of 0), so that nobody asks.
 */
export function firstOutputPlace(outputTokens: number, ratio: number): number {
  if (ratio === 0) return 0;
  const thinking = thinkingTokens(outputTokens, ratio);
  return thinking < outputTokens ? thinking + 1 : 0;
}
