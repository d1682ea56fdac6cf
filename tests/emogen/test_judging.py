import orjson
import pytest

from emogen.judging import prompt_sha256
from emogen.resources import sha256_text
from emogen.schemas import Message, Prompt


@pytest.mark.parametrize("last", ["Caption: a bench", "Caption: a boat", "\ud83d alone"])
def test_a_prompt_s_hash_is_that_of_all_its_parts(last: str) -> None:
    """What many prompts begin with is hashed once, and yet each has the hash of all that it says."""
    messages = (Message(role="system", content="Look."), Message(role="user", content="x"))
    prompt = Prompt(
        record_id="r1",
        instruction="conversation",
        messages=(*messages[:1], Message.model_construct(role="user", content=last)),
        answer_schema={"type": "object"},
    )
    rest = orjson.dumps([{"type": "object"}, []]).decode()
    assert prompt_sha256(prompt) == sha256_text("system", "Look.", "user", last, rest)
    assert prompt_sha256(prompt.model_copy(update={"messages": messages})) != prompt_sha256(prompt)
