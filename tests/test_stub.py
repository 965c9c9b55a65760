"""The generated stub says what the module has, and the module has what it says."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import tenfold as tf
from tenfold import _core

STUB = ast.parse((Path(tf.__file__).parent / "_core.pyi").read_text())


def names(body):
    for item in body:
        match item:
            case ast.FunctionDef() | ast.ClassDef():
                yield item.name
            case ast.AnnAssign():
                yield item.target.id


def test_module_and_stub_have_the_same_names():
    # Types that the stub names for itself begin with a capital letter; classes that nobody outside makes do as well.
    stubbed = {name for name in names(STUB.body) if not re.match("_[A-Z]", name) or hasattr(_core, name)}
    assert stubbed == {name for name in dir(_core) if not name.startswith("__")} | {"__version__"}


@pytest.mark.parametrize(
    "class_",
    [item for item in STUB.body if isinstance(item, ast.ClassDef) and item.name[0] != "_"],
    ids=lambda item: item.name,
)
def test_classes_and_stubs_have_the_same_members(class_):
    existing = vars(getattr(_core, class_.name))
    stubbed = set(names(class_.body))
    if inspect.ismodule(getattr(_core, class_.name)):
        assert stubbed == {name for name in existing if not name.startswith("__")}
        return
    assert stubbed - {"__new__"} <= set(existing)
    generated = {
        "__doc__",
        "__module__",
        "__weakref__",
        "__new__",
        "__buffer__",
        "__release_buffer__",
        "__eq__",
        "__ne__",
        "__lt__",
        "__le__",
        "__gt__",
        "__ge__",
        "__hash__",
    }
    assert {name for name in existing if name not in generated} <= stubbed


@pytest.mark.parametrize(
    "function", [item for item in STUB.body if isinstance(item, ast.FunctionDef)], ids=lambda item: item.name
)
def test_functions_take_the_arguments_of_their_stubs(function):
    arguments = function.args
    written = [*arguments.posonlyargs, *arguments.args, *filter(None, [arguments.vararg]), *arguments.kwonlyargs]
    found = inspect.signature(getattr(_core, function.name)).parameters
    assert [argument.arg for argument in written] == list(found)
