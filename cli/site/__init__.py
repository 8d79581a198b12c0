"""The files of a site: configuration, secrets, what is shipped."""
