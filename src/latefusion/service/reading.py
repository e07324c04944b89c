"""Read a request: its body, within the limits, and the products in it.

What cannot be read raises Refusal, which says what is wrong and where.
"""

import base64
import binascii
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from pydantic import ValidationError

from latefusion.service.limits import MEGABYTE, Limits
from latefusion.service.schema import PredictRequest, Problem, Product
from latefusion.service.waiting import Ticket
from latefusion.utils.nearest import unknown_key

MOST_PROBLEMS = 20  # that one answer lists
BLANKS = str.maketrans("", "", " \t\r\n")  # programs break base64 into lines
JSON_TYPE = "application/json"


class Refusal(Exception):
    """A request that is not answered, with its HTTP status."""

    def __init__(self, status: int, error: str, problems: list[Problem] | None = None, retry: int | None = None):
        super().__init__(error)
        self.status, self.error, self.problems = status, error, problems or []
        self.retry = retry  # seconds after which the client may try again


@dataclass(frozen=True)
class Item:
    """A product of a request."""

    title: str
    description: str
    id: str | None = None
    image: bytes | None = None


def check_headers(content_type: str, content_length: str, limits: Limits) -> None:
    """Refuse by its headers a body that is not JSON or too large.

    A page of another site can send a form or plain text here through its visitor's browser, but not JSON.
    """
    if content_type.partition(";")[0].strip().lower() != JSON_TYPE:
        raise Refusal(415, f"the content type is {content_type[:100] or 'missing'!r}: send {JSON_TYPE}")
    if content_length.isdecimal() and int(content_length[:20]) > limits.body:
        raise _too_large(limits)


async def read_body(chunks: AsyncIterator[bytes], limits: Limits, ticket: Ticket) -> bytes:
    """Return the body. Raises Refusal as soon as it is too large."""
    body = bytearray()
    async with aclosing(chunks):  # type: ignore[type-var]  # it is a generator
        async for chunk in chunks:
            if len(body) + len(chunk) > limits.body:
                raise _too_large(limits)
            if not ticket.hold(len(chunk)):
                raise Refusal(503, "too many requests wait; try again later", retry=1)
            body += chunk
    return bytes(body)


def parse_products(body: bytes, limits: Limits) -> list[Item]:
    """Return the products of a body."""
    try:
        products = PredictRequest.model_validate_json(body).products
    except ValidationError as error:
        raise _explain(error) from None
    if len(products) > limits.products:
        raise _invalid(
            [
                Problem(
                    where="products", problem=f"{len(products)} products: send at most {limits.products} in a request"
                )
            ]
        )
    items: list[Item] = []
    problems: list[Problem] = []
    seen: set[str | None] = set()
    for number, product in enumerate(products):
        where = f"products[{number}]"
        problems += _long_texts(where, {"title": product.title, "description": product.description}, limits)
        if product.id is not None and product.id in seen:
            problems.append(
                Problem(where=f"{where}.id", problem=f"{product.id[:100]!r} is the id of another product too")
            )
        seen.add(product.id)
        try:
            image = base64.b64decode(product.image.translate(BLANKS), validate=True) if product.image else None
        except (binascii.Error, ValueError) as error:
            problems.append(Problem(where=f"{where}.image", problem=f"not base64: {error}"))
            continue
        items.append(Item(product.title or "", product.description or "", product.id, image or None))
    if problems:
        raise _invalid(problems)
    return items


def _long_texts(where: str, texts: dict[str, str | None], limits: Limits) -> Iterator[Problem]:
    for name, text in texts.items():
        if text is not None and len(text) > limits.characters:
            yield Problem(where=f"{where}.{name}", problem=f"{len(text)} characters: send at most {limits.characters}")


def _explain(error: ValidationError) -> Refusal:
    problems = [
        Problem(where=_where(one["loc"]), problem=_message(one["type"], one["msg"], one["loc"]))
        for one in error.errors(include_url=False)
    ]
    if error.errors()[0]["type"] == "json_invalid":
        return Refusal(400, f"the body is not JSON: {problems[0].problem.removeprefix('Invalid JSON: ')}")
    return _invalid(problems)


def _message(kind: str, message: str, location: tuple[int | str, ...]) -> str:
    """Return pydantic's message, or for an unknown key that of configs; `location`: its key, in its object."""
    if kind != "extra_forbidden":
        return message
    return unknown_key(str(location[-1]), (Product if len(location) > 1 else PredictRequest).model_fields)


def _where(location: tuple[int | str, ...]) -> str:
    """Return a location as it is written in JavaScript: products[3].image."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part[:100]}" for part in location]
    return "".join(parts).removeprefix(".") or "the body"


def _invalid(problems: list[Problem]) -> Refusal:
    more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
    first = f"{problems[0].where}: {problems[0].problem}{more}"
    return Refusal(422, first, problems[:MOST_PROBLEMS])


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, f"the body is larger than {limits.body / MEGABYTE:g} MB: send fewer products or smaller images")
