/** Something to be logged, by what makes no I/O itself. */
export interface Note {
  level: "info" | "warning";
  text: string;
}

export const note = (text: string): Note => ({ level: "info", text });
export const warning = (text: string): Note => ({ level: "warning", text });
