"""Pictures in forms."""

from __future__ import annotations

import pytest

from fer_zoo.serve.multipart import image_part
from fer_zoo.serve.protocol import HTTPError

TYPE = "multipart/form-data; boundary=xyz"
PICTURE = b"\x89PNG\r\n\x1a\n--xy\r\n\r\n\x00\xff\n"


def _form(*parts: tuple[str, bytes], end: bytes = b"--xyz--\r\n") -> bytes:
    head = b'--xyz\r\nContent-Disposition: form-data; name="%b"; filename="a b.png"\r\nContent-Type: image/png\r\n\r\n'
    return b"".join(head % name.encode() + content + b"\r\n" for name, content in parts) + end


def test_the_picture_comes_out_byte_for_byte() -> None:
    assert image_part(_form(("image", PICTURE)), TYPE) == PICTURE
    assert image_part(b"preamble\r\n" + _form(("image", PICTURE)) + b"epilogue", TYPE) == PICTURE
    assert image_part(_form(("image", b"")), 'multipart/form-data; boundary="xyz"') == b""


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (_form(("image", PICTURE)), "multipart/form-data", "no boundary"),
        (_form(("photo", PICTURE)), TYPE, "field 'photo'"),
        (_form(("image", PICTURE), ("image", PICTURE)), TYPE, "two pictures"),
        (_form(), TYPE, "no picture"),
        (_form(("image", PICTURE), end=b""), TYPE, "ends too early"),
        (b"", TYPE, "malformed"),
        (PICTURE, TYPE, "malformed"),
        (b"--xyz", TYPE, "malformed"),
        (b"--xyz\r\nContent-Disposition: form-data", TYPE, "ends too early"),
    ],
)
def test_bad_forms_get_a_sentence(body: bytes, content_type: str, words: str) -> None:
    with pytest.raises(HTTPError, match=words) as caught:
        image_part(body, content_type)
    assert caught.value.status == 400
