"""A module that does not import."""

1 / 0  # noqa: B018
