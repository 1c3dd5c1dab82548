"""What a real model on llama.cpp is asked, asked of the same model on a real vLLM.

Left out unless asked for, with `pytest -m vllm`: vLLM is gigabytes, and not for every machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.kb.gateway.test_real_answers import TestAnswers, desk
from tests.llm.vllm import serving

__all__ = ["TestAnswers", "desk"]

pytestmark = pytest.mark.vllm


@pytest.fixture(scope="module")
def llm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("vllm") / "log") as url:
        yield url
