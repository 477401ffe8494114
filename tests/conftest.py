"""For all tests: kernels are decided on before any of them imports torch."""

import sureflow as sureflow
