"""YAML front matter: what stands between dashes at the top of a Markdown file."""

from __future__ import annotations

import re

import yaml

MAX_CHARACTERS = 32_000  # a person writes a hundredth; reading it takes time
_FENCED = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
_NULL = "tag:yaml.org,2002:null"


def read_front_matter(text: str) -> dict[str, list[str]]:
    """Its keys with their values as they are written: one, or those of a list.

    A field's declared type says what a value is, not YAML, to which `no` is a boolean and `1.10` a
    number. Objects in it are passed over. Nothing where there is none, or it is no YAML.
    """
    found = _FENCED.match(text[:MAX_CHARACTERS])
    if found is None:
        return {}
    try:
        # Composed and not constructed: merge keys and aliases would multiply what they refer to.
        loader = yaml.SafeLoader(found[1])
        root: object = loader.get_single_node()
    except (yaml.YAMLError, RecursionError):
        return {}
    if not isinstance(root, yaml.MappingNode):
        return {}
    return {
        key.value: texts
        for key, value in root.value
        if isinstance(key, yaml.ScalarNode) and (texts := _texts(value))
    }


def _texts(node: yaml.Node) -> list[str]:
    nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
    return [
        one.value
        for one in nodes
        if isinstance(one, yaml.ScalarNode) and one.tag != _NULL and one.value
    ]
