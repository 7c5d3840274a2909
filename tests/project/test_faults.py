"""The deliberate faults of `tests/mutations.py` still stand in the files that they name."""

import pytest
from mutations import FAULTS, ROOT


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_put_in(fault):
    assert fault.applies(ROOT)
    assert fault.old != fault.new
    assert (ROOT / fault.tests[0]).is_file()


def test_there_are_many_faults_of_different_names():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 20
