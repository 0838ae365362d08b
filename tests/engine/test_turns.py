"""Who goes next: by what jobs have had, then by age, and nobody waits for ever."""

from engine.turns import QUANTUM, Account


def order(now: float, *accounts: Account) -> list[int]:
    ranked = sorted(range(len(accounts)), key=lambda each: accounts[each].rank(now))
    return list(ranked)


def test_the_oldest_goes_first_while_nobody_has_had_much() -> None:
    old, young = Account(since=0.0), Account(since=1.0)
    old.charge(QUANTUM * 0.9, now=2.0)
    assert order(2.0, young, old) == [1, 0]


def test_who_has_had_much_gives_way_to_who_comes_new() -> None:
    old, young = Account(since=0.0), Account(since=9.9)
    old.charge(10.0, now=10.0)
    assert order(10.0, old, young) == [1, 0]


def test_two_long_ones_share() -> None:
    accounts, served, now = [Account(since=0.0), Account(since=0.1)], [0.0, 0.0], 0.2
    for _ in range(4000):
        turn = order(now, *accounts)[0]
        now += 0.02
        served[turn] += 0.02
        accounts[turn].charge(0.02, now)
    assert min(served) > 0.3 * sum(served)


def test_a_long_one_goes_on_however_many_newcomers_there_are() -> None:
    long, served, now = Account(since=0.0), 0, 100.0
    long.charge(100.0, now=100.0)
    for index in range(2000):
        young = Account(since=100.0 + index * 0.1)
        now = 100.1 + index * 0.1
        if order(now, young, long) == [1, 0]:
            served += 1
            long.charge(0.1, now)
    assert 200 < served < 600
