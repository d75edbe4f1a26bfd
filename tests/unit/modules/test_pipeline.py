"""The `modules` key: what each entry compiles, and third parties' modules."""

import pytest

from pbx.config import load
from pbx.config.compile import compile_document
from pbx.config.machine import Machine
from pbx.errors import ConfigError
from pbx.modules import Pipeline

MACHINE = Machine(("127.0.0.1",), 2, "1.0", "abcd")

THIRD_PARTY = """
from pbx.modules import Module
from pbx.routing import Reject, Router

class Curfew(Module):
    name = "curfew"

    def __init__(self, config):
        super().__init__(config)
        self.router = Router("curfew")

        @self.router.invite(to_user="1002")
        def closed(call):
            return Reject(480)

    @property
    def handlers(self):
        return self.router.handlers

    def compile(self, document):
        document["switch"]["call"]["max_ring_secs"] = 7

class Broken(Module):
    name = "broken"

    def __init__(self, config):
        raise RuntimeError("no licence")

thing = 5
"""


def make(tmp_path, modules):
    path = tmp_path / "pbx.toml"
    path.write_text(f"[proxy]\nudp_port = 0\nmodules = {modules}\n", encoding="utf-8")
    return load(path)


@pytest.fixture
def third_party(tmp_path, monkeypatch):
    (tmp_path / "h6_modules.py").write_text(THIRD_PARTY, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))


def document(config):
    return compile_document(config, MACHINE, generation=1, ask_router=False)


@pytest.mark.parametrize("order", [["acl", "auth", "registrar", "call"], ["registrar", "acl"], ["call"]])
def test_native_modules_are_judged_in_the_order_written(tmp_path, order):
    config = make(tmp_path, order)
    built = document(config)
    pipeline = Pipeline.load(config)
    pipeline.compile(config, built)
    assert built["switch"]["modules"] == order
    assert list(pipeline.names) == order
    assert pipeline.handlers == []


def test_third_party_module_decides_and_compiles(tmp_path, third_party):
    config = make(tmp_path, ["acl", "h6_modules.Curfew", "call"])
    built = document(config)
    pipeline = Pipeline.load(config)
    pipeline.compile(config, built)
    assert built["switch"]["modules"] == ["acl", "call"]
    assert built["switch"]["call"]["max_ring_secs"] == 7
    assert pipeline.names == ("acl", "curfew", "call")
    assert len(pipeline.handlers) == 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("h6_modules.Broken", "no licence"),
        ("h6_modules.thing", "no subclass"),
    ],
)
def test_module_that_does_not_start_refuses_the_configuration(tmp_path, third_party, name, reason):
    config = make(tmp_path, ["call", name])
    with pytest.raises(ConfigError, match=rf'proxy\.modules: "{name}" cannot be loaded: .*{reason}'):
        Pipeline.load(config)
