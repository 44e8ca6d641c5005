"""The stages of the pipeline, one a file. Each reads parameters and inputs, calls samebits and writes outputs.

A project runs them as `python -m samebits.stages.NAME`.
"""

import gc

gc.disable()  # while a stage imports: scikit-learn or torch take a quarter less. `errors.run` switches it on again
