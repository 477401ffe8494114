from sureflow.sampling.division import Division


def test_of_two_blocks_that_cost_the_same_the_smaller_is_taken() -> None:
    assert Division({1: 1.0, 2: 1.0, 3: 1.0}).blocks(2) == (2,)


def test_rows_are_divided_at_the_least_cost() -> None:
    costs = {1: 1.0, 4: 1.9, 8: 3.3, 16: 9.0}
    division = Division(costs)
    for rows, blocks in {1: [1], 2: [4], 5: [1, 4], 6: [8], 9: [1, 8], 16: [8, 8]}.items():
        assert sorted(division.blocks(rows)) == blocks
    for rows in range(1, 60):
        blocks = division.blocks(rows)
        assert sum(blocks) >= rows
        assert sum(blocks[:-1]) < rows
        assert division.cost(rows) == sum(costs[size] for size in blocks)
        assert division.cost(rows) <= 3.3 * -(-rows // 8) + 1e-9


def test_a_division_that_gains_next_to_nothing_is_not_made() -> None:
    assert Division({8: 1.0, 16: 2.1}).blocks(16) == (16,)
    assert Division({8: 1.0, 16: 2.3}).blocks(16) == (8, 8)


def test_the_order_of_questions_changes_no_division() -> None:
    costs = {2: 1.0, 3: 1.2, 7: 2.0}
    whole = Division(costs)
    backwards = {rows: whole.blocks(rows) for rows in range(40, 0, -1)}
    assert all(Division(costs).blocks(rows) == blocks for rows, blocks in backwards.items())
