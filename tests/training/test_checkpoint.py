"""A run that was cut off and run again: the same bytes, whatever it was cut off by."""

import hashlib
import io
import pkgutil

import pytest
import torch

from pipeline.model import model
from pipeline.objectives import adda
from pipeline.runtime import parts
from pipeline.runtime.progress import Curve
from pipeline.training import loop
from pipeline.training.checkpoint import Checkpoint, _read
from pipeline.training.discriminators import Discriminator
from pipeline.training.loop import Optimiser
from pipeline.training.objective import Loss
from pipeline.training.recent import Recent
from tests import memory
from tests.memory import Memory, params

STEPS, EVERY, CUT = 7, 3, 5
NETWORK = {"lr": 5e-3, "warmup": 2}


class Cut(Exception):
    """The end of a run before its time."""


class Fourth(Checkpoint):
    """Saves after the fourth step that a process takes."""

    def due(self):
        self.calls = getattr(self, "calls", 0) + 1
        return self.calls == 4


@pytest.fixture(autouse=True)
def thin(monkeypatch):
    """A discriminator of 64 channels makes checkpoints of 33 MB."""
    drawn = Discriminator.__init__
    thin = lambda of, channels, *_: drawn(of, channels, 4)  # noqa: E731
    monkeypatch.setattr(Discriminator, "__init__", thin)


def sides_of(objective):
    sources = [Memory(5), Memory(2, "x", seed=2)]
    memories = {"source": sources, "target": [Memory(4, "t", seed=1)], "hard": [Memory(3, "h")]}
    asked = (*objective.sides, *getattr(objective, "optional", ()))
    return tuple((of, 2) if side in asked else None for side, of in memories.items())


def run(name, folder, fabric, cut=None, given=None, kept=Fourth):
    """What a run leaves: its model's and its curve's bytes, and the steps it took."""
    objective = memory.objective(name)
    made = memory.start(objective)
    given = given or params(optimiser=Optimiser(**NETWORK))
    steps = []

    def shown(step, note):
        steps.append(step)
        if step == cut:
            raise Cut

    curve = Curve(folder / "curve.csv", STEPS, EVERY, shown)
    checkpoint = kept(folder / "unfinished", [], given, 0.0)
    arguments = (made, objective, sides_of(objective), given, STEPS, 0, fabric, curve)
    loop.fit(*arguments, checkpoint=checkpoint)
    model.save(folder / "made.pt", made)
    checkpoint.remove()
    found = [(folder / name).read_bytes() for name in ("made.pt", "curve.csv")]
    return found, steps


@pytest.fixture
def folders(tmp_path):
    made = [tmp_path / name for name in ("whole", "cut")]
    for folder in made:
        folder.mkdir()
    return made


def cut_off(name, folder, fabric, **more):
    with pytest.raises(Cut):
        run(name, folder, fabric, cut=CUT, **more)
    assert len([*folder.glob("unfinished/*/training.pt")]) == 1
    assert not (folder / "made.pt").exists()
    (folder / "curve.csv").unlink()  # as DVC does before it runs a stage


@pytest.mark.parametrize("name", parts.names("objectives"))
def test_each_objective_goes_on_to_the_same_bytes(name, folders, fabric):
    whole, cut = folders
    expected, steps = run(name, whole, fabric)
    assert steps == [*range(1, STEPS + 1)]
    cut_off(name, cut, fabric)
    found, steps = run(name, cut, fabric)
    assert steps == [*range(CUT, STEPS + 1)]  # the checkpoint of step 4, not from the start
    assert found == expected
    assert not (cut / "unfinished").exists()


@pytest.mark.parametrize("given", [
    {"optimiser": Optimiser(name="sgd", **NETWORK), "discriminator": Optimiser(name="sgd")},
    {"optimiser": Optimiser(name="adam", **NETWORK), "compute": {"workers": 1}},
])  # fmt: skip
def test_each_optimiser_goes_on(given, folders, fabric):
    given = params(**given)
    expected, _ = run("advent", folders[0], fabric, given=given)
    cut_off("advent", folders[1], fabric, given=given)
    assert run("advent", folders[1], fabric, given=given) == (expected, [5, 6, 7])


def of_room(monkeypatch, room, part):
    find = parts.find
    monkeypatch.setattr(parts, "find", lambda *of: part if of[0] == room else find(*of))


def test_dropout_goes_on(folders, fabric, monkeypatch):
    class Drops(parts.find("networks", "small")):
        def forward(self, x):
            outputs = super().forward(x)
            return outputs._replace(logits=torch.dropout(outputs.logits, 0.5, self.training))

    of_room(monkeypatch, "networks", Drops)
    torch.manual_seed(1)
    expected, _ = run("source_only", folders[0], fabric)
    cut_off("source_only", folders[1], fabric)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert run("source_only", folders[1], fabric) == (expected, [5, 6, 7])
    assert torch.equal(torch.get_rng_state(), state)  # the caller's is left alone


def test_what_an_objective_remembers_in_a_module_goes_on(folders, fabric, monkeypatch):
    """A teacher that is the average of the network, kept beside the objective's own groups."""
    plain = parts.find("objectives", "source_only")

    class Averaged(plain):
        def __init__(self):
            super().__init__()
            self.teacher = torch.nn.Linear(1, 1)
            self.teacher.requires_grad_(False).weight.fill_(1.0)

        def losses(self, network, batch):
            with torch.no_grad():
                mean = sum(p.mean() for p in network.parameters())
                self.teacher.weight.lerp_(mean.expand(1, 1), 0.5)
            for loss in super().losses(network, batch):
                terms = {key: term * self.teacher.weight.mean() for key, term in loss.terms.items()}
                yield Loss(terms)

    of_room(monkeypatch, "objectives", Averaged)
    expected, _ = run("source_only", folders[0], fabric)
    cut_off("source_only", folders[1], fabric)
    assert run("source_only", folders[1], fabric) == (expected, [5, 6, 7])


def test_what_addas_network_waits_for_goes_on(folders, fabric, monkeypatch):
    """Were nothing remembered, the network would stay in the last three steps."""
    accuracies, found = [0.9, 0.4, 0.9, 0.9, 0.4, 0.4, 0.4], []

    class Given(Recent):
        def forward(self, value):
            found.append(super().forward(torch.tensor(accuracies[int(self.count)])).item())
            return torch.tensor(found[-1])

    monkeypatch.setattr(adda, "Recent", Given)
    build = memory.objective
    monkeypatch.setattr(memory, "objective", lambda name: build(name, least=0.58))
    expected, _ = run("adda", folders[0], fabric)
    whole = list(found)
    assert [mean > 0.58 for mean in whole] == [True] * 7
    cut_off("adda", folders[1], fabric)
    found.clear()
    assert run("adda", folders[1], fabric) == (expected, [5, 6, 7])
    assert found == whole[4:]


# --- what is not used ----------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign", "a folder"])
def test_a_damaged_checkpoint_is_told_and_left_aside(damage, folders, fabric, capsys):
    expected, _ = run("source_only", folders[0], fabric)
    cut_off("source_only", folders[1], fabric)
    (path,) = folders[1].glob("unfinished/*/training.pt")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    else:
        path.write_bytes({"truncated": content[:-100], "flipped": content, "empty": b"",
                          "foreign": b"x" * 5000}[damage])  # fmt: skip
    found, steps = run("source_only", folders[1], fabric)
    assert (found, steps[0]) == (expected, 1)
    told = capsys.readouterr().err
    assert f"warning: {path}: " in told
    assert "training starts afresh" in told


def test_a_checkpoint_that_does_not_fit_is_left_aside(folders, fabric, capsys):
    checkpoint = Checkpoint(folders[0], [], params(), 0.0)
    checkpoint.load({"module network": torch.nn.Linear(1, 2)})
    checkpoint.save(3)
    for parts_ in ({"module network": torch.nn.Linear(2, 2)}, {"other": torch.nn.Linear(1, 2)}):
        assert Checkpoint(folders[0], [], params()).load(parts_) == 0
        assert "does not fit; it is left aside" in capsys.readouterr().err
    again = torch.nn.Linear(1, 2)
    assert Checkpoint(folders[0], [], params()).load({"module network": again}) == 3


def test_another_runs_checkpoint_is_never_used(folders, fabric, tmp_path):
    """Other params, other bytes of an input, in a file or in a folder: the old one is deleted."""
    given, inputs = params(), [tmp_path / "a.pt", tmp_path / "labels"]
    inputs[0].write_bytes(b"a")
    inputs[1].mkdir()
    (inputs[1] / "x.png").write_bytes(b"x")

    def started(given=given):
        checkpoint = Checkpoint(folders[0], inputs, given, 0.0)
        first = checkpoint.load({"module": torch.nn.Linear(1, 1)})
        checkpoint.save(2)
        assert len([*folders[0].iterdir()]) == 1
        return first

    assert [started(), started()] == [0, 2]
    changes = (lambda: inputs[0].write_bytes(b"b"), lambda: (inputs[1] / "x.png").write_bytes(b"y"),
               lambda: (inputs[1] / "x.png").rename(inputs[1] / "y.png"))  # fmt: skip
    for change in changes:
        change()
        assert [started(), started()] == [0, 2]
    assert started(params(batch=4)) == 0
    assert started(params(batch=4, compute={"workers": 1, "checkpoint_minutes": 1})) == 2
    assert started(params(batch=4, compute={"precision": "bf16-mixed"})) == 0


def test_a_checkpoint_that_cannot_be_written_is_told_and_training_goes_on(
    folders, fabric, capsys, monkeypatch
):
    expected, _ = run("minent", folders[0], fabric)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)

    class Unsaved(Fourth):
        def remove(self):
            monkeypatch.undo()  # before the model is written
            super().remove()

    with monkeypatch.context() as patched:
        patched.setattr(model, "save", lambda *_: None)
        with pytest.raises(FileNotFoundError):
            run("minent", folders[1], fabric, kept=Unsaved)
    told = capsys.readouterr().err
    assert "No space left on device" in told
    assert "training goes on without" in told
    assert (folders[1] / "curve.csv").read_bytes() == expected[1]


def test_a_checkpoint_is_due_by_time(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    checkpoint = Checkpoint(tmp_path, [], params(), 5.0)
    assert not checkpoint.due()  # nothing is open
    checkpoint.load({"module": torch.nn.Linear(1, 1)})
    now[0] = 299.0
    assert not checkpoint.due()
    now[0] = 300.0
    assert checkpoint.due()
    checkpoint.save(1)
    assert not checkpoint.due()


def test_without_a_place_nothing_is_kept():
    assert Checkpoint().load({"module": torch.nn.Linear(1, 1)}) == 0
    assert not Checkpoint(minutes=0.0).due()


# --- cut off anywhere in a step ------------------------------------------------------------


class EachStep(Checkpoint):
    """Saves after each step, and can be cut off in it."""

    def due(self):
        return True


def nth(cut, n, of):
    """`of`, that ends the run at its n-th call."""
    calls = 0

    def watched(*given, **options):
        nonlocal calls
        calls += 1
        if calls == n:
            raise cut
        return of(*given, **options)

    return watched


PHASES = {
    "a batch is drawn": ("pipeline.domain.draws.Draws.__getitem__", 4),
    "its sides are mixed": ("pipeline.domain.mixing.Mixing.__call__", 4),
    "the teacher is moved": ("pipeline.training.teacher.Teacher.update", 4),
    "the teacher was half moved": ("torch.Tensor.lerp_", 150),
    "the teacher predicts": ("pipeline.training.teacher.Teacher.forward", 4),
    "its classes are weighed": ("pipeline.training.taught.MovingPrior.forward", 4),
    "the source has passed": ("pipeline.training.losses.supervised", 4),
    "the mixture has passed": ("pipeline.training.taught.loss", 7),
    "the masked side has passed": ("pipeline.training.taught.loss", 8),
    "gradients are there": ("pipeline.training.loop._check", 4),
    "parameters have moved": ("pipeline.training.loop.average", 8),
    "the checkpoint is written": ("pipeline.training.checkpoint.replacing", 4),
    "it is in place": ("pipeline.training.checkpoint.settle", 4),
}
"""Where a run of online self-training ends: what raises, and at which of its calls."""


@pytest.fixture
def online(monkeypatch):
    options = {"mask": {"size": 8}, "weigh": "classes", "flip": True, "own_norm": True}
    build = memory.objective
    context = memory.CONTEXT | {"k": None}
    monkeypatch.setattr(memory, "objective", lambda name: build(name, 0, context, **options))


@pytest.mark.parametrize("phase", PHASES)
def test_a_run_with_a_teacher_goes_on_from_anywhere_in_a_step(
    phase, folders, fabric, online, monkeypatch
):
    expected, _ = run("online", folders[0], fabric, kept=EachStep)
    place, n = PHASES[phase]
    owner, _, name = place.rpartition(".")
    of = pkgutil.resolve_name(owner)
    with monkeypatch.context() as patched:
        patched.setattr(of, name, nth(Cut, n, getattr(of, name)))
        with pytest.raises(Cut):
            run("online", folders[1], fabric, kept=EachStep)
    assert len([*folders[1].glob("unfinished/*/training.pt")]) == 1
    assert not (folders[1] / "made.pt").exists()
    found, steps = run("online", folders[1], fabric, kept=EachStep)
    assert found == expected
    assert 1 < steps[0] < STEPS


def test_a_checkpoint_without_its_teacher_is_left_aside(folders, fabric, online, capsys):
    expected, _ = run("online", folders[0], fabric)
    cut_off("online", folders[1], fabric)
    (path,) = folders[1].glob("unfinished/*/training.pt")
    content = _read(path)
    del content["parts"]["module teacher"]
    sink = io.BytesIO()
    torch.save(content, sink)
    path.write_bytes(hashlib.sha256(sink.getbuffer()).digest() + sink.getbuffer())
    assert run("online", folders[1], fabric) == (expected, [*range(1, STEPS + 1)])
    assert f"{path}: does not fit; it is left aside" in capsys.readouterr().err
