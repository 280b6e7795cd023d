"""Errors whose message is one sentence that a user can act on."""


class FerZooError(Exception):
    """Something failed: the message says what is wrong and what to do. Exit code 1."""

    exit_code = 1


class UsageError(FerZooError):
    """The call itself is wrong (an unknown option value, a missing path, a backend not installed). Exit code 2."""

    exit_code = 2
