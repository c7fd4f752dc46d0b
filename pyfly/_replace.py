"""Files that are whole or not there: written under another name in the same folder, then moved."""

import contextlib
import os
import shutil
import stat
import tempfile


@contextlib.contextmanager
def replacing(path, suffix=""):
    """Context manager: the name of an empty file that takes the place of `path` when the block ends without an error.

    The new file has the mode of the one it replaces, or what the umask leaves. A symbolic link stays, and what it
    stands for is replaced. A pipe or a device cannot be: it receives the finished file's bytes.
    """
    special = os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode)
    path = os.fspath(path) if special else os.path.realpath(path)
    folder = None if special else os.path.dirname(path)
    handle, temporary = tempfile.mkstemp(prefix=os.path.basename(path) + ".", suffix=suffix, dir=folder)
    os.close(handle)
    try:
        yield temporary
        if special:
            with open(temporary, "rb") as source, open(path, "wb") as target:
                shutil.copyfileobj(source, target)
            os.unlink(temporary)
        else:
            os.chmod(temporary, _usual_mode(path))
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _usual_mode(path):
    try:
        return os.stat(path).st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
