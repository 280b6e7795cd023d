"""The one file of a multipart/form-data body (RFC 7578)."""

from __future__ import annotations

from email.message import Message

from fer_zoo.serve.protocol import HTTPError

FIELD = "image"


def image_part(body: bytes, content_type: str) -> bytes:
    """The content of the field `image`.

    Raises:
        HTTPError: The body has no such field, another one, or is malformed.
    """
    boundary = _header("content-type", content_type).get_param("boundary")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= 70:
        raise HTTPError(400, "the multipart body has no boundary in its Content-Type")
    mark = b"\r\n--" + boundary.encode("latin-1", "replace")
    # The first boundary may open the body, without the line break of the others.
    body = b"\r\n" + body
    position = body.find(mark) + len(mark)
    content: bytes | None = None
    while body[position : position + 2] == b"\r\n":
        head_end = body.find(b"\r\n\r\n", position)
        end = body.find(mark, head_end + 2)
        if head_end < 0 or end < 0:
            break
        name = _field(body[position + 2 : head_end])
        if name != FIELD:
            raise HTTPError(400, f"the form has a field {name!r}; send the picture in one field named {FIELD!r}")
        if content is not None:
            raise HTTPError(400, "the form has two pictures; send one in each request")
        content = body[head_end + 4 : end]
        position = end + len(mark)
    if body[position : position + 2] != b"--":
        raise HTTPError(400, "the multipart body is malformed or ends too early")
    if content is None:
        raise HTTPError(400, f"the form has no picture; send it in a field named {FIELD!r}")
    return content


def _field(head: bytes) -> str | None:
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            found = _header("content-disposition", value.strip()).get_param("name", header="content-disposition")
            return found if isinstance(found, str) else None
    return None


def _header(name: str, value: str) -> Message:
    message = Message()
    message[name] = value
    return message
