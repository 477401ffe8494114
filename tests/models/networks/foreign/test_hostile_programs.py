"""Archives that would run code, or take much memory, in torch.export.load."""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sureflow.networks.foreign.exported import ExportedNetwork
from sureflow.networks.foreign.symbols import check_expression
from tests.hostile import altered
from tests.models.networks.foreign.programs import MODEL, edited, image, repacked, scaled, trap

WEIGHTS = "archive/data/weights/model_weights_config.json"
CONSTANTS = "archive/data/constants/model_constants_config.json"
Table = dict[str, Any]


@pytest.fixture(scope="module")
def sound() -> bytes:
    return image()


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """A file that hostile programs try to make."""
    return tmp_path / "mark"


def refused(data: bytes, mark: Path, reason: str = "") -> None:
    with pytest.raises(ValueError, match=f"^program: .*{reason}"):
        ExportedNetwork.holding(data)
    assert not mark.exists()


def graph(table: Table) -> Table:
    found: Table = table["graph_module"]["graph"]
    return found


def test_sizes_are_no_python(sound: bytes, mark: Path) -> None:
    def change(table: Table) -> None:
        size = graph(table)["tensor_values"]["x"]["sizes"][0]["as_expr"]
        size["expr_str"] = f"__import__('pathlib').Path({str(mark)!r}).touch()"

    refused(edited(sound, change), mark, "is no expression for a size")


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s0').__class__",
        "Symbol(__import__('os').getcwd())",
        "Symbol('s0', **{'integer': True})",
        "Symbol(*['s0'])",
        "(lambda: Integer(1))()",
        "[Integer(1) for _ in Integer(1)][0]",
        "Integer(__import__)",
        "Symbol('__import__(1)')",
        "Symbol('u99999999999')",
        "Symbol(f'{s0}')",
        "s0 + 1",
        "eval('1')",
        "Pow(Integer(2), Integer(99999999))",
        "Pow(Pow(Symbol('s0'), Integer(4)), Integer(4))",
        "Float('1', precision=10000000)",
        f"Integer({'9' * 40})",
        "Add(" * 900 + ")" * 900,
        "",
        None,
        7,
    ],
)
def test_expressions_of_other_forms_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"program: .*no expression for a size"):
        check_expression(text)


def test_expressions_of_torch_are_read() -> None:
    text = "Add(Mul(Integer(-2), FloorDiv(Symbol('s0', integer=True), Integer(2))), Integer(1))"
    assert check_expression(text) == text


def test_guards_are_not_run(sound: bytes, mark: Path) -> None:
    code = f"__import__('pathlib').Path({str(mark)!r}).touch() or True"
    network = ExportedNetwork.holding(edited(sound, lambda table: table.update(guards_code=[code])))
    network(torch.zeros(2, 1, 6, 6), torch.zeros(2), torch.zeros(2))
    assert not mark.exists()


def test_example_inputs_are_not_unpickled(sound: bytes, mark: Path) -> None:
    change = {"archive/data/sample_inputs/model.pt": trap(mark)}
    assert ExportedNetwork.holding(repacked(sound, lambda entries: entries.update(change))).ready
    assert not mark.exists()


@pytest.mark.parametrize("name", ["custom_obj_0", "opaque_obj_0", "tensor_0", "model.pt"])
def test_constants_are_not_unpickled(name: str, sound: bytes, mark: Path) -> None:
    def change(entries: dict[str, bytes]) -> None:
        table = json.loads(entries[CONSTANTS])
        table["config"]["constant"] |= {"path_name": name, "use_pickle": True}
        entries[CONSTANTS] = json.dumps(table).encode()
        entries[f"archive/data/constants/{name}"] = trap(mark)

    refused(repacked(sound, change), mark)


def test_weights_are_not_unpickled(sound: bytes, mark: Path) -> None:
    def change(entries: dict[str, bytes]) -> None:
        table = json.loads(entries[WEIGHTS])
        table["config"]["stem.bias"]["use_pickle"] = True
        entries[WEIGHTS] = json.dumps(table).encode()
        entries["archive/data/weights/weight_1"] = trap(mark)

    refused(repacked(sound, change), mark, "may hold code")
    legacy = {"archive/data/weights/model.pt": trap(mark)}
    refused(repacked(sound, lambda entries: entries.update(legacy)), mark, "does not write")


@pytest.mark.parametrize(
    "target",
    [
        "torch.hub.load",
        "torch.load",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "torch.ops.aten.empty.memory_format",
        "torch.ops.aten.add.out",
        "torch.ops.aten.add.__class__",
        "torch.ops.loaded_libraries.add",
        "torch.ops.higher_order.cond",
        "torch._inductor.codecache.PyCodeCache.load",
        "_operator.methodcaller",
        "_operator.pow",
        "#extension:add",
        "torch.ops.aten.no_such.default",
        None,
        ["torch.ops.aten.add.Tensor"],
    ],
)
def test_only_mathematics_is_called(target: object, sound: bytes, mark: Path) -> None:
    data = edited(sound, lambda table: graph(table)["nodes"][0].update(target=target))
    refused(data, mark, "it calls")


@pytest.mark.parametrize(
    "kind", ["as_operator", "as_graph", "as_custom_obj", "as_string_to_argument"]
)
def test_arguments_are_numbers_and_tensors(kind: str, sound: bytes, mark: Path) -> None:
    value = {"name": "x", "class_fqn": "os.system", "graph": {}}
    argument = {"name": "input", "arg": {kind: value}, "kind": 1}
    data = edited(sound, lambda table: graph(table)["nodes"][0]["inputs"].insert(0, argument))
    refused(data, mark, "expected numbers and tensors")


def injected(mark: Path) -> str:
    return f"x=__import__('pathlib').Path({str(mark)!r}).touch()"


def arguments_renamed(table: Table, text: str) -> None:
    table["graph_module"]["module_call_graph"][0]["signature"]["forward_arg_names"][0] = text


def node_renamed(table: Table, text: str) -> None:
    graph(table)["nodes"][0]["name"] = text


def weight_renamed(table: Table, text: str) -> None:
    table["graph_module"]["signature"]["input_specs"][0]["parameter"]["parameter_name"] = text


def keyword_renamed(table: Table, text: str) -> None:
    signature = table["graph_module"]["module_call_graph"][0]["signature"]
    signature["forward_arg_names"] = None
    signature["in_spec"] = signature["in_spec"].replace("label", text.replace("'", ""))


@pytest.mark.parametrize(
    "change", [arguments_renamed, node_renamed, weight_renamed, keyword_renamed]
)
@pytest.mark.parametrize("text", [None, "lambda", "__class__", "a b", 'a")+1#'])
def test_names_do_not_become_code(
    change: Callable[[Table, str], None], text: str | None, sound: bytes, mark: Path
) -> None:
    if change is weight_renamed and text == "lambda":
        return  # torch writes names of tensors as attributes, which it quotes
    refused(edited(sound, lambda table: change(table, text or injected(mark))), mark)


@pytest.mark.parametrize(
    "tree",
    [
        {"type": "collections.defaultdict", "context": {"default_factory_module": "os"}},
        {"type": "builtins.dict", "context": '{"__enum__": 1, "fqn": "this:x", "name": "y"}'},
        {"type": "collections.namedtuple", "context": '"os"'},
    ],
)
def test_types_are_not_imported(tree: Table, sound: bytes, mark: Path) -> None:
    def change(table: Table) -> None:
        leaf = {"type": None, "context": None, "children_spec": []}
        signature = table["graph_module"]["module_call_graph"][0]["signature"]
        signature["out_spec"] = json.dumps([1, {**tree, "children_spec": [leaf]}])

    refused(edited(sound, change), mark, "how its inputs and outputs are nested")


def test_endless_counting_is_refused(sound: bytes, mark: Path) -> None:
    limits = {"u999999999999": {"min_val": 0, "max_val": 1}}
    refused(edited(sound, lambda table: table["range_constraints"].update(limits)), mark)


def test_tensors_are_as_large_as_their_files(sound: bytes, mark: Path) -> None:
    def change(table: Table) -> None:
        meta = table["config"]["stem.bias"]["tensor_meta"]
        meta["sizes"], meta["strides"] = [{"as_int": 1 << 40}], [{"as_int": 0}]

    refused(edited(sound, change, WEIGHTS), mark, "is no part of")

    def emptied(entries: dict[str, bytes]) -> None:
        change_table = json.loads(entries[WEIGHTS])
        change(change_table)
        entries[WEIGHTS] = json.dumps(change_table).encode()
        entries["archive/data/weights/weight_1"] = b""

    refused(repacked(sound, emptied), mark, "is no part of")


def test_compressed_archives_are_refused(sound: bytes, mark: Path) -> None:
    bomb = {"archive/data/weights/weight_9": bytes(10_000_000)}
    change: Callable[[dict[str, bytes]], None] = lambda entries: entries.update(bomb)  # noqa: E731
    refused(repacked(sound, change, compression=zipfile.ZIP_DEFLATED), mark, "compressed")


def test_claimed_sizes_are_checked(sound: bytes, mark: Path) -> None:
    """Two entries of the directory that share their bytes, as in a bomb without compression."""
    with zipfile.ZipFile(io.BytesIO(sound)) as file:
        first, start = file.infolist()[0], file.start_dir
    claimed = bytearray(sound)
    for at in (start + 20, start + 24):
        claimed[at : at + 4] = struct.pack("<I", first.file_size + len(sound))
    refused(bytes(claimed), mark, "claims more bytes")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("archive/data/aotinductor/model/a.so", "compiled code"),
        ("archive/models/other.json", "does not write"),
        ("archive/../../etc/passwd", "does not write"),
        ("archive/data.pkl", "torch.save"),
        ("archive/code/__torch__.py", "torch.jit.save"),
        ("serialized_exported_program.json", "old torch"),
    ],
)
def test_other_entries_are_refused(name: str, reason: str, sound: bytes, mark: Path) -> None:
    refused(repacked(sound, lambda entries: entries.update({name: b"{}"})), mark, reason)


def test_extra_texts_are_left_out(sound: bytes) -> None:
    extra = {"archive/extra/notes.txt": b"\xff"}
    assert ExportedNetwork.holding(repacked(sound, lambda entries: entries.update(extra))).ready


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_archives_are_refused(share: float, sound: bytes, mark: Path) -> None:
    refused(sound[: int(share * len(sound))] or b"P", mark, "damaged")


def test_changed_bytes_are_noticed(sound: bytes, mark: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(sound)) as file:
        weight = file.read("archive/data/weights/weight_0")
    refused(sound.replace(weight, weight[:-1] + b"\x07"), mark, "damaged")


def test_no_change_of_the_description_raises_another_error() -> None:
    """Any change of a few values makes a program that opens, or one that is refused."""
    data, chance = scaled(), random.Random(0)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        table = json.loads(file.read(MODEL))
    for node in table["graph_module"]["graph"]["nodes"]:
        node["metadata"] = {}
    opened = 0
    for _ in range(150):
        change = altered(chance, table)
        text = json.dumps(change).encode()
        try:
            ExportedNetwork.holding(repacked(data, lambda e, text=text: e.update({MODEL: text})))
            opened += 1
        except ValueError as error:
            assert str(error).startswith("program: ")  # noqa: PT017
    assert opened < 150
