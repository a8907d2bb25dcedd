import type { Usage } from "./bodies.ts";
import type { OpenAiError } from "./errors.ts";
import { asciiJson } from "./json.ts";
import type { ResponsesRequest } from "./responses-request.ts";

/** What there is to say of a chat's answer, or of a chunk of it, as chat completions have it. */
export interface ChatAnswerBody {
  model?: string;
  choices: readonly {
    message?: ChatAnswerText;
    delta?: ChatAnswerText;
    finish_reason: string | null;
  }[];
  usage?: Usage | null;
}

interface ChatAnswerText {
  content?: string | null;
  reasoning_content?: string | null;
  tool_calls?: readonly { id?: string; function?: { name?: string; arguments?: string } }[];
}

/** Turns a chat's answer into that of `POST /v1/responses`: whole, or chunk by chunk into its events. */
export class ResponsesAnswer {
  readonly #request: ResponsesRequest;
  readonly #id: string;
  readonly #created: number;
  #model: string;
  #text = "";
  #call: { id: string; name: string } | null = null;
  #finishReason: string | null = null;
  #usage: Usage | null = null;
  #events = 0;
  #opened = false;

  /**
   * @param id without a prefix: the response is `resp_<id>`, its message `msg_<id>`
   * @param created Unix seconds, whole
   */
  constructor(request: ResponsesRequest, id: string, created: number) {
    this.#request = request;
    this.#id = id;
    this.#created = created;
    this.#model = request.model ?? "";
  }

  /** The answer to a request without streaming. */
  whole(chat: ChatAnswerBody): Record<string, unknown> {
    this.#take(chat);
    return this.#body(this.#status());
  }

  /** First events of a stream: it was created, it is in progress. */
  start(): string {
    const response = this.#body("in_progress");
    return this.#event("response.created", { response }) + this.#event("response.in_progress", { response });
  }

  /** Events that a chunk of the chat's stream becomes; none, it may be. */
  chunk(chat: ChatAnswerBody): string {
    const delta = this.#take(chat);
    if (delta === "" && this.#call === null) return "";
    let events = "";
    if (!this.#opened) {
      this.#opened = true;
      events += this.#event("response.output_item.added", { output_index: 0, item: this.#item("in_progress", "") });
      if (this.#call === null) {
        events += this.#event("response.content_part.added", { ...this.#at(), part: outputText("") });
      }
    }
    if (delta === "") return events;
    if (this.#call !== null) {
      const fields = { item_id: this.#itemId(), output_index: 0, delta };
      return events + this.#event("response.function_call_arguments.delta", fields);
    }
    return events + this.#event("response.output_text.delta", { ...this.#at(), delta, logprobs: [] });
  }

  /** Last events of a stream. */
  end(): string {
    const status = this.#status();
    let events = "";
    if (this.#opened) {
      const text = this.#text;
      if (this.#call !== null) {
        const fields = { item_id: this.#itemId(), output_index: 0, name: this.#call.name, arguments: text };
        events += this.#event("response.function_call_arguments.done", fields);
      } else {
        events += this.#event("response.output_text.done", { ...this.#at(), text, logprobs: [] });
        events += this.#event("response.content_part.done", { ...this.#at(), part: outputText(text) });
      }
      events += this.#event("response.output_item.done", { output_index: 0, item: this.#item(status, text) });
    }
    return events + this.#event(`response.${status}`, { response: this.#body(status) });
  }

  /** The event that ends a stream which has failed. */
  failed(error: OpenAiError): string {
    return this.#event("error", { code: error.code, message: error.message, param: error.param });
  }

  /** Takes in what a chat says; returns the text that is new. */
  #take(chat: ChatAnswerBody): string {
    if (chat.model) this.#model = chat.model;
    if (chat.usage) this.#usage = chat.usage;
    const choice = chat.choices[0];
    if (choice === undefined) return "";
    if (choice.finish_reason !== null) this.#finishReason = choice.finish_reason;
    const said = choice.message ?? choice.delta;
    const call = said?.tool_calls?.[0];
    if (call?.function?.name) this.#call = { id: call.id ?? "", name: call.function.name };
    const text = call ? (call.function?.arguments ?? "") : (said?.content ?? "");
    this.#text += text;
    return text;
  }

  #status(): "completed" | "incomplete" {
    return this.#finishReason === "length" ? "incomplete" : "completed";
  }

  #event(type: string, fields: Record<string, unknown>): string {
    return `event: ${type}\ndata: ${asciiJson({ type, sequence_number: this.#events++, ...fields })}\n\n`;
  }

  #itemId(): string {
    return `${this.#call === null ? "msg" : "fc"}_${this.#id}`;
  }

  #at() {
    return { item_id: this.#itemId(), output_index: 0, content_index: 0 };
  }

  #item(status: string, text: string) {
    const id = this.#itemId();
    if (this.#call !== null) {
      return { type: "function_call", id, call_id: this.#call.id, name: this.#call.name, arguments: text, status };
    }
    const content = status === "in_progress" ? [] : [outputText(text)];
    return { type: "message", id, status, role: "assistant", content };
  }

  #body(status: "in_progress" | "completed" | "incomplete"): Record<string, unknown> {
    const request = this.#request;
    return {
      id: `resp_${this.#id}`,
      object: "response",
      created_at: this.#created,
      status,
      background: false,
      error: null,
      incomplete_details: status === "incomplete" ? { reason: "max_output_tokens" } : null,
      instructions: request.instructions ?? null,
      max_output_tokens: request.max_output_tokens ?? null,
      metadata: request.metadata ?? {},
      model: this.#model,
      output: status === "in_progress" ? [] : [this.#item(status, this.#text)],
      parallel_tool_calls: request.parallel_tool_calls ?? true,
      previous_response_id: null,
      reasoning: { effort: null, summary: null },
      store: false,
      temperature: request.temperature ?? 1,
      text: { format: request.text?.format ?? { type: "text" } },
      tool_choice: request.tool_choice ?? "auto",
      tools: request.tools ?? [],
      top_p: request.top_p ?? 1,
      truncation: "disabled",
      usage: this.#usage === null ? null : responsesUsage(this.#usage),
      user: request.user ?? null,
    };
  }
}

function outputText(text: string) {
  return { type: "output_text", text, annotations: [], logprobs: [] };
}

function responsesUsage(usage: Usage) {
  return {
    input_tokens: usage.prompt_tokens,
    input_tokens_details: { cached_tokens: usage.prompt_tokens_details?.cached_tokens ?? 0 },
    output_tokens: usage.completion_tokens,
    output_tokens_details: { reasoning_tokens: usage.completion_tokens_details?.reasoning_tokens ?? 0 },
    total_tokens: usage.total_tokens,
  };
}
