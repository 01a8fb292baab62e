"""What is written for annotation tools, read by code of theirs.

Datumaro has the readers of CVAT and COCO; Label Studio's converter reads a brush, and writes one.
"""

import json

import numpy as np
import pytest
from PIL import Image

from pipeline.domain.taxonomy import IGNORE
from pipeline.review import coco, cvat, cvat_masks, label_studio
from pipeline.review.tasks import layers
from tests import outside
from tests.tools import SIZE, TASK, labels

READ = """
import json, sys
from datumaro.components.annotation import AnnotationType
from datumaro.components.dataset import Dataset
found = Dataset.import_from(sys.argv[1], sys.argv[2])
names = [each.name for each in found.categories()[AnnotationType.label]]
masks = {
    item.id: [(names[a.label], a.image.tolist()) for a in item.annotations if hasattr(a, "image")]
    for item in found
}
print(json.dumps(masks))
"""


@pytest.mark.outside
@pytest.mark.parametrize(
    ("form", "name"), [(cvat, "cvat"), (cvat_masks, "voc_segmentation"), (coco, "coco_instances")]
)
def test_datumaro_finds_the_same_labels(form, name, tmp_path):
    given = labels()
    form.write(tmp_path, TASK, given.items())
    for each in given:
        path = tmp_path / "images" / f"{each}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", SIZE).save(path)
    found = json.loads(outside.run(READ, tmp_path, name))
    assert found.keys() == given.keys()
    for each, masks in found.items():
        label = np.full(SIZE[::-1], IGNORE, np.uint8)
        for of_class, mask in masks:
            if of_class != "ignored":  # black, in the pictures
                assert (label[np.array(mask, bool)] == IGNORE).all()
                label[np.array(mask, bool)] = TASK.taxonomy.names.index(of_class)
        assert np.array_equal(label, given[each]), each


BRUSH = """
import importlib.util, json, pathlib, sys
import numpy as np
place = importlib.util.find_spec("label_studio_converter").submodule_search_locations[0]
spec = importlib.util.spec_from_file_location("brush", pathlib.Path(place, "brush.py"))
brush = importlib.util.module_from_spec(spec)
spec.loader.exec_module(brush)
found = []
for given in json.loads(pathlib.Path(sys.argv[1]).read_text()):
    mask = brush.decode_rle(given).reshape(int(sys.argv[3]), int(sys.argv[2]), 4)[..., 3]
    found.append((mask.tolist(), [int(each) for each in brush.mask2rle(mask)]))
print(json.dumps(found))
"""


@pytest.mark.outside
def test_label_studios_converter_reads_a_brush_and_its_own_is_read(tmp_path):
    masks = [mask for label in labels().values() for _, mask in layers(label)]
    (tmp_path / "brushes").write_text(json.dumps([label_studio.packed(mask) for mask in masks]))
    found = json.loads(outside.run(BRUSH, tmp_path / "brushes", *SIZE))
    for mask, (read, written) in zip(masks, found, strict=True):
        assert np.array_equal(np.array(read) > 0, mask)
        assert np.array_equal(label_studio.unpacked(written, SIZE), mask)
