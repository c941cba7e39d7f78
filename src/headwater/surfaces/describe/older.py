"""OpenAPI 3.0 made of 3.1, for tools that have not learned the newer one.

What 3.0 cannot say is said in its own way where it has one: `nullable` for the type null, a list of one for `const`,
an own form of exclusive bounds. The rest keeps its meaning: a null that stands beside a reference becomes an
alternative that is null alone.
"""

from typing import Any, Final

Schema = dict[str, Any]

VERSION: Final = "3.0.3"

_NULL: Final[Schema] = {"type": "object", "nullable": True, "enum": [None]}
# fmt: off
_KEPT: Final = frozenset((
    "title", "multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength",
    "pattern", "maxItems", "minItems", "uniqueItems", "maxProperties", "minProperties", "required", "enum", "type",
    "description", "format", "default", "readOnly", "writeOnly", "deprecated", "example", "nullable",
))
# fmt: on


def downgraded(document: dict[str, Any]) -> dict[str, Any]:
    """The same document in OpenAPI 3.0. Raises ValueError for a word of JSON Schema that has no counterpart."""
    found: dict[str, Any] = _node(document)
    found["openapi"] = VERSION
    licence = found["info"].get("license", {})
    if identifier := licence.pop("identifier", None):
        licence["url"] = f"https://spdx.org/licenses/{identifier}.html"
    schemas = document["components"]["schemas"]
    found["components"]["schemas"] = {name: _schema(schema) for name, schema in schemas.items()}
    return found


def _node(value: Any) -> Any:
    """Whatever holds schemas: they are what its `schema` is."""
    if isinstance(value, dict):
        return {
            name: _schema(member)
            if name == "schema"
            else member
            if name in ("example", "examples", "schemas")
            else _node(member)
            for name, member in value.items()
        }
    return [_node(item) for item in value] if isinstance(value, list) else value


def _schema(schema: Schema) -> Schema:
    found: Schema = {}
    for word, value in schema.items():
        match word:
            case "properties":
                found[word] = {name: _schema(member) for name, member in value.items()}
            case "items" | "not":
                found[word] = _schema(value)
            case "additionalProperties":
                found[word] = _schema(value) if isinstance(value, dict) else value
            case "allOf" | "anyOf" | "oneOf":
                found[word] = [_schema(item) for item in value]
            case "const":
                found["enum"] = [value]
            case "examples":
                if value:
                    found["example"] = value[0]
            case "contentMediaType" | "contentSchema":
                pass  # what a text holds: it is told, and asserts nothing
            case "$ref":
                found[word] = value
            case _ if word in _KEPT or word.startswith("x-"):
                found[word] = value
            case _:
                raise ValueError(f"OpenAPI 3.0 has no `{word}`.")
    for bound in ("minimum", "maximum"):
        exclusive = f"exclusive{bound.capitalize()}"
        if exclusive in found:
            found[bound] = found[exclusive]
            found[exclusive] = True
    if "type" in found:
        _typed(found)
    if found.get("type") == "array":
        found.setdefault("items", {})
    if "$ref" in found and len(found) > 1:
        # Beside a reference nothing else is read.
        found["allOf"] = [{"$ref": found.pop("$ref")}, *found.get("allOf", [])]
    return found


def _typed(schema: Schema) -> None:
    """One type, and `nullable` where null is one of several."""
    types = [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
    if types == ["null"]:
        schema |= _NULL
        return
    if "null" in types:
        types.remove("null")
        schema["nullable"] = True
    if len(types) == 1:
        schema["type"] = types[0]
        return
    nullable = {"nullable": True} if schema.pop("nullable", False) else {}
    del schema["type"]
    schema["allOf"] = [{"anyOf": [{"type": name, **nullable} for name in types]}, *schema.get("allOf", [])]
