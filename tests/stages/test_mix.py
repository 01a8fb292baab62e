"""mix: two sources that take turns, on disk."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from pipeline.domain import artifacts
from pipeline.domain.taxonomy import IGNORE, resolve
from pipeline.runtime.files import BadInput
from pipeline.stages import mix, source
from tests import worlds

CLASSES = resolve("cityscapes")


@pytest.fixture
def game(tmp_path):
    return checked(tmp_path, "gta5", "game", 4)


def checked(folder, reader, name, count, size=(32, 24)):
    options = getattr(worlds, reader)(folder / name, count)
    width, height = size
    given = {"reader": reader, "root": folder / name, "width": width, "height": height}
    params = source.Params.model_validate({**given, "options": options})
    return {name: source.run(params, name, CLASSES).source}


@pytest.fixture
def drawn(tmp_path):
    return checked(tmp_path, "synthia", "drawn", 3, (16, 12))


@pytest.fixture
def third(tmp_path):
    return checked(tmp_path, "bdd100k", "third", 2)


def test_it_holds_both_with_their_sizes_and_codings(game, drawn, tmp_path):
    path = tmp_path / "index.parquet"
    artifacts.write_sources(path, mix.run(game, drawn))
    found = artifacts.read_sources(path, lambda name: tmp_path / name, memory=9)
    assert [*found] == ["game", "drawn"]
    for name, of in found.items():
        expected = {**game, **drawn}[name]
        assert (of.size, of.coding, of.memory) == (expected.size, expected.coding, 4)
        assert [s.image for s in of.samples] == [s.image for s in expected.samples]
        assert {s.domain for s in of.samples} == {name}
        assert all(s.pixels for s in of.samples)
        assert [s.pixels for s in of.samples] == [s.pixels for s in expected.samples]
        for index in range(len(of)):
            assert np.array_equal(of.image(index), expected.image(index))
            assert np.array_equal(of.label(index), expected.label(index))


def test_a_class_that_a_source_does_not_have_is_ignored_there(game, tmp_path):
    worlds.folder(tmp_path / "few", 2)  # of the values 0, 1, 2 and 255
    options = {"label_map": {0: "road", 1: "car"}, "ignore": [2, 255]}
    given = {"reader": "folder", "root": tmp_path / "few", "width": 32, "height": 24}
    params = source.Params.model_validate({**given, "options": options})
    few = source.run(params, "few", CLASSES)
    assert few.classes.set_index("class")["pixels"].gt(0).sum() == 2
    both = mix.run(game, {"few": few.source})
    road, car, building = (CLASSES.names.index(name) for name in ("road", "car", "building"))
    for index in range(2):
        raw = read_raw(few.source, index)
        label = both["few"].label(index, raw.shape[::-1])
        assert (label[raw == 0] == road).all()
        assert (label[raw == 1] == car).all()
        assert (label[raw == 2] == IGNORE).all()
    assert any((both["game"].label(index) == building).any() for index in range(4))


def read_raw(of, index):
    return np.asarray(Image.open(of.root / of.samples[index].label))


def test_three_are_a_mix_of_a_mix_however_they_are_paired(game, drawn, third, tmp_path):
    paths = [tmp_path / "left.parquet", tmp_path / "right.parquet"]
    artifacts.write_sources(paths[0], mix.run(mix.run(game, drawn), third))
    artifacts.write_sources(paths[1], mix.run(game, mix.run(drawn, third)))
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert [*artifacts.read_sources(paths[0], lambda _: tmp_path)] == ["game", "drawn", "third"]


def test_one_source_twice_is_refused(game, drawn):
    with pytest.raises(BadInput, match="game is in both"):
        mix.run(game, mix.run(drawn, game))


def test_as_a_stage(game, drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    content = {
        "source": {"game": {}, "drawn": {}},
        "mix": {"all": {"one": "game", "other": "drawn"}},
    }
    YAML(typ="safe").dump(content, Path("params.yaml"))
    artifacts.write_sources(Path("game.parquet"), game)
    artifacts.write_sources(Path("drawn.parquet"), drawn)
    words = ["--one", "game.parquet", "--other", "drawn.parquet", "--index", "all.parquet"]
    monkeypatch.setattr("sys.argv", ["mix", "all", *words])
    mix.main()
    assert capsys.readouterr().out == "all: 4 of game, 3 of drawn\n"
    first = Path("all.parquet").read_bytes()
    mix.main()
    assert Path("all.parquet").read_bytes() == first
    assert str(tmp_path).encode() not in first
    assert len(artifacts.read_sources(Path("all.parquet"), lambda _: Path())) == 2


def test_an_index_that_leaves_its_root_or_lacks_a_source_is_refused(game, tmp_path):
    path = tmp_path / "index.parquet"
    artifacts.write_domain(path, game["game"])
    with pytest.raises(BadInput, match=r"index\.parquet: cannot be read as the index of a source"):
        artifacts.read_sources(path, lambda _: tmp_path)
