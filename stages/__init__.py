"""The stages of the pipeline, one a file. Each reads parameters and inputs, calls samebits and writes outputs."""

import gc

gc.disable()  # a stage is short; without the collector's passes, importing scikit-learn or torch takes a quarter less
