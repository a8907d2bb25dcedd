/** Completion indexes of an Indexed Job as its status has them: `0-3,5`. */
export function completedIndexes(text: string | undefined): number[] {
  if (text === undefined || text === "") return [];
  return text.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number) as [number, number?];
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}
