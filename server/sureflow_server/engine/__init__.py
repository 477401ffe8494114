"""The engine behind the HTTP routes: scheduler, worker process, and the pool that supervises it."""
