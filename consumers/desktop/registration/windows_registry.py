"""The user's part of the registry of Windows; nothing here decides what stands in it."""

import sys

if sys.platform == "win32":
    import ctypes
    import winreg

    _ASSOCIATIONS_CHANGED = 0x08000000  # SHCNE_ASSOCCHANGED

    def _read(place: int, key: str, name: str) -> str | None:
        try:
            with winreg.OpenKey(place, key) as handle:
                return str(winreg.QueryValueEx(handle, name)[0])
        except (FileNotFoundError, PermissionError):
            return None

    class UserRegistry:
        """HKEY_CURRENT_USER."""

        def read(self, key: str, name: str) -> str | None:
            """Give a value; None if there is none."""
            return _read(winreg.HKEY_CURRENT_USER, key, name)

        def read_for_all(self, key: str, name: str) -> str | None:
            """Give a value that holds for every user of the machine; None if there is none."""
            return _read(winreg.HKEY_LOCAL_MACHINE, key, name)

        def write(self, key: str, name: str, value: str) -> None:
            """Set a value, and make its key."""
            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as handle:
                winreg.SetValueEx(handle, name, 0, winreg.REG_SZ, value)

        def remove(self, key: str, name: str) -> bool:
            """Remove a value; False if there is none."""
            try:
                access = winreg.KEY_SET_VALUE
                with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key, 0, access) as handle:
                    winreg.DeleteValue(handle, name)
            except FileNotFoundError:
                return False
            return True

        def drop(self, key: str) -> bool:
            """Remove a key that holds nothing any more; False if it does, or there is none."""
            try:
                with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as handle:
                    keys, values, _ = winreg.QueryInfoKey(handle)
                if keys or values:
                    return False
                winreg.DeleteKey(winreg.HKEY_CURRENT_USER, key)
            except FileNotFoundError:
                return False
            return True

        def announce(self) -> None:
            """Have the desktop read its associations again."""
            ctypes.windll.shell32.SHChangeNotify(_ASSOCIATIONS_CHANGED, 0, None, None)
