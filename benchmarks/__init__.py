"""What this project is measured against, and the harness that does it: ``python -m benchmarks.run``."""
