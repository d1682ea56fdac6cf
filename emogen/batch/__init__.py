"""Batches of OpenAI: thousands of requests as a file, answered within a day at half the price.

`plans` keeps what was submitted, `remote` speaks to the provider; between them `drafting` writes the files, `launching`
brings them there, and `collecting` puts what comes back into the journal.
"""
