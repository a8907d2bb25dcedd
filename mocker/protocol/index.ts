export { type Answer, type AnswerOptions, planAnswer } from "./answers.ts";
export { ApiKeys } from "./bearer.ts";
export {
  type ChoiceContent,
  chatCompletionBody,
  completionBody,
  embeddingsBody,
  type FinishReason,
  modelBody,
  modelListBody,
  type ResponseExtras,
  type ResponseIdentity,
  type ServedModel,
  type Usage,
  usageOf,
} from "./bodies.ts";
export * from "./buckets.ts";
export { parseChatRequest } from "./chat-request.ts";
export {
  type ChunkExtras,
  type ChunkTemplate,
  type ChunkTemplateOptions,
  chunkTemplate,
  STREAM_DONE,
} from "./chunks.ts";
export { answerClientError } from "./client-errors.ts";
export { parseCompletionRequest, parseEmbeddingsRequest } from "./completion-request.ts";
export { mockEmbedding } from "./embeddings.ts";
export {
  contextLengthExceeded,
  invalidApiKey,
  invalidJson,
  invalidRequest,
  methodNotAllowed,
  modelNotFound,
  OpenAiError,
  type OpenAiErrorBody,
  requestTimeout,
  requestTooLarge,
  serverError,
  serviceUnavailable,
  tooManyRequests,
  unknownUrl,
  unsupportedMediaType,
} from "./errors.ts";
export { asciiJson, jsonText } from "./json.ts";
export {
  type HeldLease,
  holdLease,
  type LeaseOptions,
  leaseFileName,
  readLeases,
  type WorkerLease,
} from "./lease.ts";
export { chatLogprobs, completionLogprobs } from "./logprobs.ts";
export { chatPromptTokens, promptTokens } from "./prompt-tokens.ts";
export { requestIdOf } from "./request-id.ts";
export type {
  AnswerFormat,
  ChatMessage,
  ChatRequest,
  CompletionRequest,
  ContentPart,
  EmbeddingsRequest,
  FunctionTool,
  GenerationRequest,
  JsonSchema,
  PromptSource,
} from "./requests.ts";
export { type ChatAnswerBody, ResponsesAnswer } from "./responses-answer.ts";
export { parseResponsesRequest, type ResponsesRequest, responsesChatBody } from "./responses-request.ts";
export type { SaidText, SaidTokens } from "./said.ts";
export { answerErrors, answerFrameworkError } from "./server-errors.ts";
export { type SseEvent, SseParser } from "./sse.ts";
export * from "./types.ts";
