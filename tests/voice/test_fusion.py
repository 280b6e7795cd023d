from __future__ import annotations

import numpy as np
import pytest

from fer_zoo import EXPRESSIONS, UsageError, fuse
from fer_zoo.contract import FERPLUS_EXPRESSIONS, VOICE_EXPRESSIONS

FACE = np.array([0.1, 0.05, 0.1, 0.3, 0.25, 0.1, 0.1])
VOICE = np.array([0.1, 0.1, 0.1, 0.5, 0.1, 0.1])


def test_weight_1_is_bayes_rule_for_independent_sides() -> None:
    """On a joint distribution that is known: faces and voices are independent, given the expression."""
    generator = np.random.default_rng(0)
    prior = generator.dirichlet(np.ones(6))
    face_given, voice_given = generator.dirichlet(np.ones(4), 6), generator.dirichlet(np.ones(3), 6)
    joint = prior[:, None, None] * face_given[:, :, None] * voice_given[:, None, :]
    truth = joint / joint.sum(axis=0)
    face, voice = joint.sum(axis=2), joint.sum(axis=1)
    face, voice = face / face.sum(axis=0), voice / voice.sum(axis=0)
    fused = fuse(
        np.repeat(face.T, 3, axis=0),
        np.tile(voice.T, (4, 1)),
        labels=VOICE_EXPRESSIONS,
        face_prior=prior,
        voice_prior=prior,
        prior=prior,
    )
    np.testing.assert_allclose(fused, truth.reshape(6, 12).T, atol=1e-6)
    assert fused.dtype == np.float32


def test_priors_are_corrected_on_both_sides() -> None:
    """The same evidence, told for two populations, fuses alike."""
    prior = np.array([0.3, 0.05, 0.1, 0.25, 0.1, 0.1, 0.1])
    told = FACE * prior * 7
    heard = VOICE * prior[:6]
    plain = fuse(FACE, VOICE, 0.7)
    adapted = fuse(
        told / told.sum(),
        heard / heard.sum(),
        0.7,
        face_prior=prior,
        voice_prior=prior[:6],
        prior=np.full(7, 1 / 7),
    )
    np.testing.assert_allclose(adapted, plain, atol=1e-6)


def test_a_missing_side_is_absent() -> None:
    np.testing.assert_allclose(fuse(FACE, None, 0.3), FACE, atol=1e-6)
    voice = fuse(None, VOICE, 0.3)
    # The voice says nothing about surprise, whose frequency stays; the others share the rest as the voice says.
    # Whatever the population.
    prior = np.array([0.3, 0.05, 0.1, 0.25, 0.1, 0.1, 0.1])
    assert fuse(None, VOICE, prior=prior)[6] == pytest.approx(0.1)
    assert voice[6] == pytest.approx(1 / 7)
    np.testing.assert_allclose(voice[:6], VOICE * 6 / 7, atol=1e-6)


def test_a_row_of_nan_is_missing() -> None:
    nothing = np.full(7, np.nan)
    faces, voices = np.stack([FACE, nothing, FACE, nothing]), np.stack([VOICE, VOICE, nothing[:6], nothing[:6]])
    prior = np.array([0.3, 0.05, 0.1, 0.25, 0.1, 0.1, 0.1])
    fused = fuse(faces, voices, 0.5, prior=prior)
    np.testing.assert_allclose(fused[0], fuse(FACE, VOICE, 0.5, prior=prior))
    np.testing.assert_allclose(fused[1], fuse(None, VOICE, 0.5, prior=prior))
    np.testing.assert_allclose(fused[2], FACE, atol=1e-6)
    np.testing.assert_allclose(fused[3], prior, atol=1e-6)


def test_weight_0_leaves_the_voice_out_and_more_weight_follows_it() -> None:
    np.testing.assert_allclose(fuse(FACE, VOICE, 0), FACE, atol=1e-6)
    happy = [fuse(FACE, VOICE, weight)[3] for weight in (0, 0.5, 1, 2)]
    assert happy == sorted(happy)


def test_classes_that_the_voice_does_not_know() -> None:
    fused = fuse(np.full(8, 1 / 8), VOICE, labels=FERPLUS_EXPRESSIONS)
    assert fused[6:].tolist() == pytest.approx([1 / 8, 1 / 8])
    assert fused.argmax() == EXPRESSIONS.index("happy")


def test_a_probability_of_0_is_no_verdict() -> None:
    face, voice = np.eye(7)[3], np.eye(6)[4]
    assert np.isfinite(fuse(face, voice)).all()


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ((FACE, VOICE, -1), {}, "weight"),
        ((FACE, VOICE, np.inf), {}, "weight"),
        ((None, None), {}, "neither a face nor a voice"),
        ((FACE[:6], VOICE), {}, r"face must be \[n, 7\] or \[7\]"),
        ((np.stack([FACE] * 2), np.stack([VOICE] * 3)), {}, "as many"),
        ((FACE, VOICE), {"labels": tuple("abcdefg")}, "'angry'"),
        ((FACE, VOICE), {"prior": np.zeros(7)}, "prior of the"),
    ],
)
def test_bad_input(arguments, settings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        fuse(*arguments, **settings)
