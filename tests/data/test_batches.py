"""Batches: the same numbers from the same seed, every image once an epoch, weights as defined."""

from __future__ import annotations

import numpy as np
import pytest

from fer_zoo.data.augment import Augmentation, augment, augment_with_landmarks
from fer_zoo.data.batches import Batches, augmented_views, one_hot


@pytest.fixture(scope="module")
def faces() -> tuple[np.ndarray, np.ndarray]:
    from fer_zoo.data import load_dataset

    training = load_dataset().subset("train").take(slice(0, 2871, 70))
    return np.asarray(training.images), training.labels


def test_an_epoch_has_every_image_once(faces: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = faces
    batches = Batches(images, one_hot(labels), batch_size=16, seed=1)
    epoch = [batches.batch(0, position) for position in range(len(batches))]
    assert [len(x) for x, _, _ in epoch] == [16, 16, 10]
    assert len(epoch) == len(batches) == 3
    seen = np.concatenate([x[..., 0] for x, _, _ in epoch])
    assert sorted(map(bytes, seen.astype(np.uint8))) == sorted(map(bytes, images))
    assert epoch[0][0].dtype == epoch[0][1].dtype == epoch[0][2].dtype == np.float32


def test_targets_and_weights_follow_the_shuffled_images(faces: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = faces
    weights = np.arange(1, 8, dtype=np.float32)
    x, y, w = Batches(images, one_hot(labels), batch_size=8, seed=1, weights=weights[labels]).batch(0, 0)
    for image, target, weight in zip(x, y, w, strict=True):
        index = next(i for i, face in enumerate(images) if np.array_equal(face, image[..., 0]))
        assert target.argmax() == labels[index]
        assert target.sum() == 1
        assert weight == pytest.approx(weights[labels[index]])


def test_a_batch_depends_on_seed_epoch_and_position_only(faces: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = faces
    one = Batches(images, one_hot(labels), batch_size=16, seed=7, augmentation=Augmentation())
    other = Batches(images, one_hot(labels), batch_size=16, seed=7, augmentation=Augmentation())
    one.batch(0, 0)
    for a, b in zip(one.batch(2, 1), other.batch(2, 1), strict=True):
        np.testing.assert_array_equal(a, b)


def test_epochs_and_seeds_differ(faces: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = faces
    batches = Batches(images, one_hot(labels), batch_size=16, seed=7)
    assert not np.array_equal(batches.batch(0, 0)[0], batches.batch(1, 0)[0])
    assert not np.array_equal(
        batches.batch(0, 0)[0], Batches(images, one_hot(labels), batch_size=16, seed=8).batch(0, 0)[0]
    )


def test_no_transform_changes_nothing(faces: tuple[np.ndarray, np.ndarray]) -> None:
    still = Augmentation(rotation=0, shift=0, zoom=0, flip=False)
    np.testing.assert_array_equal(augment(faces[0], still, np.random.default_rng(0)), faces[0])


def test_flip_mirrors_about_half(faces: tuple[np.ndarray, np.ndarray]) -> None:
    images = faces[0]
    flipped = augment(images, Augmentation(rotation=0, shift=0, zoom=0), np.random.default_rng(0))
    mirrored = [np.array_equal(a[:, ::-1], b) for a, b in zip(images, flipped, strict=True)]
    kept = [np.array_equal(a, b) for a, b in zip(images, flipped, strict=True)]
    assert all(m or k for m, k in zip(mirrored, kept, strict=True))
    assert 0.25 < np.mean(mirrored) < 0.75


def test_draws_stay_within_their_bounds() -> None:
    matrices = Augmentation(rotation=10, shift=0.1, zoom=0.1).matrices(2000, 48, np.random.default_rng(0))
    scale = np.sqrt(np.abs(np.linalg.det(matrices[:, :, :2])))
    assert 1 / 1.1 <= scale.min() < 1 / 1.09
    assert 1 / 0.91 < scale.max() <= 1 / 0.9
    angle = np.rad2deg(np.arctan2(matrices[:, 1, 0], matrices[:, 1, 1]))
    assert 9.9 < np.abs(angle).max() <= 10
    # Where the output's centre comes from tells the shift, scaled with the zoom.
    centre = (matrices @ np.array([23.5, 23.5, 1]))[:, :2]
    assert 4.7 < np.abs(centre - 23.5).max() <= 4.8 / 0.9 * np.sqrt(2)


def test_a_shift_moves_the_picture() -> None:
    image = np.zeros((1, 48, 48), np.uint8)
    image[0, 20:28, 20:28] = 200

    class Fixed(Augmentation):
        def matrices(self, count: int, size: int, random: np.random.Generator) -> np.ndarray:
            return np.array([[[1, 0, -4], [0, 1, 0]]], dtype=float)

    moved = augment(image, Fixed(), np.random.default_rng(0))
    np.testing.assert_array_equal(moved[0, 20:28, 24:32], np.full((8, 8), 200))
    assert moved.sum() == image.sum()


def test_mixup_mixes_images_and_targets_by_the_same_share(faces: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = faces
    plain = Batches(images, one_hot(labels), batch_size=16, seed=3).batch(1, 0)
    mixed = Batches(images, one_hot(labels), batch_size=16, seed=3, mixup=0.4).batch(1, 0)
    different = np.flatnonzero(plain[1].argmax(1) != plain[1][::-1].argmax(1))[0]
    share = mixed[1][different, plain[1][different].argmax()]
    assert 0 < share < 1
    np.testing.assert_allclose(mixed[0], share * plain[0] + (1 - share) * plain[0][::-1], atol=1e-3)
    np.testing.assert_allclose(mixed[1].sum(1), 1, atol=1e-6)


def test_views_come_in_turn_with_targets_of_their_own(faces: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = faces
    targets = np.stack([one_hot(labels), one_hot((labels + 1) % 7)])
    views = augmented_views(images, Augmentation(), 2, seed=3)
    batches = Batches(images, targets, batch_size=64, seed=3, augmentation=Augmentation(), views=views)
    original, augmented, again = (batches.batch(epoch, 0) for epoch in (0, 1, 2))
    plain, mirrored = (set(map(bytes, x)) for x in (images, images[:, :, ::-1]))
    for batch in (original, again):
        seen = set(map(bytes, batch[0][..., 0].astype(np.uint8)))
        assert seen <= plain | mirrored
        assert seen & (plain - mirrored)
        assert seen & (mirrored - plain)
    assert not set(map(bytes, augmented[0][..., 0].astype(np.uint8))) & plain
    np.testing.assert_array_equal(original[1].sum(0), np.roll(augmented[1].sum(0), -1))


def test_strong_augmentation_changes_light_and_cuts_squares_out() -> None:
    images = np.random.default_rng(0).integers(100, 110, (64, 48, 48), np.uint8)
    still = dict(rotation=0.0, shift=0.0, zoom=0.0, flip=False)
    lit = augment(images, Augmentation(**still, brightness=0.2, contrast=0.5), np.random.default_rng(1))
    assert np.ptp(lit.mean((1, 2))) > 50
    cut = augment(images, Augmentation(**still, cutout=0.25), np.random.default_rng(1))
    gray = (cut == 128).sum((1, 2))
    assert 20 <= np.count_nonzero(gray) <= 44
    assert gray.max() == 12 * 12


def test_landmarks_move_with_the_image() -> None:
    random = np.random.default_rng(5)
    marks = np.array([[0.35, 0.4], [0.65, 0.4], [0.5, 0.55], [0.4, 0.7], [0.6, 0.7]], np.float32)
    # One image for each landmark, with a light about it: its middle tells where the landmark is.
    y, x = (np.mgrid[:48, :48] + 0.5) / 48
    lights = [255 * np.exp(-((x - mark[0]) ** 2 + (y - mark[1]) ** 2) / 0.005) for mark in marks]
    images = np.tile(np.rint(lights).astype(np.uint8), (8, 1, 1))
    moved, landmarks = augment_with_landmarks(images, np.tile(marks, (40, 1, 1)), Augmentation(), random)
    np.testing.assert_array_equal(moved, augment(images, Augmentation(), np.random.default_rng(5)))
    mass = moved / moved.sum((1, 2), keepdims=True)
    middles = np.stack([(mass * x).sum((1, 2)), (mass * y).sum((1, 2))], axis=1)
    which = np.tile(np.arange(5), 8)
    mirrored = landmarks[:, 0, 0] > landmarks[:, 1, 0]
    assert not mirrored.any()  # Right and left are exchanged, so that the right eye stays at the left.
    expected = np.take_along_axis(landmarks, which[:, None, None], axis=1)[:, 0]
    exchanged = np.take_along_axis(landmarks, np.array([1, 0, 2, 4, 3])[which][:, None, None], axis=1)[:, 0]
    distance = np.minimum(np.abs(expected - middles).max(1), np.abs(exchanged - middles).max(1))
    assert distance.max() < 0.5 / 48
    flipped = np.abs(exchanged - middles).max(1) < np.abs(expected - middles).max(1)
    assert 5 < flipped[which != 2].sum() < 27  # About half of 32.


def test_batches_with_landmarks_have_a_second_target(faces: tuple[np.ndarray, np.ndarray]) -> None:
    images, labels = faces
    landmarks = np.random.default_rng(0).random((len(images), 5, 2), np.float32)
    landmarks[3] = np.nan
    plain = Batches(images, one_hot(labels), 16, seed=1, augmentation=Augmentation())
    batches = Batches(images, one_hot(labels), 16, seed=1, augmentation=Augmentation(), landmarks=landmarks)
    known = []
    for position in range(len(batches)):
        (x, y, w), (image, (target, points), (weight, mask)) = plain.batch(2, position), batches.batch(2, position)
        for one, other in ((x, image), (y, target), (w, weight)):
            np.testing.assert_array_equal(one, other)
        assert points.shape == (len(image), 10)
        assert points.dtype == mask.dtype == np.float32
        assert np.isfinite(points).all()
        known.append(mask)
    assert np.concatenate(known).sum() == len(images) - 1
