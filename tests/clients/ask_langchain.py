"""LangChain's ChatOpenAI, over both of OpenAI's APIs."""

# pyright: basic, reportMissingImports=false
# LangChain is in .venv-clients-openai2.

from __future__ import annotations

from functools import reduce
from operator import add

from asking import API_KEY, API_URL, MODEL, QUESTION, RETRIEVAL, Answer, Citation, tell
from langchain_core.messages import AIMessage
from langchain_openai import ChatOpenAI


def main() -> None:
    answers: list[Answer] = []
    for api in ("chat", "responses"):
        model = ChatOpenAI(
            model=MODEL, base_url=API_URL, api_key=API_KEY, use_responses_api=api == "responses"
        ).bind(tools=[RETRIEVAL])
        answers += [
            _answer(api, model.invoke(QUESTION)),
            _answer(api, reduce(add, model.stream(QUESTION)), streamed=True),
        ]
    tell(*answers)


def _answer(api: str, message: AIMessage, *, streamed: bool = False) -> Answer:
    return Answer(
        api=api,
        streamed=streamed,
        text=message.text,
        citations=[
            Citation(one["title"], one["extras"]["locator"]["url"], one["extras"]["file_index"])
            for block in message.content_blocks
            for one in block.get("annotations", ())
        ],
    )


if __name__ == "__main__":
    main()
