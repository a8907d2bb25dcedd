/** Whether two names mean the same model: Dynamo's frontends write it in lower case, workers as they were given it. */
export function isSameModel(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase();
}
