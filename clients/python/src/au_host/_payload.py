"""What goes into a function and comes out of it: bytes of a type, and the Python values they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Union

JSON = "application/json"
OCTETS = "application/octet-stream"
#: An input: arguments by position, by name, or bytes for the only parameter.
Input = Union[list[Any], tuple[Any, ...], dict[str, Any], bytes, bytearray, memoryview]


@dataclass(frozen=True)
class Output:
    """An output as it came: bytes of a type."""

    content_type: str
    content: bytes

    @property
    def value(self) -> Any:
        """The value that it is: JSON is parsed, ``text/*`` is a ``str``, anything else is ``bytes``.

        >>> Output("application/json; charset=utf-8", b"[1]").value
        [1]
        """
        kind = self.content_type.partition(";")[0].strip().lower()
        if kind == JSON or kind.endswith("+json"):
            return json.loads(self.content)
        if kind.startswith("text/"):
            return self.content.decode("utf-8", "replace")
        return self.content


def encode(value: Input, content_type: str | None) -> tuple[str, bytes]:
    """Give the type and bytes of an input.

    >>> encode([1, "ä"], None)
    ('application/json', b'[1,"\\xc3\\xa4"]')
    """
    if isinstance(value, (bytes, bytearray, memoryview)):
        return content_type or OCTETS, bytes(value)
    if content_type not in (None, JSON):
        raise TypeError(f"an input of type {content_type} must be bytes, not {type(value).__name__}")
    return JSON, to_json(value)


def to_json(value: Any) -> bytes:
    """Write a value as JSON in one line: strict, so that NaN is an error here and not at the other end."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise TypeError(f"the arguments cannot be written as JSON: {error}") from error
    return text.encode()
