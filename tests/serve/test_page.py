"""The page in a real browser: the same crops and probabilities as Python, from photos and from the camera."""

from __future__ import annotations

import base64
import functools
import http.server
import itertools
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from make_pictures import CASES
from PIL import Image
from running import Serving

from fer_zoo import load_classifier
from fer_zoo.cli.serve import main
from fer_zoo.faces import Face, FaceDetector, crop_face, read_photo
from fer_zoo.video.frames import Video

if TYPE_CHECKING:
    from playwright.sync_api import Page

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
def page(camera: Path, serving: Serving) -> Iterator[Page]:
    """The page, with its module as `app` and its engine as `engine`."""
    api = pytest.importorskip("playwright.sync_api")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if program is None:
        pytest.skip("there is no Chromium here; on Debian, `apt-get install chromium`")
    devices = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    with api.sync_playwright() as playwright:
        flags = [*devices, f"--use-file-for-fake-video-capture={camera}", "--no-sandbox", "--disable-quic"]
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(60_000)
        page.on("request", lambda request: addresses.append(request.url))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        _open(page, serving.address)
        yield page
        browser.close()


# All that the page asked for, and the errors that it reported.
addresses: list[str] = []
troubles: list[str] = []


def _open(page: Page, address: str) -> None:
    page.goto(address)
    page.evaluate(
        "Promise.all([import(new URL('app.js', location.href)), import(new URL('engine.js', location.href))])"
        ".then(([app, engine]) => { Object.assign(globalThis, {app, engine}); return app.started; })"
    )
    assert _text(page, "error") == ""


def _text(page: Page, element: str) -> str:
    return page.evaluate(f"document.getElementById('{element}').textContent")


def _photo(page: Page, file: Path) -> dict[str, Any]:
    count = page.evaluate("app.latest.count")
    page.set_input_files("#file", file)
    _wait(page, f"app.latest.count > {count} && document.getElementById('status').textContent.includes('face')")
    return page.evaluate(LATEST)


def _wait(page: Page, condition: str) -> None:
    """Until an expression in the page is true; `wait_for_function` needs `eval`, which the page's policy forbids."""
    deadline = time.monotonic() + 60
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"still false after a minute: {condition}"
        page.wait_for_timeout(50)


def _choose(page: Page, model: str) -> None:
    page.select_option("#model", model)


def _crop(face: dict[str, Any]) -> np.ndarray:
    return np.array(face["crop"], np.uint8).reshape(48, 48)


def test_crops_are_pythons_pixel_for_pixel(page: Page) -> None:
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
    for box, values in zip(boxes, page.evaluate(script), strict=True):
        expected = crop_face(image, Face(box, np.zeros((5, 2), np.float32), 1.0))
        np.testing.assert_array_equal(np.array(values).reshape(48, 48), expected)


def test_a_photo_gives_what_python_gives(page: Page, shared: Path, tmp_path: Path) -> None:
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


def test_pictures_are_read_as_python_reads_them(page: Page) -> None:
    # Browsers read no TIFF and no PGM, and no orientation that is text.
    others = ("TIFF", "PGM", "YCbCr", "LAB", "as text")
    names = [name for name in CASES if name != "CMYK" and not any(other in name for other in others)]
    files = [CASES[name][0]() for name in names]
    script = f"""import(new URL('sources.js', location.href)).then(({{readPhoto}}) =>
      Promise.all({json.dumps([base64.b64encode(file).decode() for file in files])}.map(async (file) => {{
        const content = Uint8Array.from(atob(file), (letter) => letter.charCodeAt(0));
        return Array.from((await readPhoto(new Blob([content]))).data);
      }})))"""
    for name, file, pixels in zip(names, files, page.evaluate(script), strict=True):
        expected = read_photo(file)
        found = np.array(pixels).reshape(*expected.shape[:2], 4)[..., :3]
        np.testing.assert_array_equal(found, expected, err_msg=name)


def test_the_menu_keeps_the_tasks_apart(page: Page) -> None:
    groups = page.evaluate(
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


def test_probabilities_of_every_model_are_pythons(page: Page) -> None:
    crops = np.random.default_rng(2).integers(0, 256, (6, 48, 48), dtype=np.uint8)
    names = page.evaluate("[...document.getElementById('model').options].map((option) => option.value)")
    assert {"baseline_cnn:onnx:fp32", "baseline_cnn:onnx:int8"} <= set(names)
    for name in [*names[1:], names[0]]:
        count = page.evaluate("app.latest.count")
        _choose(page, name)
        _wait(page, f"app.latest.count > {count}")
        face = page.evaluate(LATEST)["faces"][0]
        classifier = load_classifier(name)
        # Between a layer in float and one in int8, a value near the middle of two steps may be rounded either way.
        tolerance = 1e-3 if name.endswith("fp32") else 0.03
        np.testing.assert_allclose(face["probabilities"], classifier.predict_proba(_crop(face))[0], atol=tolerance)
        rows = page.evaluate(f"engine.classify({json.dumps([crop.ravel().tolist() for crop in crops])})")
        np.testing.assert_allclose(rows, classifier.predict_proba(crops), atol=tolerance)
        assert "test faces" in _text(page, "about")
        shown = page.evaluate("[...document.querySelectorAll('[role=meter]')].map((bar) => +bar.ariaValueNow)")
        np.testing.assert_allclose(shown, 100 * np.array(face["probabilities"]), atol=0.06)


def test_several_faces_can_be_chosen_with_the_keyboard(page: Page, shared: Path, tmp_path: Path) -> None:
    image = read_photo(shared / "media" / "obama-480p.jpg")
    Image.fromarray(np.hstack([image[:, ::-1], image])).save(tmp_path / "two.png")
    assert len(_photo(page, tmp_path / "two.png")["faces"]) == 2
    assert _text(page, "status").startswith("2 faces: face 1 happy")
    page.evaluate("document.querySelector('#faces button:last-child').focus()")
    page.keyboard.press("Enter")
    assert page.evaluate("[...document.querySelectorAll('#faces button')].map((b) => b.ariaPressed)") == [
        "false",
        "true",
    ]


def test_the_camera_finds_the_face_and_moves_the_bars(page: Page) -> None:
    page.evaluate("document.getElementById('camera').focus()")
    page.keyboard.press("Enter")
    results = []
    count = page.evaluate("app.latest.count")
    for _ in range(6):
        _wait(page, f"app.latest.count > {count}")
        results.append(page.evaluate(LATEST))
        count = results[-1]["count"]
        time.sleep(0.1)
    _choose(page, "baseline_cnn:onnx:int8")
    _wait(page, f"app.latest.count > {count} + 3")
    widths = page.evaluate("[...document.querySelectorAll('.fill')].map((bar) => parseFloat(bar.style.width))")
    _choose(page, "baseline_cnn:onnx:fp32")
    page.evaluate("document.getElementById('camera').click()")
    assert "camera is off" in _text(page, "status")
    assert [(result["width"], result["height"], len(result["faces"])) for result in results] == [(640, 360, 1)] * 6
    crops = np.stack([_crop(result["faces"][0]) for result in results])
    rows = [result["faces"][0]["probabilities"] for result in results]
    np.testing.assert_allclose(rows, load_classifier("baseline_cnn").predict_proba(crops), atol=1e-3)
    assert len(np.unique(crops, axis=0)) > 1
    assert sum(widths) == pytest.approx(100, abs=0.5)


def test_a_file_that_is_no_picture_gets_a_sentence(page: Page, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    page.set_input_files("#file", tmp_path / "broken.jpg")
    _wait(page, "document.getElementById('error').textContent")
    assert _text(page, "error") == "broken.jpg is not a picture that this browser can read."


def test_controls_have_names_and_come_in_order(page: Page) -> None:
    page.evaluate("document.querySelector('.skip').focus()")
    seen = []
    for _ in range(4):
        page.keyboard.press("Tab")
        seen.append(page.evaluate("document.activeElement.id"))
    assert seen == ["file", "camera", "model", "language"]
    page.evaluate("document.querySelector('.skip').focus()")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "result"
    nodes = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    named: dict[str, list[str]] = {}
    for node in nodes:
        if not node["ignored"]:
            named.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    for role in ("button", "combobox", "meter", "image", "link", "heading", "region"):
        assert named[role], role
        assert all(named[role]), (role, named[role])
    assert len(named["meter"]) == 7
    assert {"Model", "Names"} <= set(named["combobox"])


def test_small_screens_and_dark_ones(page: Page) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light


def test_the_folder_works_on_a_plain_web_server_below_any_address(page: Page, shared: Path, tmp_path: Path) -> None:
    assert main(["--build", str(tmp_path / "some" / "where")]) == 0
    handler = functools.partial(_Quiet, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _open(page, f"http://127.0.0.1:{server.server_port}/some/where/")
        assert len(_photo(page, shared / "media" / "biden.jpg")["faces"]) == 1
        server.shutdown()


def test_a_model_of_other_classes_is_shown_with_its_own(page: Page, shared: Path, root: Path, tmp_path: Path) -> None:
    labels = ["mouth open", "no smile", "smile"]
    file = _three_classes(root / "artifacts" / "fernet_nano" / "model.onnx", tmp_path / "mine.onnx", labels)
    assert main(["--build", str(tmp_path / "page"), "--model", str(file)]) == 0
    handler = functools.partial(_Quiet, directory=tmp_path / "page")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _open(page, f"http://127.0.0.1:{server.server_port}/")
        (face,) = _photo(page, shared / "media" / "obama-480p.jpg")["faces"]
        shown = page.evaluate("[...document.querySelectorAll('[role=meter]')].map((bar) => bar.ariaLabel)")
        assert [next(label for label in labels if label in text) for text in shown] == labels
        expected = load_classifier(file).predict_proba(_crop(face))[0]
        np.testing.assert_allclose(face["probabilities"], expected, atol=1e-3)
        assert _text(page, "status").startswith("One face: smile")
        server.shutdown()


def _three_classes(source: Path, path: Path, labels: list[str]) -> Path:
    """A model of FER2013's expressions, cut down to surprise, neutral and happy, by other names."""
    onnx = pytest.importorskip("onnx")
    from export import metadata

    model = onnx.load(source)
    for tensor in model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.shape[-1:] == (7,):
            kept = np.ascontiguousarray(values[..., [6, 4, 3]])
            tensor.CopyFrom(onnx.numpy_helper.from_array(kept, tensor.name))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 3
    onnx.save(model, path)
    metadata.write(path, metadata.read(source) | {"labels": labels})
    return path


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        pass


def test_nothing_left_the_machine_and_nothing_failed(page: Page, serving: Serving) -> None:
    """Last, since it looks at all that the browser has reported."""
    assert any(address.endswith("ort-wasm-simd.wasm") or address.endswith("app.js") for address in addresses)
    assert all(address.startswith(("http://127.0.0.1:", "blob:", "data:")) for address in addresses), addresses
    assert not troubles
