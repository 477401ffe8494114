"""What servers over one Redis share besides handles: quotas, jobs, answers to idempotency keys.

Every server over the store is a *replica*. Redis knows which of them are alive, by a key that each
renews; what a dead one had claimed is free. A replica that cannot reach Redis goes on by its own
books, as if it were alone, and tells Redis what has become of them when it is back.
"""
