"""The paper in miniature: emoji drawings, people's scores of their emotion, and the real commands."""
