"""Who is next, against the rules written down once more, without their data structures.

``Rules`` keeps one flat list and works everything out anew each time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from dsagent.engine.bridge import Mailbox
from dsagent.engine.request import Request
from dsagent.engine.sequence import Sequence
from dsagent.engine.waiting import AGING, Waiting


def sequence(
    priority: int = 0, owner: str = "", prompt: int = 1, max_tokens: int = 1
) -> Sequence:
    request = Request(tuple(range(prompt)), max_tokens, priority=priority, owner=owner)
    mailbox = Mailbox(prompt, on_room=lambda: None)
    return Sequence(request, seed=0, capacity=prompt + max_tokens, mailbox=mailbox)


@dataclass
class Rules:
    waiting: list[Sequence] = field(default_factory=list)
    """By arrival."""
    passed: Counter[int] = field(default_factory=Counter)
    served: list[tuple[int, str]] = field(default_factory=list)
    """(priority, owner), who was let in and who came back, as both go to the end."""

    def add(self, sequence: Sequence) -> None:
        priority, owner = sequence.request.priority, sequence.request.owner
        if not any(self.place(s) == (priority, owner) for s in self.waiting):
            self.served.append((priority, owner))
        self.waiting.append(sequence)

    def remove(self, sequence: Sequence) -> None:
        self.waiting.remove(sequence)
        if all(s.request.priority != sequence.request.priority for s in self.waiting):
            self.passed.pop(sequence.request.priority, None)

    def pop(self) -> Sequence:
        present = {s.request.priority for s in self.waiting}
        level = max(
            present, key=lambda p: (p + self.passed[p] // AGING, self.passed[p])
        )
        own = [s for s in self.waiting if s.request.priority == level]
        turns = {place: turn for turn, place in enumerate(self.served)}
        chosen = min(own, key=lambda s: turns[self.place(s)])  # of one owner, the first
        for priority in present - {level}:
            self.passed[priority] += 1
        self.passed[level] = 0
        self.remove(chosen)
        self.served.append(self.place(chosen))
        return chosen

    @staticmethod
    def place(sequence: Sequence) -> tuple[int, str]:
        return sequence.request.priority, sequence.request.owner


ARRIVALS = st.tuples(st.integers(-1, 2), st.sampled_from("abc"))
EVENTS = st.lists(st.one_of(ARRIVALS, st.just("pop"), st.integers(0, 30)), max_size=250)


@settings(max_examples=150)
@given(EVENTS)
def test_the_order_is_the_one_the_rules_give(
    events: list[tuple[int, str] | str | int],
) -> None:
    queue, rules = Waiting(), Rules()
    for event in events:
        if isinstance(event, tuple):
            newcomer = sequence(*event)
            queue.add(newcomer)
            rules.add(newcomer)
            assert newcomer in queue
        elif event == "pop" and rules.waiting:
            first = queue.first
            assert queue.pop() is first is rules.pop()
        elif isinstance(event, int) and event < len(rules.waiting):
            leaver = rules.waiting[event]
            queue.remove(leaver)
            rules.remove(leaver)
            assert leaver not in queue
        assert len(queue) == len(rules.waiting)
        assert set(queue) == set(rules.waiting)
    while rules.waiting:
        assert queue.pop() is rules.pop()
    assert queue.first is None


def test_a_question_does_not_wait_for_somebodys_thousand_prompts() -> None:
    queue = Waiting()
    prompts = [sequence(owner="batch") for _ in range(1000)]
    for each in prompts:
        queue.add(each)
    assert [queue.pop() for _ in range(10)] == prompts[:10]
    question = sequence(owner="person")
    queue.add(question)
    assert [queue.pop(), queue.pop()] == [prompts[10], question]


@given(st.lists(st.integers(1, 40), min_size=2, max_size=5))
@settings(max_examples=50)
def test_owners_get_equal_shares_while_they_have_something(counts: list[int]) -> None:
    """Max-min fairness: at any time, two who still wait differ by one at most."""
    queue = Waiting()
    for owner, count in enumerate(counts):
        for _ in range(count):
            queue.add(sequence(owner=str(owner)))
    served: Counter[int] = Counter()
    while len(queue):
        served[int(queue.pop().request.owner)] += 1
        hungry = [served[i] for i, count in enumerate(counts) if served[i] < count]
        if hungry:
            assert max(served[i] for i in range(len(counts))) <= min(hungry) + 1


@given(st.integers(1, 4), st.data())
@settings(max_examples=30)
def test_nobody_starves_below_a_stream_of_urgent_ones(
    above: int, data: st.DataObject
) -> None:
    """Urgent requests come as fast as they are let in. One that is ``above`` below
    them is passed over ``AGING * above`` times for each of its level, no more."""
    queue = Waiting()
    before = data.draw(st.integers(0, 3))
    own = [sequence(0) for _ in range(before + 1)]
    for each in own:
        queue.add(each)
    admissions = 0
    while own[-1] in queue:
        queue.add(sequence(above, owner=data.draw(st.sampled_from("ab"))))
        queue.pop()
        admissions += 1
        assert admissions <= (AGING * above + 1) * len(own)
    assert admissions == (AGING * above + 1) * len(own)  # and no fewer
    assert own[-1].rank == above  # not to be put out by those it had waited for


def test_one_that_had_been_in_comes_first_of_its_priority() -> None:
    queue = Waiting()
    others = [sequence(owner="a"), sequence(owner="b")]
    urgent, displaced = sequence(1), sequence(owner="b")
    for each in [*others, urgent]:
        queue.add(each)
    queue.add(displaced, front=True)
    assert [queue.pop() for _ in range(4)] == [urgent, displaced, *others]
