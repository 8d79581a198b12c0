"""The desktop process: opens and notifies on a workstation."""
