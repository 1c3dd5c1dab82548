"""Whatever is killed whenever: no document is lost, doubled, or missing from a search."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.faults.drill import KB, Drill, Processes, Told, word

DOCUMENTS = 50
# `make faults` has 200 of them; a dozen find most of what 200 do, in the time that CI has.
ROUNDS = int(os.environ.get("KB_FAULT_ROUNDS", "12"))
SEED = int(os.environ.get("KB_FAULT_SEED", "7"))


@pytest.fixture
def processes() -> Iterator[Processes]:
    """In a folder that an unprivileged PostgreSQL can reach."""
    folder = Path(tempfile.mkdtemp(prefix="kb-faults-", dir="/tmp"))
    folder.chmod(0o711)
    processes = Processes(folder)
    try:
        processes.start()
        yield processes
    finally:
        processes.stop()
        shutil.rmtree(folder)


def new_base(processes: Processes, key: str) -> str:
    answer = httpx.post(
        f"{processes.url}/v2/gen-ai/knowledge_bases",
        json={"name": "drill", "chunking_options": {"max_chunk_size": 128}},
        headers={"Authorization": f"Bearer {key}"},
        timeout=60,
    )
    answer.raise_for_status()
    return answer.json()["knowledge_base"]["uuid"]


def test_kills_at_random_moments_lose_nothing(processes: Processes) -> None:
    chance = random.Random(SEED)
    key = processes.key()
    drill = Drill(
        url=processes.url,
        key=key,
        base=new_base(processes, key),
        chance=random.Random(SEED + 1),
        documents={number: Told() for number in range(DOCUMENTS)},
    )
    threads = [threading.Thread(target=drill.write), threading.Thread(target=drill.search)]
    for thread in threads:
        thread.start()
    try:
        for number in range(ROUNDS):
            time.sleep(chance.uniform(0.3, 2.0))
            match number % 3:
                case 0:
                    processes.kill_worker()
                case 1:
                    processes.kill_parser(chance)
                case _:
                    processes.kill_service()
            processes.start()
            drill.wait_for_answers(5)
            assert all(thread.is_alive() for thread in threads), "see the thread's traceback"
            print(f"round {number + 1} of {ROUNDS}, {drill.answers} answers", flush=True)
    finally:
        drill.stop.set()
        for thread in threads:
            thread.join()
    drill.finish_writing()
    base = drill.wait_until_idle(300)
    there = {number for number, told in drill.documents.items() if told.is_there}
    assert drill.misses == []
    assert drill.answers > 5 * ROUNDS
    assert base["documents"] == len(there)
    assert base["documents_failed"] == 0
    for number, told in drill.documents.items():
        found = drill.found_texts(number)
        if number not in there:
            assert found == []
            continue
        assert found, f"document {number} is not found"
        assert len(found) == len(set(found)), f"document {number} is indexed twice"
        assert all(f"{word(number)} of edition ed{told.edition}n" in one for one in found)
    proof = subprocess.run(
        [KB, "reconcile", "drill"],
        env=processes.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert proof.returncode == 0, proof.stdout + proof.stderr
