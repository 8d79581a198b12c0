"""What every process needs: configuration, files, SQLite, child processes."""
