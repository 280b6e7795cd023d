"""The page in a real browser: the same crops and probabilities as Python, from photos and from the camera."""

from __future__ import annotations

import base64
import functools
import http.server
import itertools
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chromium import Chromium, find_chromium
from make_pictures import CASES
from PIL import Image
from running import Serving

from fer_zoo import load_classifier
from fer_zoo.cli.serve import main
from fer_zoo.faces import Face, FaceDetector, crop_face, read_photo
from fer_zoo.video.frames import Video

LATEST = """
(({image, faces, milliseconds, count}) => ({
  width: image.width, height: image.height, milliseconds, count,
  faces: faces.map(({box, landmarks, score, crop, probabilities}) =>
    ({box, landmarks, score, crop: Array.from(crop), probabilities})),
}))(app.latest)
"""


@pytest.fixture(scope="module")
def camera(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every sixteenth frame of the clip as uncompressed video, which Chromium plays as its camera."""
    av = pytest.importorskip("av")
    file = tmp_path_factory.mktemp("camera") / "face.y4m"
    with file.open("wb") as video, Video(shared / "media" / "pexels_face.mp4") as clip:
        for frame in itertools.islice(clip, 0, 320, 16):
            if frame.number == 0:
                height, width = frame.image.shape[:2]
                video.write(b"YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420\n" % (width, height))
            planes = av.VideoFrame.from_ndarray(frame.image).reformat(format="yuv420p")
            video.write(b"FRAME\n" + planes.to_ndarray().tobytes())
    return file


@pytest.fixture(scope="module")
def browser(camera: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    program = find_chromium()
    if program is None:
        pytest.skip("there is no Chromium here; on Debian, `apt-get install chromium`")
    browser = Chromium(program, tmp_path_factory.mktemp("profile"), camera)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def page(browser: Chromium, serving: Serving) -> Chromium:
    """The page, with its module as `app` and its engine as `engine`."""
    browser.size(1280, 900)
    _open(browser, serving.address)
    return browser


def _open(browser: Chromium, address: str) -> None:
    browser.open(address)
    browser.run(
        "Promise.all([import(new URL('app.js', location.href)), import(new URL('engine.js', location.href))])"
        ".then(([app, engine]) => { Object.assign(globalThis, {app, engine}); return app.started; })"
    )
    assert _text(browser, "error") == ""


def _text(browser: Chromium, element: str) -> str:
    return browser.run(f"document.getElementById('{element}').textContent")


def _photo(browser: Chromium, file: Path) -> dict[str, Any]:
    count = browser.run("app.latest.count")
    browser.choose_files("#file", file)
    browser.wait(f"app.latest.count > {count} && document.getElementById('status').textContent.includes('face')")
    return browser.run(LATEST)


def _choose(browser: Chromium, model: str) -> None:
    browser.run(
        f"(() => {{ const list = document.getElementById('model'); list.value = {json.dumps(model)};"
        "list.dispatchEvent(new Event('change')); })()"
    )


def _crop(face: dict[str, Any]) -> np.ndarray:
    return np.array(face["crop"], np.uint8).reshape(48, 48)


def test_crops_are_pythons_pixel_for_pixel(page: Chromium) -> None:
    image = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    boxes = [
        (30, 20, 40, 50),
        (10.3, 5.7, 60.4, 71.9),
        (-20.5, -9.2, 80, 95.5),
        (100.1, 70.6, 55, 40),
        (50, 40, 6.5, 9),
    ]
    boxes += [(50, 40, 6.5, 9)]
    rgba = np.dstack([image, np.full(image.shape[:2], 255, np.uint8)])
    script = f"""(async () => {{
      const image = {{data: new Uint8ClampedArray({json.dumps(rgba.ravel().tolist())}), width: 120, height: 90}};
      return Promise.all({json.dumps(boxes)}.map(async (box) => Array.from(await engine.crop(image, box))));
    }})()"""
    for box, values in zip(boxes, page.run(script), strict=True):
        expected = crop_face(image, Face(box, np.zeros((5, 2), np.float32), 1.0))
        np.testing.assert_array_equal(np.array(values).reshape(48, 48), expected)


def test_a_photo_gives_what_python_gives(page: Chromium, shared: Path, tmp_path: Path) -> None:
    image = read_photo(shared / "media" / "obama-480p.jpg")
    Image.fromarray(image).save(tmp_path / "photo.png")
    result = _photo(page, tmp_path / "photo.png")
    assert (result["height"], result["width"]) == image.shape[:2]
    (expected,) = FaceDetector().detect(image)
    (face,) = result["faces"]
    np.testing.assert_allclose(face["box"], expected.box, atol=0.05)
    np.testing.assert_allclose(face["landmarks"], expected.landmarks, atol=0.05)
    assert face["score"] == pytest.approx(expected.score, abs=1e-3)
    assert np.abs(_crop(face).astype(int) - crop_face(image, expected)).max() <= 2
    assert _text(page, "status").startswith("One face: happy")


def test_pictures_are_read_as_python_reads_them(page: Chromium) -> None:
    # Browsers read no TIFF and no PGM, and no orientation that is text.
    others = ("TIFF", "PGM", "YCbCr", "LAB", "as text")
    names = [name for name in CASES if name != "CMYK" and not any(other in name for other in others)]
    files = [CASES[name][0]() for name in names]
    script = f"""import(new URL('sources.js', location.href)).then(({{readPhoto}}) =>
      Promise.all({json.dumps([base64.b64encode(file).decode() for file in files])}.map(async (file) => {{
        const content = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
        return Array.from((await readPhoto(new Blob([content]))).data);
      }})))"""
    for name, file, pixels in zip(names, files, page.run(script), strict=True):
        expected = read_photo(file)
        found = np.array(pixels).reshape(*expected.shape[:2], 4)[..., :3]
        np.testing.assert_array_equal(found, expected, err_msg=name)


def test_the_menu_keeps_the_tasks_apart(page: Chromium) -> None:
    groups = page.run(
        "Object.fromEntries([...document.querySelectorAll('#model optgroup')].map("
        "(group) => [group.label, [...group.children].map((option) => option.text)]))"
    )
    assert list(groups) == ["Accuracy, seven expressions (FER2013)", "Accuracy, eight expressions (FER+)"]
    assert all(("_ferplus" in title) == ("FER+" in label) for label, titles in groups.items() for title in titles)
    # A closed menu shows the title without its group.
    titles = [title for titles in groups.values() for title in titles]
    assert all(f" % on {'FER+' if '_ferplus' in title else 'FER2013'}, " in title for title in titles)
    about = _text(page, "about")
    assert "test faces of FER2013. " in about
    assert about.endswith("weights, seven expressions (FER2013).")


def test_probabilities_of_every_model_are_pythons(page: Chromium) -> None:
    crops = np.random.default_rng(2).integers(0, 256, (6, 48, 48), dtype=np.uint8)
    names = page.run("[...document.getElementById('model').options].map((option) => option.value)")
    assert {"baseline_cnn:onnx:fp32", "baseline_cnn:onnx:int8"} <= set(names)
    for name in [*names[1:], names[0]]:
        count = page.run("app.latest.count")
        _choose(page, name)
        page.wait(f"app.latest.count > {count}")
        face = page.run(LATEST)["faces"][0]
        classifier = load_classifier(name)
        # Between a layer in float and one in int8, a value near the middle of two steps may be rounded either way.
        tolerance = 1e-3 if name.endswith("fp32") else 0.03
        np.testing.assert_allclose(face["probabilities"], classifier.predict_proba(_crop(face))[0], atol=tolerance)
        rows = page.run(f"engine.classify({json.dumps([crop.ravel().tolist() for crop in crops])})")
        np.testing.assert_allclose(rows, classifier.predict_proba(crops), atol=tolerance)
        assert "test faces" in _text(page, "about")
        shown = page.run("[...document.querySelectorAll('[role=meter]')].map((bar) => +bar.ariaValueNow)")
        np.testing.assert_allclose(shown, 100 * np.array(face["probabilities"]), atol=0.06)


def test_several_faces_can_be_chosen_with_the_keyboard(page: Chromium, shared: Path, tmp_path: Path) -> None:
    image = read_photo(shared / "media" / "obama-480p.jpg")
    Image.fromarray(np.hstack([image[:, ::-1], image])).save(tmp_path / "two.png")
    assert len(_photo(page, tmp_path / "two.png")["faces"]) == 2
    assert _text(page, "status").startswith("2 faces: face 1 happy")
    page.run("document.querySelector('#faces button:last-child').focus()")
    page.press("Enter", 13)
    assert page.run("[...document.querySelectorAll('#faces button')].map((b) => b.ariaPressed)") == ["false", "true"]


def test_the_camera_finds_the_face_and_moves_the_bars(page: Chromium) -> None:
    page.run("document.getElementById('camera').focus()")
    page.press("Enter", 13)
    results = []
    count = page.run("app.latest.count")
    for _ in range(6):
        page.wait(f"app.latest.count > {count}")
        results.append(page.run(LATEST))
        count = results[-1]["count"]
        time.sleep(0.1)
    _choose(page, "baseline_cnn:onnx:int8")
    page.wait(f"app.latest.count > {count} + 3")
    widths = page.run("[...document.querySelectorAll('.fill')].map((bar) => parseFloat(bar.style.width))")
    _choose(page, "baseline_cnn:onnx:fp32")
    page.run("document.getElementById('camera').click()")
    assert "camera is off" in _text(page, "status")
    assert [(result["width"], result["height"], len(result["faces"])) for result in results] == [(640, 360, 1)] * 6
    crops = np.stack([_crop(result["faces"][0]) for result in results])
    rows = [result["faces"][0]["probabilities"] for result in results]
    np.testing.assert_allclose(rows, load_classifier("baseline_cnn").predict_proba(crops), atol=1e-3)
    assert len(np.unique(crops, axis=0)) > 1
    assert sum(widths) == pytest.approx(100, abs=0.5)


def test_a_file_that_is_no_picture_gets_a_sentence(page: Chromium, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    page.choose_files("#file", tmp_path / "broken.jpg")
    page.wait("document.getElementById('error').textContent")
    assert _text(page, "error") == "broken.jpg is not a picture that this browser can read."


def test_controls_have_names_and_come_in_order(page: Chromium) -> None:
    page.run("document.querySelector('.skip').focus()")
    seen = []
    for _ in range(4):
        page.press("Tab", 9)
        seen.append(page.run("document.activeElement.id"))
    assert seen == ["file", "camera", "model", "language"]
    page.run("document.querySelector('.skip').focus()")
    page.press("Enter", 13)
    assert page.run("document.activeElement.id") == "result"
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    named: dict[str, list[str]] = {}
    for node in nodes:
        if not node["ignored"]:
            named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    for role in ("button", "combobox", "meter", "image", "link", "heading", "region"):
        assert named[role], role
        assert all(named[role]), (role, named[role])
    assert len(named["meter"]) == 7
    assert {"Model", "Names"} <= set(named["combobox"])


def test_small_screens_and_dark_ones(page: Chromium) -> None:
    page.size(320, 640)
    assert page.run("document.documentElement.scrollWidth") <= 320
    light = page.run("getComputedStyle(document.body).backgroundColor")
    page.size(1280, 900, dark=True)
    assert page.run("getComputedStyle(document.body).backgroundColor") != light


def test_the_folder_works_on_a_plain_web_server_below_any_address(
    browser: Chromium, page: Chromium, shared: Path, tmp_path: Path
) -> None:
    assert main(["--build", str(tmp_path / "some" / "where")]) == 0
    handler = functools.partial(_Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _open(browser, f"http://127.0.0.1:{server.server_port}/some/where/")
        assert len(_photo(browser, shared / "media" / "biden.jpg")["faces"]) == 1
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


def test_nothing_left_the_machine_and_nothing_failed(page: Chromium, serving: Serving) -> None:
    """Last, since it looks at all that the browser has told."""
    asked = [e["params"]["request"]["url"] for e in page.events if e["method"] == "Network.requestWillBeSent"]
    assert any(address.endswith("ort-wasm-simd.wasm") or address.endswith("app.js") for address in asked)
    assert all(address.startswith(("http://127.0.0.1:", "blob:", "data:")) for address in asked), asked
    troubles = [e for e in page.events if e["method"] in ("Runtime.exceptionThrown", "Log.entryAdded")]
    assert not troubles
