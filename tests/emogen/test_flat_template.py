import jinja2
import pytest

from emogen.flat_template import flattened
from emogen.resources import bundled_dir

PARENT = "{% block opening %}Good day. {% endblock %}{% block more %}{{ name }}!{% endblock %}"


def _environment(child: str) -> jinja2.Environment:
    texts = {"parent": PARENT, "child": child}
    return jinja2.Environment(loader=jinja2.DictLoader(texts), undefined=jinja2.StrictUndefined)


def test_blocks_stand_where_they_are_rendered_and_the_one_is_empty() -> None:
    """A flattened template renders as the chain does, but for the block that is left out."""
    child = (
        '{% extends "parent" %}\n{% block more %}Dear {% block who %}{{ name }}{% endblock %}.{% endblock %}'
    )
    environment = _environment(child)
    assert environment.get_template("child").render(name="Ada") == "Good day. Dear Ada."
    flat = flattened(environment, "child", without="opening")
    assert flat is not None
    assert flat.render(name="Ada") == "Dear Ada."


@pytest.mark.parametrize(
    "child",
    [
        '{% set name = "Bob" %}{% extends "parent" %}',
        '{% extends "parent" %}{% block more %}{{ super() }}{% endblock %}',
        "{% extends above %}{% block more %}{% endblock %}",
    ],
)
def test_what_cannot_be_one_piece_is_left_as_it_is(child: str) -> None:
    """A template that does more than to replace blocks is not flattened."""
    assert flattened(_environment(child), "child", without="opening") is None


@pytest.mark.parametrize("name", ["conversation.j2", "reasoning.j2"])
def test_our_own_templates_are_flattened(name: str) -> None:
    """What prompts are rendered with for each record is one piece."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(bundled_dir("templates")))
    assert flattened(environment, name, without="opening") is not None
