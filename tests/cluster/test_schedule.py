"""The bookkeeping of a cluster, without one."""

import random

from hypothesis import given
from hypothesis import strategies as st

from tcnet.cluster.schedule import IN_FLIGHT, MOST_ATTEMPTS, OFFERED, Schedule, Task


def task(job, number, size=1):
    return Task(job, number, windows=2, size=size)


def filled(jobs=1, workers=1, **options):
    """A schedule with jobs that have offered all they may."""
    schedule = Schedule(**options)
    for name in range(workers):
        schedule.add_worker(f"w{name}")
    numbers = {schedule.open_job(): 0 for _ in range(jobs)}
    fill(schedule, numbers)
    return schedule, numbers


def fill(schedule, numbers, end=10**9):
    for job in numbers:
        while schedule.wants(job) and numbers[job] < end:
            schedule.offer(task(job, numbers[job]))
            numbers[job] += 1


def test_a_worker_has_two_tasks_at_most():
    schedule, numbers = filled(workers=3)
    under_way = []
    for _ in range(5):
        under_way += schedule.assign()
        fill(schedule, numbers)
    assert [worker for worker, _ in under_way] == ["w0", "w1", "w2", "w0", "w1", "w2"]
    assert len(under_way) == 3 * IN_FLIGHT
    assert schedule.windows_under_way == 2 * len(under_way)


def test_jobs_take_turns_whatever_their_number_of_segments():
    schedule, numbers = filled(jobs=3)
    order = []
    for _ in range(12):
        for worker, given_task in list(schedule.assign()):
            order.append(given_task.job)
            schedule.done(worker, given_task, "result")
        for job in numbers:
            schedule.take(job)
        fill(schedule, numbers)
    assert order[:9] == [1, 2, 3] * 3


def test_results_come_in_order_and_only_so_many_wait_for_a_slow_one():
    schedule, numbers = filled(workers=2)
    (slow, first), *_ = list(schedule.assign())
    offered = 0
    while True:
        fill(schedule, numbers)
        fast = [(worker, given_task) for worker, given_task in schedule.assign() if worker != slow]
        for worker in ("w0", "w1"):
            for given_task in list(schedule._workers[worker]):
                if given_task != first:
                    fast.append((worker, given_task))
        if not fast:
            break
        for worker, given_task in set(fast):
            schedule.done(worker, given_task, given_task.number)
        offered = numbers[1]
    assert schedule.take(1) is None
    assert offered == 2 * IN_FLIGHT * 2 + OFFERED
    schedule.done(slow, first, 0)
    taken = []
    while (result := schedule.take(1)) is not None:
        taken.append(result)
    assert taken == list(range(offered))
    assert schedule.is_idle(1)
    assert schedule.wants(1)


def test_what_a_lost_worker_had_is_done_next_and_elsewhere():
    schedule, _ = filled(workers=2)
    assigned = list(schedule.assign())
    lost = [given_task for worker, given_task in assigned if worker == "w0"]
    assert schedule.lose_worker("w0") == []
    schedule.done("w0", lost[0], "too late")
    for worker, given_task in assigned:
        if worker == "w1":
            schedule.done(worker, given_task, "result")
    again = list(schedule.assign())
    assert [given_task for _, given_task in again][: len(lost)] == lost
    assert {worker for worker, _ in again} == {"w1"}


def test_a_unit_that_workers_die_over_is_given_up_and_the_one_behind_it_is_not():
    schedule, numbers = filled(workers=1)
    schedule.lose_worker("w0")
    for attempt in range(MOST_ATTEMPTS):
        schedule.add_worker("w")
        fill(schedule, numbers)
        assigned = [given_task.number for _, given_task in schedule.assign()]
        assert assigned == [0, 1]
        given_up = schedule.lose_worker("w")
        assert [given_task.number for given_task in given_up] == ([0] if attempt == MOST_ATTEMPTS - 1 else [])


def test_frames_under_way_are_bounded_by_their_bytes():
    schedule = Schedule(most_bytes=10)
    for name in "abc":
        schedule.add_worker(name)
    job = schedule.open_job()
    schedule.offer(task(job, 0, size=25))  # larger than all there is room for, but something has to be done
    schedule.offer(task(job, 1, size=6))
    schedule.offer(task(job, 2, size=6))
    ((worker, first),) = schedule.assign()
    schedule.done(worker, first, "result")
    assert [given_task.number for _, given_task in schedule.assign()] == [1]


def test_a_closed_job_leaves_room_and_its_results_go_nowhere():
    schedule, _ = filled(jobs=2, workers=1)
    assigned = list(schedule.assign())
    schedule.close_job(1)
    schedule.close_job(1)
    for worker, given_task in assigned:
        schedule.done(worker, given_task, "result")
    assert {given_task.job for _, given_task in schedule.assign()} == {2}


def test_without_workers_little_is_asked_for():
    _, numbers = filled(workers=0)
    assert numbers == {1: OFFERED}


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4))
def test_every_task_is_done_once_and_in_order_whatever_dies(seed, workers, jobs):
    chance = random.Random(seed)
    schedule, numbers = filled(jobs=jobs, workers=0)
    taken = {job: [] for job in numbers}
    end = 12
    names = 0
    for _ in range(10_000):
        while schedule.workers < workers:
            schedule.add_worker(f"n{names}")
            names += 1
        fill(schedule, numbers, end)
        for worker, given_task in schedule.assign():
            assert schedule.has_worker(worker)
            assert len(schedule._workers[worker]) <= IN_FLIGHT
            assert given_task not in taken[given_task.job]
        worker = chance.choice(list(schedule._workers))
        tasks = schedule._workers[worker]
        if tasks:
            if chance.random() < 0.1:
                schedule._attempts.clear()  # nothing is given up here
                schedule.lose_worker(worker)
            else:
                done = chance.choice(tasks)
                schedule.done(worker, done, done.number)
        for job in numbers:
            while (result := schedule.take(job)) is not None:
                taken[job].append(result)
        if all(len(results) == end for results in taken.values()):
            break
    assert all(results == list(range(end)) for results in taken.values())
