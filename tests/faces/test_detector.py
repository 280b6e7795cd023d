from __future__ import annotations

import numpy as np
import pytest

from fer_zoo.errors import UsageError
from fer_zoo.faces import FaceDetector
from fer_zoo.faces.decode import STRIDES, decode, overlap, suppress
from fer_zoo.faces.detector import MODEL


def test_boxes_landmarks_and_scores_are_those_of_opencv(photos, shared):
    cv2 = pytest.importorskip("cv2")
    for name, photo in photos.items():
        height, width = photo.shape[:2]
        ours = FaceDetector(score_threshold=0.3, size=max(height, width)).detect(photo)
        model = str(shared / "detectors" / "face_detection_yunet_2023mar.onnx")
        theirs = cv2.FaceDetectorYN.create(model, "", (width, height), 0.3, 0.3).detect(photo[..., ::-1].copy())[1]
        assert len(ours) == len(theirs) >= 1, name
        for face, row in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(face.box, row[:4], atol=1e-2)
            np.testing.assert_allclose(face.landmarks.ravel(), row[4:14], atol=1e-2)
            assert face.score == pytest.approx(row[14], abs=1e-4)


def test_the_file_is_made_of_the_published_one(shared):
    onnx = pytest.importorskip("onnx")
    from export.join_heads import join_heads

    made = join_heads(onnx.load(shared / "detectors" / "face_detection_yunet_2023mar.onnx"))
    assert made.SerializeToString() == MODEL.read_bytes()
    assert MODEL.with_suffix(".LICENSE").read_text() == (shared / "detectors" / "LICENSE").read_text()


def test_a_large_photo_has_its_face_where_the_small_one_has_it(photos):
    photo = photos["astronaut.png"]
    large = photo.repeat(4, axis=0).repeat(4, axis=1)
    (small,), (big,) = (FaceDetector().detect(image) for image in (photo, large))
    np.testing.assert_allclose(np.array(big.box) / 4, small.box, atol=5)
    np.testing.assert_allclose(big.landmarks / 4, small.landmarks, atol=6)


def test_landmarks_are_in_the_order_of_the_contract(photos):
    for photo in photos.values():
        right_eye, left_eye, nose, right_mouth, left_mouth = FaceDetector().detect(photo)[0].landmarks
        assert right_eye[0] < left_eye[0]
        assert right_mouth[0] < left_mouth[0]
        assert max(right_eye[1], left_eye[1]) < nose[1] < min(right_mouth[1], left_mouth[1])


def test_many_faces(photos):
    photo = photos["astronaut.png"][40:240, 140:340]
    wall = np.tile(photo, (3, 4, 1))
    faces = FaceDetector(size=800).detect(wall)
    cells = {
        (int((face.box[0] + face.box[2] / 2) // 200), int((face.box[1] + face.box[3] / 2) // 200)) for face in faces
    }
    assert (len(faces), len(cells)) == (12, 12)
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)


def test_gray_is_the_same_as_three_equal_channels(photos):
    gray = photos["grace_hopper.jpg"][..., 1]
    (one,), (other,) = (FaceDetector().detect(image) for image in (gray, np.stack([gray] * 3, axis=2)))
    assert one.box == other.box


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000, 3), (33, 31, 3), (700, 700)])
def test_images_without_faces_of_any_shape(shape):
    assert FaceDetector().detect(np.full(shape, 128, np.uint8)) == []


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9)), np.zeros(9, np.uint8), np.zeros((0, 9, 3), np.uint8)]
)
def test_other_arrays_are_refused(image):
    with pytest.raises(UsageError, match="an image must be uint8"):
        FaceDetector().detect(image)


@pytest.mark.parametrize("wrong", [{"threads": 0}, {"score_threshold": 0}, {"score_threshold": 1.5}, {"size": 20}])
def test_arguments_out_of_range(wrong):
    with pytest.raises(UsageError, match="must"):
        FaceDetector(**wrong)


def test_decode_places_one_cell_by_hand():
    """A 64x96 input; the cell in row 1, column 2 of stride 16 answers."""
    heads = [np.full((1, 16, 64 // stride, 96 // stride), -9, np.float32) for stride in STRIDES]
    scores = np.array([0.81, 0.64])
    heads[1][0, :2, 1, 2] = np.log(scores / (1 - scores))
    heads[1][0, 2:, 1, 2] = [0.5, 0.25, np.log(3), np.log(2), *np.arange(10) / 10]
    boxes, landmarks, scores = decode(heads, 0.5)
    np.testing.assert_allclose(boxes, [[2.5 * 16 - 24, 1.25 * 16 - 16, 48, 32]], rtol=1e-5)
    np.testing.assert_allclose(landmarks[0], (np.arange(10) / 10).reshape(5, 2) * 16 + [32, 16], rtol=1e-5)
    np.testing.assert_allclose(scores, [np.sqrt(0.81 * 0.64)], rtol=1e-5)


def test_overlap_and_suppression():
    boxes = np.array([[0, 0, 10, 10], [0, 5, 10, 10], [0, 1, 10, 10], [100, 0, 5, 5]], np.float32)
    np.testing.assert_allclose(overlap(boxes[0], boxes), [1, 1 / 3, 9 / 11, 0], rtol=1e-6)
    assert suppress(boxes, 0.3) == [0, 3]
    assert suppress(boxes, 0.5) == [0, 1, 3]
    assert suppress(boxes[:0], 0.5) == []
