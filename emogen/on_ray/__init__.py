"""The same work on many machines, by Ray: records go out in shards, answers and rows come back to the run folder.

Only the process that was started holds the run folder, its lock and its journal, as it does without Ray, so that
nothing else needs a disk. What stands between it and the workers is one actor, the desk (`desk`): it passes on what
they make, and it leases them what the limits allow (`leases`).

    source → shards ─▶ desk ─▶ worker: pipeline.generate, leased admission, outbox ─▶ desk ─▶ journal, run folder

Everything here that needs no cluster is written without Ray; `cluster`, `pool` and `worker` know it.
"""
