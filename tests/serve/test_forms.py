"""Pictures in forms (RFC 7578)."""

from __future__ import annotations

import pytest
from running import Serving
from test_server import predict

TYPE = "multipart/form-data; boundary=xyz"
HEAD = b'--xyz\r\nContent-Disposition: form-data; name="%b"; filename="a b.png"\r\nContent-Type: image/png\r\n\r\n'
NOTE = b'--xyz\r\nContent-Disposition: form-data; name="note"\r\n\r\nmine\r\n'
END = b"--xyz--\r\n"


def _part(name: bytes, content: bytes) -> bytes:
    return HEAD % name + content + b"\r\n"


def test_the_picture_is_found_among_other_fields(serving: Serving, face_file: bytes) -> None:
    expected = predict(serving, face_file, "?cropped=true")[1]
    picture = _part(b"image", face_file)
    for form in (picture, NOTE + picture + _part(b"other", b"file"), picture + NOTE):
        assert predict(serving, form + END, "?cropped=true", TYPE)[:2] == (200, expected)
    assert predict(serving, picture + END, "?cropped=true", 'multipart/form-data; boundary="xyz"')[0] == 200


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (_part(b"image", b"x") + END, "multipart/form-data", "boundary"),
        (_part(b"photo", b"x") + END, TYPE, "no picture"),
        (_part(b"image", b"x") * 2 + END, TYPE, "two pictures"),
        (NOTE.replace(b"note", b"image") + END, TYPE, "as a file"),
        (END, TYPE, "no picture"),
        (_part(b"image", b"x"), TYPE, "ends too early"),
        (b"", TYPE, "ends too early"),
        (b"\x89PNG", TYPE, "malformed"),
        (b"--xyz", TYPE, "ends too early"),
        (b"--xyz\r\nContent-Disposition: form-data", TYPE, "ends too early"),
        (b"--xyz\r\n\r\n\r\n--xyz--", TYPE, "malformed"),
        (NOTE * 200 + END, TYPE, "Too many fields"),
    ],
)
def test_bad_forms_get_a_sentence(serving: Serving, body: bytes, kind: str, words: str) -> None:
    status, answer, _ = predict(serving, body, kind=kind)
    assert (status, list(answer)) == (400, ["error"])
    assert words in answer["error"]
