"""Training of an initialised model: text, loop, worker process, and what starts and watches it."""
