"""A task of Celery that does nothing, submitted so many times and collected: prints how many a second."""

import os
import sys
import time

from celery import Celery, group

app = Celery("noop", broker=os.environ["NOOP_REDIS"], backend=os.environ["NOOP_REDIS"])


@app.task
def noop(value):
    return value


if __name__ == "__main__":
    count = int(sys.argv[1])
    # The worker is there.
    noop.delay(0).get(timeout=60)
    group(noop.s(value) for value in range(100)).apply_async().get(timeout=60)
    began = time.perf_counter()
    values = group(noop.s(value) for value in range(count)).apply_async().get(timeout=600)
    assert values == list(range(count))
    print(count / (time.perf_counter() - began))
