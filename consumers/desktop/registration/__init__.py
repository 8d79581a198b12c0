"""Registers tel: links with the operating system."""
