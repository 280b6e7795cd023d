"""Errors whose message is one sentence that a user can act on."""


class FerZooError(Exception):
    """Something failed: the message is one sentence that says what is wrong and what to do.

    Attributes:
        exit_code: Exit code of a command that fails with this error, 1.

    Examples:
        >>> from fer_zoo import FerZooError, read_photo
        >>> try:
        ...     read_photo("missing.jpg")
        ... except FerZooError as error:
        ...     print(error)
        missing.jpg does not exist
    """

    exit_code = 1


class UsageError(FerZooError):
    """The call itself is wrong: an unknown name, a value out of its range, a package that is not installed.

    Attributes:
        exit_code: Exit code of a command that fails with this error, 2.

    Examples:
        >>> from fer_zoo import UsageError, load_classifier
        >>> try:
        ...     load_classifier("fernet_tiny:onnx:int4")
        ... except UsageError as error:
        ...     print(error)
        'fernet_tiny:onnx:int4' names an unknown precision 'int4'; choose one of fp32, fp16, int8, dynamic, int8-full
    """

    exit_code = 2


class LostProcessError(FerZooError):
    """Another one of the processes that train together has ended, so that this one cannot go on."""
