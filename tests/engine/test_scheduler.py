"""Who gets in, and what each step computes. No thread, no tensors."""

from __future__ import annotations

import random

import pytest

from dsagent.engine.admission import Admission
from dsagent.engine.bridge import Mailbox
from dsagent.engine.request import Request
from dsagent.engine.scheduler import Scheduler, Work
from dsagent.engine.sequence import Sequence
from dsagent.errors import Closed, QueueFull


def sequence(prompt: int, max_tokens: int = 10, priority: int = 0) -> Sequence:
    request = Request(tuple(range(prompt)), max_tokens, priority=priority)
    mailbox = Mailbox(prompt, on_room=lambda: None)
    return Sequence(request, seed=0, capacity=prompt + max_tokens, mailbox=mailbox)


def compute(work: list[Work]) -> None:
    """What the runner and the worker do to the sequences, without a model."""
    for piece in work:
        last = piece.last
        piece.sequence.computed = piece.start + piece.length
        if last:
            piece.sequence.append(0)


def spans(work: list[Work]) -> list[tuple[int, int]]:
    return [(piece.start, piece.length) for piece in work]


def scheduler_with(*sequences: Sequence, chunk: int = 8, unread: int = 4) -> Scheduler:
    scheduler = Scheduler(prefill_chunk=chunk, max_unread=unread)
    for each in sequences:
        scheduler.add(each)
    return scheduler


def test_a_prompt_is_cut_at_multiples_of_the_chunk() -> None:
    only = sequence(21)
    scheduler = scheduler_with(only)
    seen = []
    for _ in range(4):
        work = scheduler.plan()
        seen += spans(work)
        compute(work)
    assert seen == [(0, 8), (8, 8), (16, 5), (21, 1)]


def test_chunks_do_not_depend_on_company() -> None:
    """The pieces of every sequence, under random company, are its pieces alone."""
    rng = random.Random(5)
    for _ in range(50):
        everyone = [sequence(rng.randint(1, 60)) for _ in range(6)]
        scheduler = scheduler_with(chunk=8)
        pieces: dict[Sequence, list[tuple[int, int]]] = {s: [] for s in everyone}
        arriving = list(everyone)
        while arriving or any(len(s.tokens) < s.capacity for s in everyone):
            if arriving and rng.random() < 0.3:
                scheduler.add(arriving.pop())
            work = scheduler.plan()
            for piece in work:
                pieces[piece.sequence].append((piece.start, piece.length))
            compute(work)
            for each in scheduler.running:
                each.mailbox.take_nowait()
                if len(each.tokens) >= each.capacity:
                    scheduler.remove(each)
        for each, seen in pieces.items():
            n = len(each.request.prompt)
            prefill = [(s, min(8, n - s)) for s in range(0, n, 8)]
            assert seen == prefill + [(n + i, 1) for i in range(9)]


def test_a_step_holds_every_decode_and_one_chunk_budget() -> None:
    rng = random.Random(1)
    scheduler = scheduler_with(*[sequence(rng.randint(1, 50)) for _ in range(12)])
    for _ in range(60):
        decoding = {s for s in scheduler.running if s.decoding}
        work = scheduler.plan()
        assert {p.sequence for p in work if p.sequence.decoding} == decoding
        prefill = sum(p.length for p in work if not p.sequence.decoding)
        assert prefill <= 8
        compute(work)
        for each in scheduler.running:
            if len(each.tokens) >= each.capacity:
                scheduler.remove(each)
    assert scheduler.plan() == []


def test_short_prompts_share_a_chunk() -> None:
    scheduler = scheduler_with(sequence(3), sequence(4), sequence(5))
    assert spans(scheduler.plan()) == [(0, 3), (0, 4)]


def test_a_question_does_not_wait_for_the_book_in_front() -> None:
    book, question = sequence(8 * 50), sequence(12)
    scheduler = scheduler_with(book, question)
    steps = 0
    while question.first_token is None:
        compute(scheduler.plan())
        steps += 1
    assert steps == 4
    assert book.computed == 16


def test_a_stream_of_questions_does_not_starve_the_book() -> None:
    book = sequence(8 * 20)
    scheduler = scheduler_with(book)
    steps = 0
    while book.first_token is None:
        scheduler.add(sequence(8))
        compute(scheduler.plan())
        steps += 1
        for each in scheduler.running:
            if each is not book and not each.pending > 1:
                scheduler.remove(each)
    assert steps <= 40


def test_an_urgent_prompt_is_read_first_and_the_oldest_gets_on() -> None:
    """Seven steps of eight are the urgent one's, though there is less of others."""
    book, short, urgent = sequence(8 * 50), sequence(16), sequence(8 * 35, priority=1)
    scheduler = scheduler_with(book, short, urgent)
    steps = 0
    while urgent.first_token is None:
        compute(scheduler.plan())
        steps += 1
    assert (steps, book.computed, short.computed) == (40, 40, 0)


def test_pieces_are_cut_at_the_grid_and_fill_a_step() -> None:
    scheduler = scheduler_with(sequence(200), sequence(1000), chunk=300)
    first, second = scheduler.plan()
    assert (first.start, first.length) == (0, 200)
    assert (second.start, second.length) == (0, 64)
    compute([first, second])
    assert spans(scheduler.plan()) == [(200, 1), (64, 64)]  # nothing is known yet
    scheduler.record([second], 1e-6)
    assert spans(scheduler.plan()) == [(200, 1), (64, 256)]


def test_what_was_displaced_reads_all_but_the_token_it_goes_on_from() -> None:
    only = sequence(10)
    scheduler = scheduler_with(only)
    for _ in range(4):
        compute(scheduler.plan())
    assert (len(only.tokens), only.computed) == (13, 12)
    only.set_aside()
    seen = []
    for _ in range(3):
        work = scheduler.plan()
        seen += [(p.start, p.length, p.last, p.decodes) for p in work]
        compute(work)
    assert seen == [(0, 8, False, False), (8, 4, False, False), (12, 1, True, True)]


def test_a_sequence_with_an_unread_backlog_is_left_out_until_it_is_read() -> None:
    room = []
    behind, other = sequence(1), sequence(1)
    behind.mailbox = Mailbox(1, on_room=lambda: room.append(True))
    scheduler = scheduler_with(behind, other, unread=3)
    behind.mailbox.put((1, 2))
    assert len(scheduler.plan()) == 2
    behind.mailbox.put((3,))
    assert [piece.sequence for piece in scheduler.plan()] == [other]
    assert scheduler.is_paused(behind)
    assert not room
    step = behind.mailbox.take_nowait()
    assert step is not None
    assert step.ids == (1, 2, 3)
    assert room == [True]
    assert len(scheduler.plan()) == 2


def test_admission_is_first_come_first_served_even_when_a_later_one_fits() -> None:
    door = Admission(slots=4, tokens=100, queue=10)
    first, large, small = sequence(50), sequence(60), sequence(5)
    for each in (first, large, small):
        door.enter(each)
    assert door.take() == [first]
    assert door.waiting == 2
    door.release(first)
    assert door.take() == [large, small]


def test_admission_reserves_the_whole_length() -> None:
    door = Admission(slots=9, tokens=100, queue=10)
    everyone = [sequence(20, max_tokens=13) for _ in range(5)]
    for each in everyone:
        door.enter(each)
    assert len(door.take()) == 3
    assert door.reserved_tokens == 99
    door.release(everyone[0])
    assert door.take() == [everyone[3]]


def test_admission_counts_slots() -> None:
    door = Admission(slots=2, tokens=10_000, queue=10)
    everyone = [sequence(1) for _ in range(3)]
    for each in everyone:
        door.enter(each)
    assert door.take() == everyone[:2]
    door.release(everyone[1])
    assert door.take() == everyone[2:]


def test_a_full_queue_refuses_and_says_what_to_do() -> None:
    door = Admission(slots=1, tokens=100, queue=2)
    for _ in range(3):
        door.enter(sequence(1))
    with pytest.raises(QueueFull) as caught:
        door.enter(sequence(1))
    assert str(caught.value) == (
        "the queue is full: 1 requests run and 2 wait, the most EngineConfig.max_queue "
        "allows; try again when some have finished, or ask for less output "
        "(max_tokens) so that more of them run together"
    )
    assert door.waiting == 2


def test_a_full_queue_still_lets_in_an_urgent_one_that_fits() -> None:
    door = Admission(slots=9, tokens=100, queue=1)
    running, large, urgent = sequence(50), sequence(60), sequence(10, priority=1)
    for each in (running, large, urgent):
        door.enter(each)
    assert door.take() == [running, urgent]
    with pytest.raises(QueueFull):
        door.enter(sequence(60, priority=1))
    assert door.waiting == 1


def test_the_door_knows_since_when_somebody_waits() -> None:
    door = Admission(slots=1, tokens=100, queue=9)
    first, second, urgent = sequence(1), sequence(1), sequence(1, priority=1)
    assert door.waiting_since is None
    for each in (first, second, urgent):
        door.enter(each)
    assert door.waiting_since == second.submitted


def test_withdrawing_at_the_door_gives_everything_back() -> None:
    door = Admission(slots=1, tokens=100, queue=5)
    admitted, waiting, last = sequence(50), sequence(60), sequence(10)
    for each in (admitted, waiting, last):
        door.enter(each)
    assert door.withdraw(admitted)  # reserved, but not taken yet
    assert door.take() == [waiting]
    assert not door.withdraw(waiting)  # taken: only release gives it back
    assert door.withdraw(last)
    assert door.waiting == 0
    door.release(waiting)
    assert door.reserved_tokens == 0


def test_withdrawing_the_head_lets_the_next_in() -> None:
    door = Admission(slots=4, tokens=100, queue=5)
    holder, large, small = sequence(50), sequence(80), sequence(10)
    for each in (holder, large, small):
        door.enter(each)
    assert door.take() == [holder]
    assert door.withdraw(large)
    assert door.take() == [small]


def test_a_closed_door_says_why() -> None:
    door = Admission(slots=1, tokens=100, queue=5)
    admitted, waiting = sequence(50), sequence(60)
    door.enter(admitted)
    door.enter(waiting)
    cause = RuntimeError("boom")
    assert door.close("because of a test", cause) == [admitted, waiting]
    assert door.reserved_tokens == 0
    with pytest.raises(Closed, match="because of a test") as caught:
        door.enter(sequence(1))
    assert caught.value.__cause__ is cause
