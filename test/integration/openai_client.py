"""Talks to an OpenAI-compatible server with the openai package, and prints what came of it as JSON.

Arguments: base URL, API key.
"""

import asyncio
import json
import sys

import openai

base_url, api_key = sys.argv[1:]
client = openai.OpenAI(base_url=base_url, api_key=api_key, max_retries=0)
MESSAGES = [{"role": "user", "content": "Tell me a story."}]


def error_of(call):
    try:
        call()
    except openai.APIStatusError as error:
        return {"type": type(error).__name__, "status": error.status_code, "code": error.code}
    return None


def chat():
    done = client.chat.completions.create(model="llama", messages=MESSAGES, max_tokens=8)
    choice = done.choices[0]
    return {
        "words": len(choice.message.content.split()),
        "finish": choice.finish_reason,
        "completion_tokens": done.usage.completion_tokens,
    }


def chat_stream():
    stream = client.chat.completions.create(
        model="llama", messages=MESSAGES, max_tokens=8, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    return {
        "role": chunks[0].choices[0].delta.role,
        "words": sum(1 for chunk in chunks if chunk.choices and chunk.choices[0].delta.content),
        "finish": [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason],
        "completion_tokens": chunks[-1].usage.completion_tokens,
    }


def completion():
    done = client.completions.create(model="llama", prompt=[5, 6, 7], max_tokens=4, extra_body={"ignore_eos": True})
    return {"words": len(done.choices[0].text.split()), "total_tokens": done.usage.total_tokens}


def completion_stream():
    chunks = list(client.completions.create(model="llama", prompt="Once", max_tokens=4, stream=True))
    return {"words": len("".join(c.choices[0].text for c in chunks if c.choices).split())}


def with_response_headers():
    raw = client.chat.completions.with_raw_response.create(
        model="llama", messages=MESSAGES, max_tokens=1, extra_headers={"X-Request-Id": "from-python"}
    )
    return raw.headers.get("x-request-id")


async def many():
    """Streams at the same time on one event loop."""
    async with openai.AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=0) as several:

        async def one(length):
            stream = await several.chat.completions.create(
                model="llama", messages=MESSAGES, max_tokens=length, stream=True
            )
            return sum([1 async for chunk in stream if chunk.choices and chunk.choices[0].delta.content])

        return await asyncio.gather(*(one(length) for length in range(1, 21)))


stranger = openai.OpenAI(base_url=base_url, api_key="sk-wrong", max_retries=0)
result = {
    "models": [model.id for model in client.models.list()],
    "chat": chat(),
    "chat_stream": chat_stream(),
    "completion": completion(),
    "completion_stream": completion_stream(),
    "request_id": with_response_headers(),
    "many": asyncio.run(many()),
    "bad_request": error_of(lambda: client.chat.completions.create(model="llama", messages=MESSAGES, max_tokens=-1)),
    "not_found": error_of(lambda: client.chat.completions.create(model="gpt-9", messages=MESSAGES)),
    "unauthorized": error_of(lambda: stranger.chat.completions.create(model="llama", messages=MESSAGES)),
}
json.dump(result, sys.stdout)
