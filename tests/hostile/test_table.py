"""The message table as a worker attacks it: every row in every way to be wrong,
made from the table itself."""

import pytest

from hostile import wrong


PARTS = 6


@pytest.mark.parametrize('part', range(PARTS))
def test_every_row_in_every_way(scene, table, part):
    own = table.of('worker', 'monitor')
    others = [m for m in table.messages if m not in own]
    scene.attacker()
    attempts = [
        *wrong.of_table(table, own, 1),
        *wrong.of_table(table, others, 1, thorough=False),
        *wrong.of_others(table, 'worker'), *wrong.numbers_of_nobody(table),
        *wrong.frames(table)]
    for attempt in attempts[part::PARTS]:
        scene.table_attempt(attempt)
