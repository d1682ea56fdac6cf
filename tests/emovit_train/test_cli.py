"""The commands as a new user types them, right and wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from emogen.errors import EmovitError, InputError, UnknownNameError
from emogen.lock import locked
from emovit_train.cli import app, main
from emovit_train.console import show_report
from emovit_train.report import REPORT, TrainReport
from tests.emovit_train.conftest import sample_rows


def call(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def error_of(*arguments: object) -> EmovitError:
    with pytest.raises(EmovitError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize("command", [[], ["train"], ["evaluate"], ["predict"]])
def test_help_does_not_import_torch(command: list[str]) -> None:
    """Asking for help loads no heavy package."""
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom emovit_train.cli import app\n"
        f"result = CliRunner().invoke(app, {[*command, '--help']!r})\n"
        "assert result.exit_code == 0, result.output\n"
        "print(sorted({'torch', 'transformers', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_command_and_option_has_help() -> None:
    """No command, argument or option is without a line of help."""
    import typer.main

    group = typer.main.get_command(app)
    for command in group.commands.values():  # type: ignore[attr-defined]
        assert command.help
        for parameter in command.params:
            assert parameter.name == "help" or parameter.help, f"{command.name} {parameter.name}"


def test_help_says_what_nano_is_for() -> None:
    """Nobody may take the demonstration model for the method."""
    assert "proves the machinery, not the method" in " ".join(call("--help").output.split())


def test_train_evaluate_predict(tiny_folder: Path, run_folder: Path, tmp_path: Path) -> None:
    """The three commands work one after the other, and say what they did."""
    out = tmp_path / "tuned"
    told = ("--model", tiny_folder, "--out", out, "--epochs", 2, "--batch-size", 3, "--lr", 1e-3)
    trained = call("train", run_folder, *told).output
    assert "6 about 3 images; 2 rows held out" in trained
    assert "unchanged" in trained
    assert "memorised" in call("evaluate", run_folder, "--checkpoint", out).output
    assert "training images" in call("evaluate", run_folder, "--checkpoint", out, "--untuned").output
    assert (out / "evaluation" / "predictions.jsonl").exists()
    photo = run_folder / "photos" / "red.png"
    assert str(photo) in call("predict", photo, "--checkpoint", out, "--ask", "What?").output
    assert "by sum" in call("predict", photo, "--checkpoint", out, "--labels", "awe,fear").output


def test_losses_say_what_they_were_measured_on(
    tuned_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of many rows a fixed choice is measured, before and after: the summary says how many of them."""
    report = TrainReport.model_validate_json((tuned_folder / REPORT).read_text())
    assert (report.measured_rows, report.measured_held_out_rows) == (report.rows, report.held_out_rows)
    show_report(report, tmp_path)
    assert " on the training rows" in capsys.readouterr().out
    show_report(report.model_copy(update={"rows": 5000, "measured_rows": 256}), tmp_path)
    assert " on 256 of the 5000 training rows" in capsys.readouterr().out


def test_unknown_model(run_folder: Path, tmp_path: Path) -> None:
    """A misspelt model is answered with the right name."""
    error = error_of("train", run_folder, "--out", tmp_path / "out", "--model", "nanno")
    assert isinstance(error, UnknownNameError)
    assert "Did you mean 'nano'" in str(error)
    absent = error_of("train", run_folder, "--out", tmp_path / "out", "--model", "instructblip-vicuna-7b")
    assert "Known: nano. A checkpoint is named by its folder" in str(absent)


def test_missing_model_folder(run_folder: Path, tmp_path: Path) -> None:
    """A model folder that is not there is named."""
    error = error_of("train", run_folder, "--out", tmp_path / "out", "--model", tmp_path / "nowhere")
    assert "no such folder" in str(error)


def test_folder_that_is_no_model(run_folder: Path, tmp_path: Path) -> None:
    """A folder without a model's config is refused."""
    assert "config.json" in str(
        error_of("train", run_folder, "--out", tmp_path / "out", "--model", run_folder)
    )


def test_unusable_option(run_folder: Path, tiny_folder: Path, tmp_path: Path) -> None:
    """A value out of range, or an unknown part, is an error that names the option."""
    told = ("train", run_folder, "--out", tmp_path, "--model", tiny_folder)
    assert error_of(*told, "--lr", "-1").where == "--lr"
    assert error_of(*told, "--parts", "qformer,ears").where == "--parts"


def test_unwritable_folder(run_folder: Path, tiny_folder: Path, tmp_path: Path) -> None:
    """A folder that cannot be made is refused before anything is read."""
    (tmp_path / "file").write_text("")
    error = error_of("train", run_folder, "--out", tmp_path / "file" / "out", "--model", tiny_folder)
    assert "cannot be written" in str(error)


def test_broken_line(tiny_folder: Path, tmp_path: Path) -> None:
    """A broken line is named by its number."""
    (tmp_path / "samples.jsonl").write_text('{"record"')
    error = error_of("train", tmp_path, "--out", tmp_path / "out", "--model", tiny_folder)
    assert error.where == f"{tmp_path / 'samples.jsonl'}:1"


def test_missing_and_corrupt_images(tiny_folder: Path, tmp_path: Path) -> None:
    """Missing photographs are counted, a corrupt one is named, both before training."""
    told = ("train", tmp_path, "--out", tmp_path / "out", "--model", tiny_folder)
    (tmp_path / "samples.jsonl").write_text(json.dumps(sample_rows()[0]))
    assert "1 of 1 images are missing" in str(error_of(*told))
    (tmp_path / "red.png").write_text("no image")
    assert "red.png: " in str(error_of(*told))


def test_wrong_checkpoint_folder(run_folder: Path, tmp_path: Path) -> None:
    """A folder without a checkpoint is refused by every command that reads one."""
    photo = run_folder / "photos" / "red.png"
    assert isinstance(error_of("evaluate", run_folder, "--checkpoint", tmp_path), InputError)
    assert "no checkpoint here" in str(error_of("predict", photo, "--checkpoint", tmp_path, "--ask", "What?"))


def test_predict_needs_a_question_and_usable_labels(
    run_folder: Path, tuned_folder: Path, tmp_path: Path
) -> None:
    """Nothing to ask, one label, or a photograph that is not there: each is an error of its own."""
    photo = tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(photo)
    told = ("predict", photo, "--checkpoint", tuned_folder)
    assert "nothing is asked" in str(error_of(*told))
    assert "nothing is asked" in str(error_of(*told, "--ask", ""))
    assert "unknown label set 'joyy'" in str(error_of(*told, "--labels", "joyy"))
    missing = error_of("predict", tmp_path / "gone.png", "--checkpoint", tuned_folder, "--ask", "What?")
    assert "gone.png" in str(missing)


def test_interrupted_answers(
    run_folder: Path, tuned_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C ends `predict` with one line and 130, after whole answers."""
    photo = run_folder / "photos" / "red.png"
    words = ["predict", *[photo] * 40, "--checkpoint", tuned_folder, "--ask", "What?"]

    def say_and_interrupt(line: str) -> None:
        print(line)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("emovit_train.answering.say", say_and_interrupt)
    monkeypatch.setattr(sys, "argv", ["emovit_train", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code, err.splitlines()[-1]) == (130, "interrupted")
    assert out.startswith(str(photo))
    assert "Traceback" not in err


def test_two_processes_train_into_one_folder(run_folder: Path, tiny_folder: Path, tmp_path: Path) -> None:
    """A second process is refused while the first trains into a folder, and leaves it alone."""
    with locked(tmp_path):
        error = error_of("train", run_folder, "--out", tmp_path, "--model", tiny_folder, "--overwrite")
    assert "another process is writing into this folder" in str(error)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
