"""What `python -m fer_zoo.train` trains and says; the training itself is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from fer_zoo.training import TrainingConfig
from fer_zoo.training.recipes import RECIPES


@pytest.fixture
def configs(monkeypatch: pytest.MonkeyPatch) -> list[TrainingConfig]:
    """The settings of each run that a command of this process starts."""
    pytest.importorskip("keras")
    from fer_zoo.training import loop as run

    started: list[TrainingConfig] = []
    monkeypatch.setattr(
        run, "train", lambda config, *rest, **options: started.append(config) or SimpleNamespace(evaluations={})
    )
    return started


def test_the_plain_command_takes_the_samples_recipe_and_says_what_to_expect(configs, command, tmp_path: Path) -> None:
    done = command("fer_zoo.train", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    sample = RECIPES["sample"]
    assert (configs[0].model, configs[0].epochs) == (sample.config.model, sample.config.epochs)
    assert sample.public_test is not None
    assert "a tenth of FER2013's training images" in done.stdout
    assert f"{sample.public_test:.0%} of the faces right" in done.stdout
    assert f"--model {tmp_path / 'model.keras'}" in done.stdout


def test_another_model_takes_the_samples_recipe_too(configs, command, tmp_path: Path) -> None:
    done = command("fer_zoo.train", "--model", "baseline_cnn", "--output", tmp_path)
    assert (configs[0].model, configs[0].epochs) == ("baseline_cnn", RECIPES["sample"].config.epochs)
    assert "of the faces right" not in done.stdout


def test_ones_own_data_and_trained_weights_do_not(configs, command, tmp_path: Path) -> None:
    command("fer_zoo.train", "--data", "faces.zip", "--output", tmp_path)
    command("fer_zoo.train", "--model", "fernet_nano", "--warm-start", "fernet_nano", "--output", tmp_path)
    assert [(config.epochs, config.optimizer) for config in configs] == [(30, "adam"), (10, "adam")]


def test_a_recipe_takes_any_number_of_epochs(configs, command, tmp_path: Path) -> None:
    done = command("fer_zoo.train", "--recipe", "fernet_tiny", "--epochs", "1", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    assert configs[0].epochs == 1


def test_a_recipe_from_scratch_downloads_no_weights(configs, command, tmp_path: Path) -> None:
    """`--recipe resnet50` fetched ImageNet's weights, as `--model resnet50` does."""
    done = command("fer_zoo.train", "--recipe", "resnet50", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    command("fer_zoo.train", "--recipe", "resnet50", "--weights", "imagenet", "--output", tmp_path)
    command("fer_zoo.train", "--model", "resnet50", "--output", tmp_path)
    assert [config.transfer and config.transfer.weights for config in configs] == [None, "imagenet", "imagenet"]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_with_its_own_settings(name: str, configs, command, tmp_path: Path) -> None:
    recipe = RECIPES[name].config
    weights = ["--weights", "weights.npz"] if recipe.transfer else []
    ferplus = ["--ferplus", "votes.csv"] if recipe.ferplus == "" else []
    done = command("fer_zoo.train", "--recipe", name, *weights, *ferplus, "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    transfer = recipe.transfer and replace(recipe.transfer, weights="weights.npz")
    own = {"transfer": transfer, "backend": configs[0].backend, "ferplus": ferplus[-1] if ferplus else None}
    assert configs == [replace(recipe, **own)]


def test_options_of_former_names_still_work_and_say_so(configs, command, tmp_path: Path) -> None:
    former = ["--votes=0.5", "--ferplus", "votes.csv", "--renew-statistics", "--views", "3"]
    former += ["--model-options", "size=128", "classes=8"]
    done = command("fer_zoo.train", *former, "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--votes is now called --vote-weight; the old name will go in the next release" in done.stderr
    config = configs[0]
    assert (config.vote_weight, config.recalibrate_batch_norm, config.augmented_views) == (0.5, True, 3)
    assert "classes=8 is now --ferplus-labels" in done.stderr
    assert (config.model_options, config.ferplus_labels) == (("size=128",), True)


def test_published_and_compared_runs_have_settings_that_can_be_read(root: Path) -> None:
    paths = [*root.glob("artifacts/*/config.json"), *root.glob("artifacts/experiments/**/config.json")]
    former = [path for path in paths if "renew_statistics" in path.read_text()]
    assert len(former) > 20
    assert all(TrainingConfig.load(path).recalibrate_batch_norm in (True, False) for path in former)
    tiny = TrainingConfig.load(root / "artifacts" / "fernet_tiny" / "config.json")
    assert (tiny.votes_as_teacher, tiny.augmented_views, tiny.average_views) == (True, 1, True)
    eight = TrainingConfig.load(root / "artifacts" / "fernet_base_ferplus" / "config.json")
    assert (eight.model_options, eight.ferplus_labels) == ((), True)


def test_moving_averages_span_half_an_epoch_at_most() -> None:
    keras = pytest.importorskip("keras")
    from fer_zoo.training.batch_norm import limit_momentum

    momenta = []
    for steps in (225, 20, 1):
        model = keras.Sequential([keras.layers.Input((4,)), keras.layers.BatchNormalization()])
        limit_momentum(model, steps)
        momenta.append(model.layers[0].momentum)
    assert momenta == pytest.approx([0.99, 0.9, 0.5])
