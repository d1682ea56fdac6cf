"""`emogen generate` beside bare aiohttp, against a server whose faults are planned."""
