"""The paper's experiments, and yours, as recipes: what is tuned and asked, and what it is laid beside."""
