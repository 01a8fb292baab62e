"""What the page knows of translations, and how a name becomes part of an address."""

import numpy as np
from PIL import Image

from pipeline.look import maps, translations
from tests import looks
from tests.rounds import THREE


def test_a_translation_is_its_numbers_in_the_order_of_its_images(tmp_path):
    shown = looks.world(tmp_path, translated=looks.TRANSLATED)["translations"]
    assert [each["name"] for each in shown] == [*looks.TRANSLATED]
    first = shown[0]
    assert first["images"] == [*looks.SOURCES]
    assert first["references"] == [0, 1, 2, 0, 1, 2]
    assert first["changed"]["model"] == [round((n + 1) / 64, 4) for n in range(6)]
    assert first["models"] == {"model": "source", "adapted": "round-1"}
    assert first["table"][2] == {"images": "target", "kid_first": 0.0, "miou_model": None}
    assert first["changes"][0] == {
        "before": "soil", "after": "crop", "pixels": 10, "percent": 5.0, "model": "model"
    }  # fmt: skip


def test_a_target_image_is_what_the_translator_made_of_it(tmp_path):
    shown = looks.world(tmp_path, translated=looks.TRANSLATED)["translations"]
    told = ["the target image whose look it has", "a target image; it learnt from all"]
    assert [each["whose"] for each in shown] == told
    measured = {"translator": "lab", "training": None}
    assert translations.whose({**measured, "references": "random"}) == told[0]
    mean = translations.whose({**measured, "references": "mean"})
    assert mean == "a target image; it has the mean look of all"


def test_params_without_translations_have_none(tmp_path):
    assert translations.content({}, tmp_path) == []
    assert translations.content({"translations": {}}, tmp_path) == []


def test_hostile_names_leave_the_page_one_script(tmp_path):
    looks.world(tmp_path, translated=looks.TRANSLATED)
    text = (tmp_path / "page/data.js").read_text(encoding="ascii")
    assert "<" not in text
    assert text.count("look.open(") == 1


def test_what_changed_stands_out_of_grey(scenes, tmp_path):
    source, target = scenes(2), scenes(2, name="target", seed=5)
    size = source.size
    writer = translations.Writer(tmp_path / "sources/x/translation", source, source, target, [1, 0],
                                 THREE.colours, size, 85)  # fmt: skip
    before = np.zeros(size[::-1], np.uint8)
    after = before.copy()
    after[:, 3] = 2
    panels = writer.panels(0, before, after)
    assert len(panels) == len(translations.COLUMNS)
    assert np.array_equal(panels[2], target.image(1))
    assert (panels[5][:, 3] == THREE.colours[2]).all()
    assert (np.delete(panels[5], 3, 1) == 60).all()
    writer.write(1, {"model": (before, after)})
    planes = maps.read(maps.file(tmp_path / "sources/x/translation/maps", 1))
    assert np.array_equal(maps.unpack(planes["model_after"], size), after)
    with Image.open(maps.file(tmp_path / "sources/x/translation/source", 1, "jpg")) as picture:
        assert np.abs(np.asarray(picture, int) - source.image(1)).mean() < 20
