"""Whole params files: each runs as it is, given its data."""

import subprocess
import sys
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides
from ruamel.yaml import YAML

from pipeline.look.provenance import steps
from pipeline.runtime import lineage, names, parts
from pipeline.runtime.params import read
from tests.commandline import invoke

ROOT = Path(__file__).parents[2]
PRESETS = sorted((ROOT / "presets").glob("*.yaml"))
MAIN = ROOT / "params.yaml"
each = pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)


def test_they_are_all_here():
    expected = {"camvid-dusk", "camvid-dusk-small", "camvid-idd", "drive-chase", "gta5-cityscapes"}
    expected |= {"own-data", "rendered-camvid", "rendered-idd", "synthia-cityscapes"}
    expected |= {"camvid-dusk-online", "rendered-camvid-online", "camvid-dusk-distil"}
    expected |= {f"{of}-{how}" for of in ("gta5", "synthia") for how in ("dacs", "daformer")}
    assert {path.stem for path in PRESETS} >= expected


def test_the_main_job_is_the_preset_streets():
    assert (ROOT / "presets/streets.yaml").read_bytes() == MAIN.read_bytes()


@each
def test_every_part_and_number_is_in_order(path):
    result = invoke("check", path)
    assert result.exit_code == 0, result.exception


@each
def test_a_value_can_be_set_from_the_command_line(path, tmp_path):
    """DVC writes the whole file anew, without quotes, and then reads it."""
    copy = tmp_path / "params.yaml"
    copy.write_bytes(path.read_bytes())
    apply_overrides(copy, ["seed=77"])
    assert read(copy) == {**read(path), "seed": 77}


@pytest.mark.parametrize("name", ["gta5-warmups", "synthia-warmups"])
def test_warmups_take_vgg16_as_the_documents_say(name, tmp_path):
    content = dict(read(ROOT / "presets" / f"{name}.yaml"))
    content["network"]["options"] = {"backbone": "vgg16", "pretrained": "IMAGENET1K_V1"}
    for item in content["warmup"].values():
        given = item["options"]
        given |= {key: 0 for key in ("entropy_aux", "adversarial_aux") if key in given}
    content["retrain"]["frozen_norm"] = False
    YAML().dump(content, tmp_path / "params.yaml")
    result = invoke("check", tmp_path / "params.yaml")
    assert result.exit_code == 0, result.exception


@each
def test_sections_are_those_of_the_main_job(path):
    assert [*read(path)] == [*read(MAIN)]


@each
def test_the_baseline_trains_as_long_as_all_rounds(path):
    content = read(path)
    assert steps(content, "source-long") == steps(content, [*content["rounds"]][-1])


@pytest.mark.parametrize("path", [path for path in PRESETS if "target-norm" in path.read_text()],
                         ids=lambda path: path.stem)  # fmt: skip
def test_target_norm_is_source_long_with_the_targets_batch_norm(path):
    item = read(path)["warmup"]["target-norm"]
    assert (item["from"], item["objective"]) == ("source-long", "adapt_norm")


@each
def test_only_the_built_in_world_is_generated(path):
    content = read(path)
    generated = {f"data/raw/streets/{name}" for name in content["generate"]}
    domains = (content["prepare"]["target"], content["prepare"]["val"], *content["source"].values())
    roots = {domain["root"] for domain in domains}
    assert generated == {root for root in roots if root.startswith("data/raw/streets")}


@pytest.mark.parametrize("name", ["camvid-dusk-online", "rendered-camvid-online"])
def test_a_preset_has_the_data_and_the_network_of_the_one_it_names(name):
    own, other = (
        read(ROOT / "presets" / f"{n}.yaml") for n in (name, name.removesuffix("-online"))
    )
    for section in ("source", "prepare", "network", "training", "evaluate"):
        assert own[section] == other[section]


TRANSLATING = [path for path in PRESETS if read(path)["translations"]]


def test_there_is_a_preset_for_each_translator_of_the_lecture():
    used = {
        item["fit_translator"]["translator"]
        for path in TRANSLATING for item in read(path)["translations"].values()
    }  # fmt: skip
    gans = {
        n for n in parts.names("translators") if hasattr(parts.find("translators", n), "trained")
    }
    assert used == {"appearance", "lab", "fda", *gans}


def test_bdls_second_translation_is_looked_at_by_a_model_of_the_first():
    content = read(ROOT / "presets/streets-bdl.yaml")
    first, second = (content["translations"][name] for name in ("first", "second"))
    learned = names.learned_from(content)
    assert learned[first["fit_translator"]["segmenter"]] == "game"
    assert learned[second["fit_translator"]["segmenter"]] == "first"
    assert learned[[*content["rounds"]][-1]] == "second"
    assert first["fit_translator"]["options"] == second["fit_translator"]["options"]


@pytest.mark.parametrize("name", ["streets-madan", "gta5-synthia-madan"])
def test_madan_is_translators_of_a_mix_a_model_of_what_they_make_and_its_features_aligned(name):
    content = read(ROOT / "presets" / f"{name}.yaml")
    learned, warm = names.learned_from(content), content["warmup"]["madan"]
    made = content["translations"][warm["source"]]
    fit = made["fit_translator"]
    assert fit["translator"] == warm["objective"] == "madan"
    assert len(lineage.members(content, made["source"])) == 2
    assert learned[fit["segmenter"]] == made["source"]
    assert learned[warm["from"]] == warm["source"]
    assert [fit["options"][part] for part in ("sad", "ccd")] == [1, 1]


@pytest.mark.parametrize("name", ["streets-collaborative", "gta5-synthia"])
def test_collaborative_learning_is_of_a_mix_in_the_targets_colours(name):
    content = read(ROOT / "presets" / f"{name}.yaml")
    warm = content["warmup"]["collaborative"]
    made = content["translations"][warm["source"]]
    fit = made["fit_translator"]
    assert (fit["translator"], fit["references"]) == ("lab", "random")
    assert len(lineage.members(content, made["source"])) == 2
    assert names.learned_from(content)[warm["from"]] == warm["source"]
    assert warm["options"]["agree"] == 0.5


@pytest.mark.parametrize("path", TRANSLATING, ids=lambda path: path.stem)
def test_models_learn_from_translations_and_others_that_do_not_judge_them(path):
    content = read(path)
    learned = names.learned_from(content)
    assert {*content["translations"]} <= {*learned.values()}
    for item in content["translations"].values():
        judge = item["evaluate_translation"]["model"]
        assert learned[judge] == item["source"], "the model that judges knows the source alone"


def test_fdas_three_models_count_alike_in_their_mean():
    content = read(ROOT / "presets/gta5-fda.yaml")
    betas = [t["fit_translator"]["options"]["beta"] for t in content["translations"].values()]
    assert betas == [0.01, 0.05, 0.09]
    three = content["mean"]["three"]
    assert three["share"] * 0.5 == pytest.approx(1 / 3)
    assert steps(content, "three") == 300_000
    assert len({tuple(item["options"].items()) for item in content["warmup"].values()}) == 1


@pytest.mark.slow
@each
def test_dvc_makes_stages_of_it(path, tmp_path):
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    dvc = (sys.executable, "-m", "dvc")
    subprocess.run([*dvc, "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    (tmp_path / "params.yaml").write_bytes(path.read_bytes())
    listing = [*dvc, "stage", "list", "--all", "--name-only"]
    stages = subprocess.check_output(listing, cwd=tmp_path, text=True).split()
    for name in YAML(typ="safe").load(path)["rounds"]:
        assert {f"infer@{name}", f"retrain@{name}"} <= set(stages)
