import { UserError } from "#common";

export function tokenizerUnreadable(path: string, reason: string, cause: unknown): UserError {
  return new UserError({
    code: "TEXT_TOKENIZER_UNREADABLE",
    where: path,
    message: `the tokenizer can't be read: ${reason}`,
    hint: "give the path of a Hugging Face tokenizer.json, or of the folder that holds it",
    cause,
  });
}

export function tokenizerInvalid(path: string, found: string, expected: string): UserError {
  return new UserError({
    code: "TEXT_TOKENIZER_INVALID",
    where: path,
    message: `found ${found}, expected ${expected}`,
    hint: "the file is what `save_pretrained` of Hugging Face's fast tokenizers writes; SentencePiece's own .model is another format",
  });
}

export function tokenizerUnsupported(path: string, reason: string, cause?: unknown): UserError {
  return new UserError({
    code: "TEXT_TOKENIZER_UNSUPPORTED",
    where: path,
    message: `the tokenizer's parts can't be run: ${reason}`,
    hint: "leave out --tokenizer to use the built-in one, or take another model's tokenizer.json",
    cause,
  });
}

export function tokenizerTooFewWords(path: string, found: number, needed: number): UserError {
  return new UserError({
    code: "TEXT_TOKENIZER_FEW_WORDS",
    where: path,
    message: `found ${found} words that are one token each, expected at least ${needed} to make text of`,
    hint: "take a tokenizer with a vocabulary of some thousand tokens",
  });
}
