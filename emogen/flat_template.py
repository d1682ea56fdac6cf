"""A template in one piece: Jinja goes through the whole chain of `extends`, block by block, for each rendering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jinja2
import jinja2.nodes as nodes
import jinja2.runtime
import jinja2.visitor

__all__ = ["flattened"]


def flattened(environment: jinja2.Environment, name: str, without: str) -> jinja2.Template | None:
    """Compile a template with its blocks written where they stand, and one of them empty.

    Args:
        environment: Where its sources are.
        name: The template.
        without: The block that is left empty.

    Returns:
        None where that cannot be done: a template does more than to extend another by blocks, or a block speaks of the
        one that it replaces.
    """
    *children, root = _chain(environment, name)
    bodies: dict[str, list[nodes.Node]] = {without: []}
    for child in children:
        if not all(map(_is_block, child.body)):
            return None
        for block in child.find_all(nodes.Block):
            bodies.setdefault(block.name, block.body)
    whole = _Inlining(bodies).visit(root)
    names = {node.name for node in whole.find_all(nodes.Name) if node.ctx == "load"}
    if names & {"super", "self"} or whole.find(nodes.Extends):
        return None
    # A macro is made anew for each rendering, whether it is called or not.
    whole.body = [node for node in whole.body if not isinstance(node, nodes.Macro) or node.name in names]
    # Nobody asks what is looked up.
    plain = environment.overlay()
    plain.context_class = jinja2.runtime.Context
    code = plain.compile(whole, name)
    return jinja2.Template.from_code(plain, code, dict(environment.globals))


def _chain(environment: jinja2.Environment, name: str) -> Iterator[nodes.Template]:
    """Yield a template, and the templates that it extends."""
    loader = environment.loader
    assert loader is not None
    while True:
        source, file, _ = loader.get_source(environment, name)
        tree = environment.parse(source, name, file)
        yield tree
        above = tree.find(nodes.Extends)
        if above is None or not isinstance(above.template, nodes.Const):
            return
        name = above.template.value


def _is_block(node: nodes.Node) -> bool:
    """Whether a node does no more than to extend a template by a block; white space does nothing there."""
    if isinstance(node, nodes.Output):
        return all(isinstance(text, nodes.TemplateData) for text in node.nodes)
    return isinstance(node, nodes.Block | nodes.Extends)


class _Inlining(jinja2.visitor.NodeTransformer):
    """Writes the bodies of blocks where the blocks stand."""

    def __init__(self, bodies: Mapping[str, list[nodes.Node]]) -> None:
        self._bodies = bodies

    def visit_Block(self, node: nodes.Block) -> Any:  # noqa: N802 - so named by Jinja
        body = self._bodies.get(node.name, node.body)
        return self.generic_visit(nodes.Scope(body, lineno=node.lineno))
