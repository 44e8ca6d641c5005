"""The stages of the pipeline, one a file. What each does is in samebits/stages/, where other projects find it, too."""

from samebits import stages  # noqa: F401 - it holds the garbage collector while a stage imports
