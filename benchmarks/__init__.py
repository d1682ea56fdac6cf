"""What is measured about this project, and against what: see README.md."""
