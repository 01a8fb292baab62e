"""What people run beside the pipeline."""

import json
import shutil
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML

from pipeline import commands
from pipeline.commands import _spans, _translating, cost
from pipeline.domain import artifacts
from pipeline.domain.pixels import resize
from pipeline.domain.taxonomy import resolve
from pipeline.inference import predict
from pipeline.model import model
from pipeline.model.recipe import Recipe
from pipeline.runtime import names
from pipeline.runtime.params import root
from pipeline.sections.pretrain import Network
from pipeline.stages import evaluate, prepare, source
from tests import worlds
from tests.commandline import refusal, segue

ROOT = Path(__file__).parents[2]
TAXONOMY = resolve(list(worlds.FOLDER_NAMES))
CPU = ("--accelerator", "cpu")
SAMPLE = {"reader": "folder", "width": 32, "height": 24}


@pytest.fixture
def weights(tmp_path):
    made = model.create(Recipe("small", TAXONOMY, {"width": 8}), seed=1)
    model.save(tmp_path / "tiny.pt", made.eval())
    return tmp_path / "tiny.pt"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with params.yaml for worlds.folder, and the content to change it by."""
    monkeypatch.chdir(tmp_path)
    for seed, role in enumerate(("source", "target", "val")):
        worlds.folder(Path(role), 4, seed=seed)
    content = YAML(typ="safe").load(ROOT / "presets/own-data.yaml")
    content["source"] = {"labelled": {**SAMPLE, "root": "source"}}
    content["prepare"] = {
        "classes": list(worlds.FOLDER_NAMES),
        **{role: {**SAMPLE, "root": role} for role in ("target", "val")},
    }
    content["network"]["options"] = {"width": 8}
    content["compute"] = {"accelerator": "cpu", "precision": "32-true"}
    content["training"]["augment"] = {"crop_width": 32, "crop_height": 24}
    content["training"]["batch"] = 2
    write(content)
    return content


def write(content):
    YAML().dump(content, Path("params.yaml"))


# --- label ---------------------------------------------------------------------------------


@pytest.fixture
def photographs(tmp_path):
    rng = np.random.default_rng(0)
    sizes = {"a.jpg": (40, 24), "b/c.png": (33, 17), "b/d.e.PNG": (24, 40)}
    for name, (width, height) in sizes.items():
        worlds.save(tmp_path / "in" / name, rng.integers(0, 256, (height, width, 3), np.uint8))
    return {name.rsplit(".", 1)[0].replace("/", "__"): size for name, size in sizes.items()}


@pytest.mark.parametrize("options", [(), ("--width", 16, "--flip")])
def test_label_writes_maps_and_overlays_of_each_images_size(
    weights, photographs, tmp_path, options
):
    told, _ = segue("label", weights, tmp_path / "in", tmp_path / "out", *options, *CPU)
    assert "3 images" in told
    for name, size in photographs.items():
        with Image.open(tmp_path / f"out/labels/{name}.png") as made:
            assert (made.mode, made.size) == ("P", size)
            assert np.asarray(made).max() < len(TAXONOMY)
            assert tuple(made.getpalette()[:3]) == TAXONOMY.colours[0]
        with Image.open(tmp_path / f"out/overlays/{name}.png") as shown:
            assert (shown.mode, shown.size) == ("RGB", size)
    assert len([*(tmp_path / "out").rglob("*.png")]) == 6


def test_an_overlay_without_opacity_is_the_image(weights, photographs, tmp_path):
    segue("label", weights, tmp_path / "in", tmp_path / "out", "--opacity", 0, *CPU)
    before, after = (Image.open(tmp_path / p) for p in ("in/b/c.png", "out/overlays/b__c.png"))
    assert (np.asarray(before) == np.asarray(after)).all()


@pytest.mark.parametrize("folder", ["empty", "absent"])
def test_label_refuses_a_folder_without_images(weights, tmp_path, folder):
    (tmp_path / "empty").mkdir()
    assert "holds no image (.png" in refusal("label", weights, tmp_path / folder, tmp_path)


@pytest.mark.parametrize("given", ["absent", "a.png"])
def test_label_says_of_what_is_no_folder_that_it_is_none(weights, tmp_path, given):
    worlds.save(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    told = refusal("label", weights, tmp_path / given, tmp_path / "out")
    assert told.startswith(f"{tmp_path / given}: is no folder, and so holds no image (.png")


def test_an_image_whose_name_is_too_long_does_not_lose_the_others(weights, photographs, tmp_path):
    long = tmp_path / "in" / ("a" * 120) / f"{'b' * 140}.png"
    worlds.save(long, np.zeros((8, 8, 3), np.uint8))
    told = refusal("label", weights, tmp_path / "in", tmp_path / "out", *CPU)
    assert told == f"{long}: with its folders too long to name a file; shorten it"
    assert {path.stem for path in (tmp_path / "out/labels").iterdir()} == photographs.keys()


def test_label_refuses_images_whose_labels_would_have_one_name(weights, photographs, tmp_path):
    worlds.save(tmp_path / "in/a.png", np.zeros((8, 8, 3), np.uint8))
    assert "named a.png" in refusal("label", weights, tmp_path / "in", tmp_path / "out", *CPU)
    assert not (tmp_path / "out").exists()


def test_label_leaves_out_what_it_wrote_itself(weights, photographs, tmp_path):
    """Its output within its input, and run again."""
    images, out = tmp_path / "in", tmp_path / "in" / "out"
    told = {segue("label", weights, images, out, *CPU)[0] for _ in range(2)}
    assert len(told) == 1
    assert {path.stem for path in (out / "labels").iterdir()} == photographs.keys()


def test_best_is_the_model_that_the_report_found(weights, photographs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = refusal("label", "best", "in", "out", *CPU)
    assert told.endswith("dvc.yaml: no such file; work in the project's folder")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    told = refusal("label", "best", "in", "out", *CPU)
    assert told.startswith("models/best.json: no such file")
    Path("models").mkdir()
    weights.rename("models/round-2.pt")
    found = {"model": "round-2", "file": "round-2.pt", "chosen_by": "val"}
    Path("models/best.json").write_text(json.dumps(found))
    assert segue("label", "best", "in", "out", *CPU)[0] == "3 images labelled in out\n"
    worlds.folder(Path("data"), 4)
    size = ("--width", 32, "--height", 24)
    named, best = (segue("score", m, "data", *size, *CPU) for m in ("models/round-2.pt", "best"))
    assert best[0] == named[0]
    assert "best is models/round-2.pt, chosen by val" in best[1].splitlines()


def test_label_refuses_a_file_that_is_no_model(photographs, tmp_path):
    torch.save({"some": torch.zeros(1)}, tmp_path / "foreign.pt")
    told = refusal("label", tmp_path / "foreign.pt", tmp_path / "in", tmp_path / "out")
    assert "foreign.pt: is no model of this project" in told


def test_a_model_that_began_from_downloaded_weights_loads_without_them(tmp_path, monkeypatch):
    made = model.create(Recipe("deeplabv3", TAXONOMY, {"backbone": "mobilenet"}), seed=0)
    made.recipe = replace(made.recipe, options={**made.recipe.options, "pretrained": "DEFAULT"})
    model.save(tmp_path / "x.pt", made)
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", None)
    assert model.load(tmp_path / "x.pt").recipe.options == {"backbone": "mobilenet"}


@pytest.fixture
def sized(weights, tmp_path):
    """The same model, which has learned from images of 32x24."""
    model.save(tmp_path / "sized.pt", model.load(weights), (32, 24))
    return tmp_path / "sized.pt"


def test_label_sees_images_at_the_models_own_size_and_says_so(sized, photographs, tmp_path):
    _, aside = segue("label", sized, tmp_path / "in", tmp_path / "own", *CPU)
    assert f"{sized}: images of 32x24, the size it was trained at; --width changes it" in aside
    assert "1 were squeezed; --width keeps their proportions" in aside  # 24x40
    _, aside = segue("label", sized, tmp_path / "in", tmp_path / "out", "--width", 0, *CPU)
    assert "32x24" not in aside
    assert "squeezed" not in aside
    used = model.load(sized)
    for name in photographs:
        path = next((tmp_path / "in").rglob(f"{name.split('__')[-1]}.*"))
        image = np.asarray(Image.open(path).convert("RGB"))
        for folder, size in (("own", (32, 24)), ("out", image.shape[1::-1])):
            pixels = torch.from_numpy(np.array(resize(image, size))).permute(2, 0, 1)[None]
            maps, over = predict.scores(used.eval(), pixels)
            expected = predict.labels(maps, *image.shape[:2], over)[0].numpy()
            with Image.open(tmp_path / folder / f"labels/{name}.png") as made:
                assert np.array_equal(np.asarray(made), expected)


def test_a_model_of_before_there_was_a_size_says_which_it_takes(weights, photographs, tmp_path):
    assert model.load(weights).recipe.size is None
    _, aside = segue("label", weights, tmp_path / "in", tmp_path / "out", *CPU)
    assert f"{weights}: images as they are, because its file names no size; --width" in aside
    worlds.folder(tmp_path / "data", 2)
    plain, aside = segue("score", weights, tmp_path / "data", *CPU)
    assert f"{weights}: images of 1024x512, because its file names no size" in aside
    asked, aside = segue("score", weights, tmp_path / "data", "--width", 1024, *CPU)
    assert "1024x512" not in aside
    assert plain == asked


# --- score ---------------------------------------------------------------------------------


def test_score_takes_the_size_that_the_model_was_trained_on(sized, tmp_path, monkeypatch):
    worlds.folder(tmp_path / "data", 3)
    seen, plain = [], evaluate.run
    monkeypatch.setattr(evaluate, "run", lambda *a: seen.append(a[2].size) or plain(*a))
    _, aside = segue("score", sized, tmp_path / "data", *CPU)
    assert "images of 32x24, the size it was trained at" in aside
    for asked in (("--width", 64), ("--height", 48), ("--width", 64, "--height", 24)):
        assert "images of" not in segue("score", sized, tmp_path / "data", *asked, *CPU)[1]
    assert seen == [(32, 24), (64, 48), (64, 48), (64, 24)]


def test_score_tells_what_evaluate_finds(weights, tmp_path, fabric):
    worlds.folder(tmp_path / "data", 4)
    size = ("--width", 32, "--height", 24)
    told, _ = segue("score", weights, tmp_path / "data", *size, *CPU)
    found = json.loads(told, parse_constant=pytest.fail)

    worlds.folder(tmp_path / "other", 4, seed=9)
    other, spec = ({**SAMPLE, "root": tmp_path / name} for name in ("other", "data"))
    asked = prepare.Params(classes=list(TAXONOMY.names), target=other, val=spec)
    loaded = model.load(weights)
    confusion = evaluate.run(evaluate.Params(), loaded, prepare.run(asked).val, fabric)
    metrics, table = evaluate.tables(confusion, loaded, None)
    assert {key: found[key] for key in metrics} == metrics
    assert found["iou"] == dict(zip(table["class"], table["iou"], strict=True))
    assert found["images"] == 4


def test_score_names_the_labels_that_it_refuses(weights, tmp_path):
    worlds.folder(tmp_path / "data", 4)
    bad = tmp_path / "data/labels/east/field.0.png"
    worlds.save(bad, np.full((24, 32), 77, np.uint8))
    told, aside = segue("score", weights, tmp_path / "data", *CPU)
    assert json.loads(told)["images"] == 3
    assert "refused: labels/east/field.0.png: unknown label values 77" in aside


def test_score_sees_only_pixels_that_count(tmp_path):
    made = model.create(Recipe("small", resolve("vessels"), {"width": 8}), seed=1)
    model.save(tmp_path / "eyes.pt", made.eval())
    options = worlds.chase_db1(tmp_path / "data", 2)
    asked = ("--reader", "chase_db1", "--options", json.dumps(options), *CPU)
    first, _ = segue("score", tmp_path / "eyes.pt", tmp_path / "data", *asked)
    for path in (tmp_path / "data").glob("*_1stHO.png"):
        photograph = tmp_path / "data" / path.name.replace("_1stHO.png", ".jpg")
        outside = np.asarray(Image.open(photograph)).max(2) <= 20
        worlds.save(path, np.asarray(Image.open(path)) ^ outside)
    second, _ = segue("score", tmp_path / "eyes.pt", tmp_path / "data", *asked)
    assert json.loads(first)["images"] == 2
    assert first == second


def test_score_passes_options_to_the_reader(weights, tmp_path):
    worlds.folder(tmp_path / "data", 4)
    (tmp_path / "data/labels").rename(tmp_path / "data/truth")
    options = ("--options", '{"labels": "truth"}')
    told, _ = segue("score", weights, tmp_path / "data", *options, *CPU)
    assert json.loads(told)["images"] == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("{", "is no JSON"),
        ("[1]", "must be a mapping"),
        ('{"part": "val"}', """--options '{"part": "val"}': datasets/folder: no option 'part'"""),
        ('{"labels": null}', "no image with a good label is left"),
    ],
)
def test_score_refuses(weights, tmp_path, options, message):
    worlds.folder(tmp_path / "data", 2)
    told = refusal("score", weights, tmp_path / "data", "--options", options, *CPU)
    assert message in told


# --- cost ----------------------------------------------------------------------------------

SPAN = cost.Span(1, 2)
EACH = cost.Measured(
    sample=SPAN, model=100, infer=SPAN * 3, predictions=10, label=SPAN * 5, labels=7,
    evaluate=SPAN * 11, targets=13, vals=17,
)  # fmt: skip


def test_an_estimate_is_what_was_measured_times_what_is_asked_for(project):
    of = {"source": "labelled"}
    project["pretrain"] = {"source": {**of, "steps": 10}, "long": {**of, "steps": 30}}
    project["warmup"] = {"warm": {**of, "from": "source", "objective": "source_only", "steps": 4}}
    project["mean"] = {"both": {"one": "warm", "other": "source"}}
    project["warmup"]["warm"]["batch"] = 7
    project["retrain"] = {"steps": 5}
    project["rounds"]["round-2"]["retrain"]["steps"] = 6
    project["rounds"]["round-1"] |= {"teacher": "source", "start": "source"}
    write(project)
    batch = project["training"]["batch"]
    assert cost.estimate(project, EACH) == [
        ("pretrain", 2, 2, SPAN * ((10 + 30) * batch), 2 * 100),
        ("warmup", 1, 1, SPAN * (4 * 7), 100),
        ("mean", 1, 1, cost.NOTHING, 2 * 100),
        ("infer", 3, 3, SPAN * (3 * 13 * 3), 3 * 13 * 10),
        ("pseudo_label", 3, 3, SPAN * (3 * 13 * 5), 3 * 13 * 7),
        ("retrain", 3, 3, SPAN * ((5 + 6 + 5) * batch), 3 * 100),
        ("evaluate", 7, 7, SPAN * (8 * 17 * 11), 0),  # a mean is two models
    ]
    some = {"pretrain@long", "retrain@round-2", "evaluate_mean@both", "split@round-2"}
    rows = {row.stage: row[1:] for row in cost.estimate(project, EACH, some)}
    assert rows["pretrain"] == (1, 2, SPAN * (30 * batch), 100)
    assert rows["infer"] == (0, 3, cost.NOTHING, 0)
    assert rows["retrain"] == (1, 3, SPAN * (6 * batch), 100)
    assert rows["evaluate"] == (1, 7, SPAN * (2 * 17 * 11), 0)


def test_a_span_is_of_parts_and_no_moment_decides_it():
    assert _spans.span([1, 1, 1, 1, 9, 1]) == (1, 5)
    assert _spans.span([2, 1]) == (1, 2)


def test_what_warms_up_is_not_measured(monkeypatch):
    now, ran = [0.0], []

    def run():
        ran.append(1)
        now[0] += 60 if len(ran) == 1 else 2

    monkeypatch.setattr(_spans.time, "perf_counter", lambda: now[0])
    assert _spans.timed(run, 4) == (0.5, 0.5)


def test_a_busy_machine_is_told_of():
    assert any("busy (load 1.9 on 2 cores)" in line for line in cost._notes(6, 1.9, 2))
    assert not any("busy" in line for line in cost._notes(6, 0.4, 2))
    assert max(len(line) for line in cost._notes(6, 100.0, 128)) <= 100


@pytest.mark.parametrize("val", [True, False])
def test_cost_measures_a_prepared_world(val, project, monkeypatch):
    if not val:
        project["prepare"]["val"] = {"reader": "none", "root": "target"}
        write(project)
    outputs = ("target", "target_truth", "val", "taxonomy", "classes", "refused")
    files = {"taxonomy": "taxonomy.json", "classes": "classes.csv", "refused": "refused.csv"}
    at = {key.replace("_", "-"): f"made/prepared/{files.get(key, f'{key}.parquet')}"
          for key in outputs}  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["prepare", *(f"--{key}={path}" for key, path in at.items())])
    prepare.main()
    own = "made/sources/labelled"
    made = {"index": f"{own}/index.parquet", "classes": "c.csv", "refused": f"{own}/refused.csv"}
    made |= {key: at[key] for key in ("target", "val", "taxonomy")}
    words = [f"--{key}={path}" for key, path in made.items()]
    monkeypatch.setattr(sys, "argv", ["source", "labelled", *words])
    source.main()
    painted = {"source": "labelled", "fit_translator": {"translator": "lab", "segmenter": "none"},
               "translate": {"copies": 2},
               "evaluate_translation": {"model": "source", "adapted": "source"}}  # fmt: skip
    crops = {"steps": 40, "augment": {"crop_width": 24, "crop_height": 24}}
    learnt = {"translator": "cyclegan", "segmenter": "none", "training": crops,
              "options": {"networks": {"width": 4, "blocks": 1, "discriminator": 4}}}  # fmt: skip
    project["translations"] = {
        "painted": painted, "again": {**painted, "source": "painted"},
        "learnt": {**painted, "fit_translator": learnt, "translate": {}},
        "looked": {**painted, "translate": {}, "fit_translator": {
            "translator": "appearance", "segmenter": "other", "options": {"iterations": 1}}},
    }  # fmt: skip
    project["pretrain"]["other"] = {"source": "labelled", "steps": 1}
    project["pretrain"]["source"]["source"] = "again"  # which is not there before it is translated
    write(project)
    network = Network(name="small", options={"width": 4})
    found = _translating.translations(project, Path("made"), network)
    table = artifacts.read_sources(Path(own, "index.parquet"), root)["labelled"]
    assert all(0 < time.low <= time.high < 60 for time, _ in found.values())
    sizes = [size / len(table) for _, size in found.values()]
    assert sizes[1] == 2 * sizes[0]  # two copies, and two of each of these
    assert 2 * 500 < sizes[0] < 2 * 5000  # PNGs of 32x24
    monkeypatch.setenv("COLUMNS", "100")
    told, silence = segue("cost", "made", "--steps", 3)
    assert silence == ""
    assert "Cannot tell what DVC has already" in told  # it is no project
    assert max(map(len, told.splitlines())) <= 100
    assert " translate " in told
    assert " fit_translator " in told
    for stage in ("pretrain", "warmup", "infer", "pseudo_label", "retrain", "evaluate", "all"):
        assert f" {stage} " in told
    assert "Measured: 3 steps" in told


def test_cost_needs_what_the_sources_stages_write(project):
    told = refusal("cost", "nowhere")
    assert told == (
        "nowhere/sources/labelled/index.parquet: no such file; run `dvc repro source mix` first"
    )


@pytest.mark.parametrize("pretrain", [{"pretrain": {}}, {"pretrain": None}, {}])
def test_cost_needs_a_model_to_measure(pretrain, project):
    bare = {key: {} if key in names.MODELS else value for key, value in project.items()}
    del bare["pretrain"]
    write(bare | pretrain)
    assert refusal("cost").startswith("params.yaml: pretrain names no model, so there is nothing")


def test_cost_needs_the_source_that_a_model_learns_from(project):
    del project["pretrain"]["source"]["source"]
    write(project)
    assert "pretrain.source.source is missing; run `segue check`" in refusal("cost", "nowhere")


# --- preset --------------------------------------------------------------------------------


@pytest.fixture
def presets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("presets").mkdir()
    for name in ("one", "two"):
        Path(f"presets/{name}.yaml").write_text(f"name: {name}\n")
    Path("params.yaml").write_bytes(Path("presets/one.yaml").read_bytes())


def kept():
    return Counter(path.read_text() for path in Path().glob("params*.yaml"))


def test_a_preset_becomes_the_params(presets):
    segue("preset", "two")
    assert kept() == {"name: two\n": 1}


def test_no_edit_is_ever_lost(presets):
    Path("params.yaml").write_text("mine: 1\n")
    told, _ = segue("preset", "two")
    assert "is now params.previous.yaml" in told
    assert kept() == {"name: two\n": 1, "mine: 1\n": 1}
    for number in (2, 3):
        Path("params.yaml").write_text(f"mine: {number}\n")
        told, _ = segue("preset", "one")
        assert f"is now params.previous-{number}.yaml" in told
    assert kept() == {"name: one\n": 1, "mine: 1\n": 1, "mine: 2\n": 1, "mine: 3\n": 1}
    assert Path("params.yaml").read_text() == "name: one\n"


def test_a_preset_needs_no_params_before_it(presets):
    Path("params.yaml").unlink()
    segue("preset", "one")
    assert kept() == {"name: one\n": 1}


def test_an_unknown_preset_changes_nothing(presets):
    assert "no preset 'three'; choose one, two" in refusal("preset", "three")
    assert kept() == {"name: one\n": 1}


def test_a_folder_without_presets_is_named(presets):
    told = refusal("preset", "one", "--folder", "nowhere")
    assert told == "no preset 'one'; nowhere holds none; see --folder"


def test_a_folder_in_the_place_of_the_params_is_told(presets):
    Path("params.yaml").unlink()
    Path("params.yaml").mkdir()
    assert refusal("preset", "one").startswith("params.yaml: is no file; move it away")


# --- check ---------------------------------------------------------------------------------


def test_check_accepts_what_runs(project):
    assert "params.yaml: every section" in segue("check")[0]


def test_check_tells_all_that_is_wrong_at_once(project):
    project["retrian"] = {}
    project["training"]["epochs"] = 3
    project["network"]["options"] = {"width": "wide", "deep": True}
    project["prepare"]["target"]["options"] = {"label": None}
    project["source"]["labelled"]["width"] = "wide"
    first, second, third = project["rounds"].values()
    first["pseudo_label"] = {"labeler": "cbts", "portion": 0.5}
    second["split"] = {"ranker": "none", "easy": 2, "options": {}}
    third["retrain"]["options"] = {"target": "much"}
    del third["gallery"], third["split"]["ranker"]
    write(project)
    told = refusal("check")
    for line in (
        "params.yaml: retrian: no such key; choose seed,",
        "params.yaml: pretrain.source.epochs = 3: Extra inputs are not permitted",
        "params.yaml: source.labelled.width = 'wide': Input should be a valid integer",
        "params.yaml: rounds.round-1.pseudo_label: no 'cbts' among the labelers; choose cbst",
        "params.yaml: rounds.round-2.split.easy = 2: Input should be less than or equal to 1",
        "params.yaml: rounds.round-3.gallery is missing; DVC tracks it",
        "params.yaml: rounds.round-3.split.ranker is missing; name it in the round itself",
    ):
        assert line in told
    assert len(set(told.splitlines())) == len(told.splitlines())


def test_check_knows_the_options_of_each_part(project):
    project["network"]["options"] = {"width": "wide", "deep": True}
    project["prepare"]["target"]["options"] = {"label": None}
    project["warmup"]["warm"] = {"from": "source", "source": "labelled", "steps": 1,
                                 "objective": "self_training", "options": {"wait": 1}}  # fmt: skip
    first, second, third = project["rounds"].values()
    first["pseudo_label"]["options"] = {"alpha": 0.25}
    second["split"]["options"] = {"normalise": True}
    third["retrain"]["options"] = {"target": "much"}
    write(project)
    assert [line.split(": ", 1)[1].split(";")[0] for line in refusal("check").splitlines()] == [
        "prepare.target: datasets/folder: no option 'label'",
        "network: networks/small: option width='wide': Input should be a valid integer, unable "
        "to parse string as an integer",
        "network: networks/small: no option 'deep'",
        "warmup.warm: objectives/self_training: no option 'wait'",
        "rounds.round-1.pseudo_label: labelers/cbst: no option 'alpha'",
        "rounds.round-2.split: rankers/entropy: no option 'normalise'",
        "rounds.round-3.retrain: objectives/self_training: option target='much': Input should be "
        "a valid number, unable to parse string as a number",
        "warmup.warm.objective = self_training: learns from pseudo-labels, and a warmup has none",
    ]


def test_a_refusal_is_one_message_and_exit_1(project, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["segue", "preset", "nothing"])
    with pytest.raises(SystemExit, match="error: no preset 'nothing'"):
        commands.main()
