"""A page on which people accept, reject or edit a run's samples, one after the other."""
