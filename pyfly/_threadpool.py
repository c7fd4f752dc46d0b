"""threadpoolctl learns about libbutterfly: ``threadpool_limits(1)`` limits it like a BLAS or OpenMP."""

import threadpoolctl


class ButterflyController(threadpoolctl.LibController):
    """How threadpoolctl finds the library and reads and sets its number of threads."""

    user_api = "butterfly"
    internal_api = "butterfly"
    filename_prefixes = ("libbutterfly",)
    check_symbols = ("bfly_get_num_threads", "bfly_set_num_threads", "bfly_version")

    def get_num_threads(self):
        return self.dynlib.bfly_get_num_threads()

    def set_num_threads(self, num_threads):
        self.dynlib.bfly_set_num_threads(num_threads)

    def get_version(self):
        number = self.dynlib.bfly_version()
        return f"{number // 10000}.{number // 100 % 100}.{number % 100}"


threadpoolctl.register(ButterflyController)
