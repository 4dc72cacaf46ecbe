"""Tables from models: JSON Schema put into words."""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

Schema = Mapping[str, Any]


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def type_in_words(schema: Schema, definitions: Schema) -> str:
    """What a value must be, in the words of somebody who writes TOML or reads JSON."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        target = definitions[name]
        return _choices(target["enum"]) if "enum" in target else f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(type_in_words(option, definitions) for option in schema["anyOf"])
    if "const" in schema:
        return _choices([schema["const"]])
    if "enum" in schema:
        return _choices(schema["enum"])
    return _plain(schema, definitions)


def default_in_words(schema: Schema) -> str:
    """The default, as TOML writes it; empty where there is none or it is no plain value."""
    value = schema.get("default")
    return "" if value is None or isinstance(value, dict | list) else f"`{json.dumps(value, ensure_ascii=False)}`"


def one_line(text: str) -> str:
    """Text of several lines on one."""
    return " ".join(text.split())


def member_docs(enum: type[Enum]) -> dict[Any, str]:
    """The docstring below each member of an enumeration, by value."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(enum))).body
    assert isinstance(tree, ast.ClassDef)
    docs: dict[Any, str] = {member.value: "" for member in enum}
    name = None
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name is not None:
            docs[enum[name].value] = one_line(str(node.value.value))
    return docs


def _plain(schema: Schema, definitions: Schema) -> str:
    match schema.get("type"):
        case "integer":
            return "whole number" + _range(schema)
        case "number":
            return "number" + _range(schema)
        case "boolean" | "null" | "object" as plain:
            return {"boolean": "`true` or `false`", "null": "null", "object": "table"}[plain]
        case "array":
            return f"list of {type_in_words(schema['items'], definitions)}"
        case "string":
            return "path" if schema.get("format") == "path" else "text"
        case other:
            raise ValueError(f"no words for the type {other!r}")


def _range(schema: Schema) -> str:
    words = [
        f"{word} {schema[key]:,.12g}"
        for key, word in (("exclusiveMinimum", "above"), ("minimum", "from"), ("maximum", "to"))
        if key in schema
    ]
    return f" ({' '.join(words)})" if words else ""


def _choices(values: Iterable[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)
