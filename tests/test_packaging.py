"""What is shipped: the wheel, outside the clone, does the main job; nothing heavy sneaks in."""

import importlib.metadata
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from PIL import Image

from nodes.pinhole.checker import read_single

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_holds_everything_that_is_not_code(wheel: Path) -> None:
    names = set(ZipFile(wheel).namelist())
    assert {
        "safelight.py",
        "engine/py.typed",
        "nodes/py.typed",
        "server/py.typed",
        "workflows/text_to_image.json",
        "workflows/input/red_circle.png",
        "nodes/pinhole/weights/unet/diffusion_pytorch_model.safetensors",
        "nodes/pinhole/weights/tokenizer/tokenizer.json",
        "nodes/diffusion/families/clip_merges.txt.xz",
        "nodes/diffusion/families/clip_merges.NOTICE",
    } <= names
    assert not [name for name in names if name.startswith("tests/") or "__pycache__" in name]


def test_the_wheel_installed_outside_the_clone_does_the_main_job(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    subprocess.run([*command, "--quiet", str(wheel)], check=True, capture_output=True)
    # The dependencies are those of this environment; its own editable install is not among them.
    [site] = (environment / "lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    home = tmp_path / "home"
    done = subprocess.run(
        [environment / "bin" / "safelight", "run", "workflows/text_to_image.json", "--home", home],
        capture_output=True, text=True, cwd=tmp_path, check=False, env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.strip())
    assert path.is_relative_to(home / "output")
    with Image.open(path) as picture:
        seen = read_single(picture)
    assert (seen.color, seen.shape, seen.background) == ("red", "circle", "white")

    script = "import safelight, engine; print(engine.__file__, safelight.load('text_to_image').inputs)"
    said = subprocess.run([python, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert str(site) in said.stdout
    assert "prompt" in said.stdout


def test_no_dependency_needs_torchvision_or_torchaudio() -> None:
    seen: set[str] = set()
    waiting = ["safelight"]
    while waiting:
        name = waiting.pop()
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            assert name != "safelight", "install the project first: pip install -e '.[test]'"
            continue
        for requirement in map(Requirement, requires):
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if wanted and requirement.name.lower() not in seen:
                seen.add(requirement.name.lower())
                waiting.append(requirement.name)
    assert "torch" in seen
    assert not seen & {"torchvision", "torchaudio", "xformers", "peft"}
