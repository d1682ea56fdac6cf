"""The same work on many machines, by Ray: records go out in shards, answers and rows come back to the run folder.

Only the process that was started holds the run folder, its lock and its journal, as it does without Ray, so that
nothing else needs a disk. In it stands the desk (`desk`), to which each worker has a line of its own (`line`): there it
hands in what it has made, and gets leases of what the limits allow (`leases`).

    source → shards ─▶ worker: pipeline.generate, leased admission, outbox ─line▶ desk ─▶ journal, run folder

Everything here that needs no cluster is written without Ray; `cluster`, `pool` and `worker` know it.
"""
