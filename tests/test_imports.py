"""What `import pl_losses` loads: nothing that torch and torchmetrics have not loaded already."""

import subprocess
import sys

SCRIPT = """
import sys, torch, torchmetrics
before = set(sys.modules)
{imported}
print(*{{name.partition(".")[0] for name in set(sys.modules) - before}})
"""


def loaded_by(imported: str) -> set[str]:
    command = [sys.executable, "-c", SCRIPT.format(imported=imported)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(said.split()) - set(sys.stdlib_module_names)


def test_the_package_loads_only_itself() -> None:
    assert loaded_by("import pl_losses; pl_losses.LOSSES.build('focal', labels='binary')") == {
        "pl_losses"
    }


def test_the_mixin_loads_lightning_and_nothing_that_draws() -> None:
    found = loaded_by("from pl_losses import MultiTaskMixin, StagedFreezing")
    assert "lightning" in found
    assert found & {"skimage", "pandas", "cv2"} == set()
