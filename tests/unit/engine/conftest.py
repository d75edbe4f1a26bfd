import io
import sys

import pytest

from tests.unit.engine.fake_bridge import Rig


@pytest.fixture
def rig():
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0005)
    rig = Rig(io.StringIO())
    yield rig
    rig.stop()
    sys.setswitchinterval(before)
