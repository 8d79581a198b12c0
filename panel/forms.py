"""What a browser or program sends: a JSON body of bounded size, in time, from no other page."""

import asyncio
from typing import TypeVar

import falcon
import falcon.asgi
from pydantic import BaseModel, ValidationError

from bus.mqtt.inbox import why

_LARGEST = 16_384  # bytes of a request
_BODY_WITHIN = 10.0  # seconds
_T = TypeVar("_T", bound=BaseModel)


def same_site(req: falcon.asgi.Request) -> None:
    """Raise HTTPForbidden for what another page has the browser send."""
    if req.get_header("Sec-Fetch-Site") not in (None, "same-origin", "none"):
        raise falcon.HTTPForbidden(description="asked by a page of another site")


async def read_form(req: falcon.asgi.Request, kind: type[_T]) -> _T:
    """Return the JSON body as a model; raise an HTTPError that names the fault, never a value."""
    return parse_form(await read_body(req, _LARGEST), kind)


async def read_body(req: falcon.asgi.Request, largest: int) -> bytes:
    """Return a JSON body that is not too large and comes in time."""
    if (req.content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise falcon.HTTPUnsupportedMediaType(description="send application/json")
    if (req.content_length or 0) > largest:
        raise falcon.HTTPContentTooLarge(description=f"at most {largest} bytes")
    try:
        body = await asyncio.wait_for(req.stream.read(largest + 1), _BODY_WITHIN)
    except TimeoutError as error:
        raise falcon.HTTPError(falcon.HTTP_408) from error
    if len(body) > largest:
        raise falcon.HTTPContentTooLarge(description=f"at most {largest} bytes")
    return bytes(body)


def parse_form(body: bytes, kind: type[_T]) -> _T:
    """Return a body as a model; raise HTTPBadRequest."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        raise falcon.HTTPBadRequest(description=why(error)) from error
