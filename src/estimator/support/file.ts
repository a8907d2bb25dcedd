/** What scripts/dump-op-tables.ts keeps of the package's support matrix. */
export interface SupportFile {
  /** `system backend version mode`, space between. */
  cells: string[];
  /** By Hugging Face id, a character a cell: 1 where the package says that it works. */
  models: Record<string, string>;
}
